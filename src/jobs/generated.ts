import { formatGoDuration } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import { annotationsFor, clusterEnv, clusterVersion, dashed, substituted, withVersion } from "./generated-members.ts";
import { generateLanes, testsInClusters } from "./lanes.ts";
import { type ClusterTest, defaultTrigger, type Job, jobDefaults, type Refs } from "./model.ts";

/**
 * Jobs of the family file (design 5): `F-C-pr` and `F-C-build` for each component; with a cluster the Kubernetes matrix
 * `F-C-pr-<version>`, the version under development and alpha features when asked for; and the lanes. `defaultBranches`
 * says what each repository's HEAD names; a component not in it is taken to have `main` or `master`.
 */
export function generateJobs(family: Family, defaultBranches: Readonly<Record<string, string>>): readonly Job[] {
  if (!family.generateJobs) return [];
  return [
    ...family.components.flatMap((component) => [
      presubmit(family, component, {
        suffix: "",
        tab: "unit",
        what: "its tests",
        needs: [],
        env: testsInClusters(family) ? {} : defaultEnv(family, component),
        cluster: clusterTest(family, component, defaultKubernetes(family)),
      }),
      buildJob(family, component, defaultBranches[component.name]),
      ...testedInside(family, component),
      ...matrix(family, component),
      ...withChange(family, component),
    ]),
    ...generateLanes(family),
  ];
}

/** The version that `-pr` stands for: the newest released one that is no experiment. */
function defaultKubernetes(family: Family): string | undefined {
  const { versions, experimental } = family.kubernetes;
  return versions.filter((version) => !experimental.includes(version)).at(-1) ?? versions.at(-1);
}

/** A deployed component is also tested on the default version of Kubernetes. */
function defaultEnv(family: Family, component: Component): Readonly<Record<string, string>> {
  const version = component.deployed && family.kubernetes.cluster !== "none" ? defaultKubernetes(family) : undefined;
  if (version === undefined) return {};
  const env = clusterEnv(family.kubernetes.env, version);
  const tests = env["CSI_PROW_TESTS"];
  return tests === undefined || tests.split(" ").includes("unit") ? env : { ...env, CSI_PROW_TESTS: `unit ${tests}` };
}

interface Variant {
  /** After `F-C-pr`. */
  readonly suffix: string;
  /** TestGrid's name of the tab. */
  readonly tab: string;
  readonly what: string;
  readonly needs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly optional?: boolean;
  readonly onDemand?: boolean;
  readonly cluster?: ClusterTest | undefined;
}

/** The deployment that tests the component: its own manifests, else the family's example. */
function deploymentOf(family: Family, component: Component): Component | undefined {
  if (component.kind === "deployment" || component.e2e?.folder !== undefined) return component;
  const all = family.components.filter((each) => each.kind === "deployment");
  const named = family.kubernetes.e2e?.deployment;
  return named === undefined ? (all.length === 1 ? all[0] : undefined) : all.find((each) => each.name === named);
}

/** `undefined`: the component is not deployed, or the family does not say how it is tested there. */
function clusterTest(family: Family, component: Component, version: string | undefined): ClusterTest | undefined {
  const deployment = deploymentOf(family, component);
  if (!component.deployed || version === undefined || !deployment || !testsInClusters(family)) return undefined;
  const folder = component.e2e?.folder ?? family.kubernetes.e2e?.folder ?? family.lanes?.stable;
  return {
    version: clusterVersion(version),
    deployment: deployment.name,
    folder: withVersion(folder, version),
    others: family.kubernetes.e2e?.others ?? "pinned",
    replaced: [],
  };
}

/** The deployment is checked out beside the component that it tests. */
function besideIt(family: Family, component: Component, cluster: ClusterTest | undefined): readonly Refs[] {
  if (!cluster || cluster.deployment === component.name) return [];
  const deployment = family.components.find((each) => each.name === cluster.deployment);
  if (!deployment) return [];
  const ref = family.kubernetes.e2e?.ref ?? family.lanes?.ref ?? deployment.defaultBranch ?? "master";
  return [{ org: deployment.org, repo: deployment.repo, base_ref: ref, base_sha: "", auxiliary: true }];
}

/** What the stable lane would say of an open change: for maintainers to ask before they merge. */
function withChange(family: Family, component: Component): readonly Job[] {
  const test = clusterTest(family, component, "latest");
  if (!test || !family.lanes || component.kind === "deployment" || component.e2e?.folder !== undefined) return [];
  const what = "the stable lane with the change's images in the place of what is pinned,";
  const job = presubmit(family, component, {
    suffix: "",
    tab: "stable-with-change",
    what,
    needs: [],
    env: {},
    onDemand: true,
    cluster: { ...test, folder: withVersion(family.lanes.stable, "latest") },
  });
  const name = `${family.name}-stable-with-change`;
  return [{ ...job, name, context: name, trigger: defaultTrigger(name), rerunCommand: `/test ${name}` }];
}

