import type { Component, Family } from "../family/index.ts";
import { defaultTrigger, type Job, jobDefaults } from "./model.ts";

/**
 * Jobs of the family file (design 5): `F-C-pr` and `F-C-build` for each component, with a cluster also the Kubernetes
 * matrix `F-C-pr-<version>`. `defaultBranches` says what each repository's HEAD names; a component not in it is taken to
 * have `main` or `master`.
 */
export function generateJobs(family: Family, defaultBranches: Readonly<Record<string, string>>): readonly Job[] {
  if (!family.generateJobs) return [];
  return family.components.flatMap((component) => [
    presubmit(family, component, `${family.name}-${component.name}-pr`, []),
    buildJob(family, component, defaultBranches[component.name]),
    ...matrix(family, component),
  ]);
}

function presubmit(family: Family, component: Component, name: string, needs: readonly string[]): Job {
  return {
    ...common(family, component, name),
    type: "presubmit",
    alwaysRun: true,
    branches: [],
    body: { kind: "release-configuration", steps: ["build", "test", "images"] },
    needs,
  };
}

/** KEP: a postsubmit that matches `v*` branches and tags, the default branch and the maintenance branches. */
function buildJob(family: Family, component: Component, defaultBranch: string | undefined): Job {
  const own = defaultBranch === undefined ? ["^main$", "^master$"] : [`^${literal(defaultBranch)}$`];
  return {
    ...common(family, component, `${family.name}-${component.name}-build`),
    type: "postsubmit",
    alwaysRun: undefined,
    branches: [...own, "^release-", "^v"],
    body: { kind: "release-configuration", steps: ["build", "test", "images", "push"] },
    needs: [],
  };
}

function matrix(family: Family, component: Component): readonly Job[] {
  if (!component.deployed || family.kubernetes.cluster === "none") return [];
  return family.kubernetes.versions.map((version) => {
    const job = presubmit(family, component, `${family.name}-${component.name}-pr-${version.replaceAll(".", "-")}`, [
      "cluster",
    ]);
    const optional = job.optional || family.kubernetes.experimental.includes(version);
    return { ...job, optional, env: { ...job.env, CSI_PROW_KUBERNETES_VERSION: version } };
  });
}

function common(family: Family, component: Component, name: string) {
  const unitOnly = family.kubernetes.cluster === "none" ? { CSI_PROW_TESTS: "unit" } : {};
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
    env: { ...unitOnly, ...component.jobs.env },
    timeoutMs: component.jobs.timeoutMs,
    gracePeriodMs: component.jobs.gracePeriodMs,
  } satisfies Partial<Job>;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
