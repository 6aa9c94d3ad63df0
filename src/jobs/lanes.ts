import { formatGoDuration } from "../core/index.ts";
import type { Component, Family, Lanes } from "../family/index.ts";
import { annotationsFor, clusterEnv, dashed, substituted } from "./generated-members.ts";
import { type Job, jobDefaults } from "./model.ts";

/**
 * Design 1.8: combinations on a schedule. `F-stable`: the deployment as pinned, on the Kubernetes under development;
 * `F-canary-<version>`: the newest canary images on each released Kubernetes; `F-canary-dev`. With several deployments
 * `F-<deployment>-stable` and so on.
 */
export function generateLanes(family: Family): readonly Job[] {
  const { lanes, kubernetes } = family;
  const deployments = family.components.filter((component) => component.kind === "deployment");
  if (!lanes) return [];
  return deployments.flatMap((deployment) => {
    const prefix = deployments.length === 1 ? family.name : `${family.name}-${deployment.name}`;
    const lane = (name: string, version: string, what: string, env: Readonly<Record<string, string>>) =>
      laneJob(family, lanes, deployment, { name: `${prefix}-${name}`, tab: name, version, what, env });
    const development = kubernetes.developmentEnv;
    return [
      lane("stable", "latest", "as pinned on the Kubernetes under development", development),
      ...kubernetes.versions.map((version) =>
        lane(`canary-${dashed(version)}`, version, `with canary images on Kubernetes ${version}`, {
          ...kubernetes.env,
          ...lanes.canaryEnv,
        }),
      ),
      lane("canary-dev", "latest", "with canary images on the Kubernetes under development", {
        ...development,
        ...lanes.canaryEnv,
      }),
    ];
  });
}

interface LaneVariant {
  readonly name: string;
  readonly tab: string;
  readonly version: string;
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
}

function laneJob(family: Family, lanes: Lanes, deployment: Component, variant: LaneVariant): Job {
  const { name, version } = variant;
  const { timeoutMs, gracePeriodMs } = deployment.jobs;
  return {
    ...jobDefaults,
    name,
    type: "periodic",
    component: deployment.name,
    repository: undefined,
    origin: "generated",
    context: name,
    trigger: "",
    rerunCommand: "",
    schedule: { kind: "interval", everyMs: lanes.everyMs },
    labels: family.generated.labels,
    annotations: annotationsFor(family, deployment.name, variant.tab, `Tests ${deployment.name} ${variant.what}`),
    // What is tested are images that exist: nothing is built.
    env: {
      CSI_PROW_BUILD_JOB: "false",
      ...clusterEnv({ ...variant.env, ...lanes.env }, version),
      ...substituted(deployment.jobs.env, version),
    },
    timeoutMs,
    gracePeriodMs,
    decoration: { timeout: formatGoDuration(timeoutMs), grace_period: formatGoDuration(gracePeriodMs) },
    extraRefs: [{ org: deployment.org, repo: deployment.repo, base_ref: lanes.ref, base_sha: "" }],
    body: { kind: "release-configuration", steps: ["test"] },
    needs: ["cluster"],
  };
}
