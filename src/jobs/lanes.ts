import { formatGoDuration } from "../core/index.ts";
import type { Component, Family, Lanes } from "../family/index.ts";
import { annotationsFor, clusterEnv, clusterVersion, dashed, substituted, withVersion } from "./generated-members.ts";
import { type ClusterTest, type Job, jobDefaults } from "./model.ts";

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
      laneJob(family, lanes, deployment, {
        name: `${prefix}-${name}`,
        tab: name,
        version,
        what,
        env,
        replaced: [],
        canary: name !== "stable",
      });
    const onDevelopment = versionOnly(kubernetes.developmentEnv);
    const withCanaries = { ...folder(lanes.canary), ...lanes.canaryEnv };
    return [
      lane("stable", "latest", "as pinned on the Kubernetes under development", {
        ...folder(lanes.stable),
        ...onDevelopment,
      }),
      ...kubernetes.versions.map((version) =>
        lane(`canary-${dashed(version)}`, version, `with canary images on Kubernetes ${version}`, {
          ...withCanaries,
          ...versionOnly(kubernetes.env),
        }),
      ),
      lane("canary-dev", "latest", "with canary images on the Kubernetes under development", {
        ...withCanaries,
        ...lanes.developmentEnv,
        ...onDevelopment,
      }),
    ];
  });
}

/** Of the variables of changes' jobs only the one that names the version is the lanes' too. */
function versionOnly(env: Readonly<Record<string, string>>): Record<string, string> {
  const value = env["CSI_PROW_KUBERNETES_VERSION"];
  return value === undefined ? {} : { CSI_PROW_KUBERNETES_VERSION: value };
}

/** `.prow.sh` takes the name of a folder below the deployment's `deploy/`. */
function folder(path: string | undefined): Record<string, string> {
  return path === undefined || path.includes("$") ? {} : { CSI_PROW_DEPLOYMENT: path.split("/").at(-1) ?? path };
}

interface LaneVariant {
  readonly name: string;
  readonly tab: string;
  readonly version: string;
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
  readonly replaced: ClusterTest["replaced"];
  readonly canary: boolean;
}

/**
 * The stable lane with the images of one release in the place of what is pinned (design 1.7): it judges a candidate before
 * its final, and a final before the deployment is offered it. `undefined` where there is no such lane.
 */
export function stableWithRelease(
  family: Family,
  deployment: Component,
  release: ClusterTest["replaced"][number],
): Job | undefined {
  const { lanes, kubernetes } = family;
  if (!lanes || !testsInClusters(family)) return undefined;
  const several = family.components.filter((component) => component.kind === "deployment").length > 1;
  const prefix = several ? `${family.name}-${deployment.name}` : family.name;
  return {
    ...laneJob(family, lanes, deployment, {
      name: `${prefix}-stable-with-release`,
      tab: "stable-with-release",
      version: "latest",
      what: `as pinned, with ${release.component} ${release.version}, on the Kubernetes under development`,
      env: { ...folder(lanes.stable), ...versionOnly(kubernetes.developmentEnv) },
      replaced: [release],
      canary: false,
    }),
    schedule: undefined,
  };
}

/** Does the family say how what it deploys is tested, and in which clusters? Else components bring their own. */
export function testsInClusters(family: Family): boolean {
  return family.kubernetes.e2e !== undefined && family.kubernetes.cluster !== "none";
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
      ...clusterEnv({ ...lanes.env, ...variant.env }, version),
      ...substituted(deployment.jobs.env, version),
    },
    timeoutMs,
    gracePeriodMs,
    decoration: { timeout: formatGoDuration(timeoutMs), grace_period: formatGoDuration(gracePeriodMs) },
    extraRefs: [{ org: deployment.org, repo: deployment.repo, base_ref: lanes.ref, base_sha: "" }],
    body: testsInClusters(family)
      ? {
          kind: "release-configuration",
          steps: ["cluster"],
          cluster: {
            version: clusterVersion(version),
            deployment: deployment.name,
            folder: withVersion(variant.canary ? lanes.canary : lanes.stable, version),
            others: variant.canary ? "canary" : "pinned",
            replaced: variant.replaced,
          },
        }
      : { kind: "release-configuration", steps: ["test"] },
    needs: ["cluster"],
  };
}
