import { formatGoDuration } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import { annotationsFor, clusterEnv, dashed, substituted } from "./generated-members.ts";
import { generateLanes } from "./lanes.ts";
import { defaultTrigger, type Job, jobDefaults } from "./model.ts";

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
        env: defaultEnv(family, component),
      }),
      buildJob(family, component, defaultBranches[component.name]),
      ...testedInside(family, component),
      ...matrix(family, component),
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
    body: { kind: "release-configuration", steps: ["build", "test", "images"] },
    needs: variant.needs,
  };
}

/** KEP: a postsubmit that matches `v*` branches and tags, the default branch and the maintenance branches. */
function buildJob(family: Family, component: Component, defaultBranch: string | undefined): Job {
  const own = defaultBranch === undefined ? ["^main$", "^master$"] : [`^${literal(defaultBranch)}$`];
  const name = `${family.name}-${component.name}-build`;
  return {
    ...common(family, component, name, "build", `Tests and builds ${component.name} on its branches and tags`),
    type: "postsubmit",
    alwaysRun: undefined,
    branches: [...own, "^release-", "^v"],
    body: { kind: "release-configuration", steps: ["build", "test", "images", "push"] },
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
    }),
  );
  const development = presubmit(family, component, {
    suffix: `-${dashed(kubernetes.development)}`,
    tab: `kubernetes-${dashed(kubernetes.development)}`,
    what: "the tests on the Kubernetes under development",
    needs: ["cluster"],
    onDemand: true,
    env: clusterEnv(kubernetes.developmentEnv, "latest"),
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
        }),
      ),
  ];
}

function common(family: Family, component: Component, name: string, tab: string, description: string) {
  const unitOnly = family.kubernetes.cluster === "none" || !component.deployed ? { CSI_PROW_TESTS: "unit" } : {};
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
