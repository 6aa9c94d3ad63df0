import type { Result } from "../core/index.ts";
import type { Family } from "../family/index.ts";
import type { JobCheckout } from "../git/index.ts";
import { extraRefsOf, type Job, type Refs } from "../jobs/index.ts";
import type { ResultKey, Started } from "../results/index.ts";
import type { Run } from "./model.ts";

export function resultKeyOf(run: Run, buildId: string): ResultKey {
  return {
    type: run.type,
    job: run.job.name,
    buildId,
    org: run.refs.org,
    repo: run.refs.repo,
    pull: run.change,
  };
}

export function startedOf(run: Run, at: number): Started {
  const extra = extraRefsOf(run.job);
  const refs = run.type === "periodic" ? (extra.find((each) => each.auxiliary !== true) ?? run.refs) : run.refs;
  return { at, refs, extraRefs: extra.filter((each) => each !== refs), runId: run.id };
}

/** Prow 4.5: the primary repository, else the first extra one that is not auxiliary. */
export function mainTree(checkedOut: Result<JobCheckout, unknown>): JobCheckout["trees"][number] | undefined {
  if (!checkedOut.ok) return undefined;
  return checkedOut.value.trees.find((tree) => tree.refs.auxiliary !== true) ?? checkedOut.value.trees[0];
}

/** Prow 1.2, 1.4: undecorated jobs get no checkout, nor do those that say so. */
export function isCloned(job: Job): boolean {
  return job.decoration !== undefined && job.decoration.skip_cloning !== true;
}

/** Primary refs first; periodics have extra refs alone (Prow 3.4). */
export function refsOfRun(run: Run): readonly Refs[] {
  const extra = extraRefsOf(run.job);
  return run.type === "periodic" ? extra : [run.refs, ...extra];
}

export function componentFor(family: Family, refs: Refs): { readonly name: string; readonly url: string } | undefined {
  const found = family.components.find((each) => each.org === refs.org && each.repo === refs.repo);
  return found && { name: found.name, url: found.repository };
}

/** Where `origin/<branch>` stands for the run: at what it tests. */
export function testedBranch(
  run: Run,
  commit: string,
): { readonly branch: string; readonly commit: string } | undefined {
  const branch = /^refs\/heads\/(.+)$/.exec(run.ref)?.[1];
  return branch === undefined ? undefined : { branch, commit };
}

export function describeRefs(refs: Refs): string {
  const base = `${refs.base_ref} at ${refs.base_sha.slice(0, 7)}`;
  const pulls = (refs.pulls ?? []).map((pull) => `#${pull.number} at ${pull.sha.slice(0, 7)}`);
  return pulls.length === 0 ? base : `${base} merged with ${pulls.join(", ")}`;
}
