import type { Tier } from "../family/index.ts";
import { type Job, type JobDecision, primaryRefs, type Refs } from "../jobs/index.ts";
import type { Facts, FamilyEvent, Plan, PlannedRun, Skipped } from "./model.ts";

export interface Selection {
  readonly runs: readonly PlannedRun[];
  readonly skipped: readonly Skipped[];
}

export function select(
  facts: Facts,
  choose: (job: Job) => JobDecision,
  place: { readonly refs: Refs; readonly ref: string; readonly change: number | undefined; readonly tier: Tier },
): Selection {
  const runs: PlannedRun[] = [];
  const skipped: Skipped[] = [];
  for (const job of facts.jobs) {
    const choice = choose(job);
    if (!choice.run) {
      skipped.push({ job: job.name, rule: choice.rule, reason: choice.reason });
      continue;
    }
    runs.push({
      job,
      type: job.type,
      component: facts.component?.name ?? "",
      refs: primaryRefs(job, place.refs),
      ref: place.ref,
      change: place.change,
      tier: place.tier,
      rule: choice.rule,
      reason: choice.reason,
    });
  }
  return { runs, skipped };
}

/** A plan that starts nothing, for one reason. */
export function planNothing<E extends FamilyEvent>(event: E, facts: Facts, reason: string): Plan {
  return { event, runs: [], skipped: facts.jobs.map((job) => ({ job: job.name, rule: "event", reason })), effects: [] };
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
