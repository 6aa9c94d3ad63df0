import type { Tier } from "../family/index.ts";
import { branchMatches, filesMatch, type Job, needsExplicitTrigger, type Refs } from "../jobs/index.ts";
import type { Facts, PlannedRun, Skipped } from "./model.ts";

/** Whether one job runs, and the rule that decided. */
export interface Choice {
  readonly run: boolean;
  readonly reason: string;
}

export interface Selection {
  readonly runs: readonly PlannedRun[];
  readonly skipped: readonly Skipped[];
}

export function select(
  facts: Facts,
  choose: (job: Job) => Choice,
  place: { readonly refs: Refs; readonly ref: string; readonly change: number | undefined; readonly tier: Tier },
): Selection {
  const runs: PlannedRun[] = [];
  const skipped: Skipped[] = [];
  for (const job of facts.jobs) {
    const choice = choose(job);
    if (!choice.run) {
      skipped.push({ job: job.name, reason: choice.reason });
      continue;
    }
    runs.push({
      job,
      type: job.type,
      component: facts.component?.name ?? "",
      refs: { ...place.refs, ...(job.clone.pathAlias === undefined ? {} : { path_alias: job.clone.pathAlias }) },
      ref: place.ref,
      change: place.change,
      tier: place.tier,
      reason: choice.reason,
    });
  }
  return { runs, skipped };
}

/** Prow 2.2: the test-all filter, which every new head of a change goes through. */
export function chooseForChange(job: Job, branch: string, files: readonly string[] | undefined): Choice {
  if (job.type !== "presubmit") return { run: false, reason: `${job.type} jobs do not run on changes` };
  if (needsExplicitTrigger(job)) return { run: false, reason: `runs only when asked for: ${job.rerunCommand}` };
  return chooseOnBranch(job, branch, files, false, "always_run: every new head of a change");
}

/** Branch rules bind even what was asked for; change matchers bind only what was not. */
export function chooseOnBranch(
  job: Job,
  branch: string,
  files: readonly string[] | undefined,
  forced: boolean,
  always: string,
): Choice {
  const branches = branchMatches(job, branch);
  if (!branches.ok) return { run: false, reason: branches.error.message };
  if (!branches.value) return { run: false, reason: branchReason(job, branch) };
  if (job.alwaysRun === true || forced) return { run: true, reason: always };
  const matched = filesMatch(job, files);
  if (!matched.ok) return { run: false, reason: matched.error.message };
  const matcher =
    job.runIfChanged === undefined
      ? `skip_if_only_changed ${job.skipIfOnlyChanged}`
      : `run_if_changed ${job.runIfChanged}`;
  switch (matched.value) {
    case "run":
      return { run: true, reason: `${matcher}: a changed path calls for it` };
    case "skip":
      return { run: false, reason: `${matcher}: no changed path calls for it` };
    case "unknown":
      return { run: false, reason: `${matcher}: the changed paths are not known` };
    case "none":
      return job.alwaysRun === false ? { run: false, reason: "always_run is false" } : { run: true, reason: always };
  }
}

export function branchReason(job: Job, branch: string): string {
  const lists = [
    job.branches.length > 0 ? `branches ${job.branches.join(" ")}` : "",
    job.skipBranches.length > 0 ? `skip_branches ${job.skipBranches.join(" ")}` : "",
  ].filter((list) => list !== "");
  return `${branch} is not for it (${lists.join(", ")})`;
}

/** Prow's refs for a component: `repo_link` only where the repository has a page of its own on the web. */
export function refsOf(facts: Facts, baseRef: string, baseSha: string): Refs {
  const component = facts.component;
  const link = /^https?:\/\/[^?#]+$/.test(component?.repository ?? "")
    ? component?.repository.replace(/(\.git)?\/?$/, "")
    : undefined;
  return {
    org: component?.org ?? "",
    repo: component?.repo ?? "",
    ...(link === undefined ? {} : { repo_link: link }),
    base_ref: baseRef,
    base_sha: baseSha,
  };
}

export function isAbsent(id: string): boolean {
  return /^0+$/.test(id);
}
