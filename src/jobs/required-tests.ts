import type { Component, Family } from "../family/index.ts";
import { decideAutomatic, requiredFor } from "./decisions.ts";
import type { Job } from "./model.ts";
import { containersOf } from "./pod.ts";

/** A component whose changes could be merged untested. */
export interface MissingTest {
  readonly component: string;
  readonly code: "unit-tests-not-required" | "kubernetes-tests-not-required";
  readonly message: string;
  readonly hint: string;
}

/**
 * KEP: unit tests block merging in every component, tests on Kubernetes in every one that is deployed in a cluster.
 * Looks at the default branch; jobs of Prow files count. `kubernetes.cluster: none` opts out of the second, openly.
 */
export function missingTests(
  family: Family,
  jobs: readonly Job[],
  defaultBranches: Readonly<Record<string, string>>,
): readonly MissingTest[] {
  return family.components.flatMap((component) => missingOf(family, component, jobs, defaultBranches[component.name]));
}

function missingOf(
  family: Family,
  component: Component,
  jobs: readonly Job[],
  known: string | undefined,
): readonly MissingTest[] {
  const branches = known === undefined ? ["main", "master"] : [known];
  const required = jobs.filter(
    (job) =>
      job.component === component.name &&
      job.type === "presubmit" &&
      branches.some((branch) => requiredFor(job, { branch, files: undefined }) && startsByItself(job, branch)),
  );
  const hint = `see components.${component.name}.jobs (optional, skipBranches) and jobs.generate`;
  if (required.length === 0) {
    const message = `no test blocks merging into ${component.name}: unit tests are a required check of every component`;
    return [{ component: component.name, code: "unit-tests-not-required", message, hint }];
  }
  const needsCluster = component.deployed && family.kubernetes.cluster !== "none";
  if (!needsCluster || required.some((job) => testsOnKubernetes(job))) return [];
  const message = `${component.name} is deployed, and no test on Kubernetes blocks merging into it`;
  const openly = "name a version in kubernetes.versions, or say kubernetes.cluster: none, which every page then shows";
  return [{ component: component.name, code: "kubernetes-tests-not-required", message, hint: openly }];
}

/** A check that somebody has to ask for, or that only some paths need, is no test of every change. */
function startsByItself(job: Job, branch: string): boolean {
  const decision = decideAutomatic(job, { branch, files: undefined });
  return decision.run || decision.rule === "skip-if-only-changed" || decision.rule === "run-if-changed";
}

/** A generated job says so; of a loaded one its variables and rights tell: they name a Kubernetes, or it starts one. */
function testsOnKubernetes(job: Job): boolean {
  if (job.body.kind === "release-configuration" && job.body.cluster) return true;
  if (job.body.kind !== "pod") return job.needs.includes("cluster");
  return containersOf(job.body.spec).some(
    (container) =>
      container.env.some((variable) => /KUBERNETES|K8S|KUBECONFIG/.test(variable.name)) ||
      container.argv.some((argument) => /\b(kind|kubetest2?|e2e)\b/.test(argument)),
  );
}