function presubmit(family: Family, component: Component, variant: Variant): Job {
  const name = `${family.name}-${component.name}-pr${variant.suffix}`;
  const plain = common(family, component, name, variant.tab, `Runs ${variant.what} of ${component.name} on changes`);
  return {
    ...plain,
    type: "presubmit",
    alwaysRun: variant.onDemand !== true,
    optional: plain.optional || variant.optional === true || variant.onDemand === true,
    env: { ...variant.env, ...plain.env },
    extraRefs: besideIt(family, component, variant.cluster),
    body: variant.cluster
      ? {
          kind: "release-configuration",
          steps: ["build", ...(variant.needs.length > 0 ? [] : (["test"] as const)), "images", "cluster"],
          cluster: variant.cluster,
        }
      : { kind: "release-configuration", steps: ["build", "test", "images"] },
    // Its own step says that there is no cluster, once all that needs none was tested.
    needs: variant.cluster ? [] : variant.needs,
  };
}

/** KEP: a postsubmit that matches `v*` branches and tags, the default branch and the maintenance branches. */
function buildJob(family: Family, component: Component, defaultBranch: string | undefined): Job {
  const own = defaultBranch === undefined ? ["^main$", "^master$"] : [`^${literal(defaultBranch)}$`];
  const name = `${family.name}-${component.name}-build`;
  const cluster = clusterTest(family, component, defaultKubernetes(family));
  return {
    ...common(family, component, name, "build", `Tests and builds ${component.name} on its branches and tags`),
    type: "postsubmit",
    alwaysRun: undefined,
    branches: [...own, "^release-", "^v"],
    extraRefs: besideIt(family, component, cluster),
    body: cluster
      ? { kind: "release-configuration", steps: ["build", "test", "images", "push", "cluster"], cluster }
      : { kind: "release-configuration", steps: ["build", "test", "images", "push"] },
  };
}

/** `F-C-in-D`: a change of the internal component C, as D would have it once it updated its copy. */
function testedInside(family: Family, component: Component): readonly Job[] {
  return (component.testedIn ?? []).flatMap((name): Job[] => {
    const user = family.components.find((each) => each.name === name);
    if (!user) return [];
    const job = presubmit(family, component, {
      suffix: "",
      tab: `in-${name}`,
      what: `the tests of ${name} with this copy`,
      needs: [],
      env: defaultEnv(family, user),
    });
    const title = `${family.name}-${component.name}-in-${name}`;
    return [
      {
        ...job,
        name: title,
        context: title,
        trigger: defaultTrigger(title),
        rerunCommand: `/test ${title}`,
        optional: component.jobs.optional.includes(title),
        body: { kind: "release-configuration", steps: ["build", "test"], inside: name },
      },
    ];
  });
}

function matrix(family: Family, component: Component): readonly Job[] {
  const { kubernetes } = family;
  if (!component.deployed || kubernetes.cluster === "none") return [];
  const versions = component.jobs.versions ?? kubernetes.versions;
  const released = versions.map((version) =>
    presubmit(family, component, {
      suffix: `-${dashed(version)}`,
      tab: `kubernetes-${dashed(version)}`,
      what: `the tests on Kubernetes ${version}`,
      needs: ["cluster"],
      optional: kubernetes.experimental.includes(version),
      env: clusterEnv(kubernetes.env, version),
      cluster: clusterTest(family, component, version),
    }),
  );
  const development = presubmit(family, component, {
    suffix: `-${dashed(kubernetes.development)}`,
    tab: `kubernetes-${dashed(kubernetes.development)}`,
    what: "the tests on the Kubernetes under development",
    needs: ["cluster"],
    onDemand: true,
    env: clusterEnv(kubernetes.developmentEnv, "latest"),
    cluster: clusterTest(family, component, "latest"),
  });
  const alpha = component.jobs.withoutAlpha ? [] : kubernetes.alpha.versions;
  return [
    ...released,
    ...(versions.length === 0 ? [] : [development]),
    ...alpha
      .filter((version) => versions.includes(version))
      .map((version) =>
        presubmit(family, component, {
          suffix: `-alpha-${dashed(version)}`,
          tab: `alpha-${dashed(version)}`,
          what: `the tests of alpha features on Kubernetes ${version}`,
          needs: ["cluster"],
          onDemand: true,
          env: { ...clusterEnv(kubernetes.env, version), ...substituted(kubernetes.alpha.env, version) },
          cluster: clusterTest(family, component, version),
        }),
      ),
  ];
}

function common(family: Family, component: Component, name: string, tab: string, description: string) {
  const { cluster } = family.kubernetes;
  // Where the family tests in clusters itself, the components' scripts start none of their own.
  const unitOnly =
    cluster === "none" || !component.deployed || testsInClusters(family) ? { CSI_PROW_TESTS: "unit" } : {};
  const { timeoutMs, gracePeriodMs } = component.jobs;
  return {
    ...jobDefaults,
    name,
    component: component.name,
    repository: `${component.org}/${component.repo}`,
    origin: "generated",
    context: name,
    optional: component.jobs.optional.includes(name),
    skipBranches: component.jobs.skipBranches,
    trigger: defaultTrigger(name),
    rerunCommand: `/test ${name}`,
    labels: family.generated.labels,
    annotations: annotationsFor(family, component.name, tab, description),
    env: { ...unitOnly, ...component.jobs.env },
    timeoutMs,
    gracePeriodMs,
    decoration: { timeout: formatGoDuration(timeoutMs), grace_period: formatGoDuration(gracePeriodMs) },
  } satisfies Partial<Job>;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
