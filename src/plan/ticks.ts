import { decideLane, type Job, type Refs } from "../jobs/index.ts";
import type { Facts, Plan, PlannedRun, Skipped, TickEvent } from "./model.ts";

/** Prow 2.6: the periodics that are due. They test branches, so their tier is `branch`. */
export function planTick(event: TickEvent, facts: Facts): Plan {
  const runs: PlannedRun[] = [];
  const skipped: Skipped[] = [];
  for (const job of facts.jobs) {
    if (job.type !== "periodic") {
      skipped.push({ job: job.name, rule: "job-type", reason: `${job.type} jobs have no schedule` });
      continue;
    }
    const window = { since: event.since, now: event.at };
    const news = { afterCanaryMs: facts.family.lanes?.afterCanaryMs, canaries: facts.canaries ?? [] };
    const decision = decideLane(job, facts.previous[job.name], window, news);
    if (!decision.run) skipped.push({ job: job.name, rule: "schedule", reason: decision.reason });
    else if (job.component === undefined)
      skipped.push({
        job: job.name,
        rule: "inactive",
        reason: "none of its repositories is a component of the family",
      });
    else runs.push(plannedRun(job, job.component, decision.reason));
  }
  return { event, runs, skipped, effects: [] };
}

function plannedRun(job: Job, component: string, reason: string): PlannedRun {
  const refs = mainRefs(job);
  const ref = refs.base_ref === "" ? "" : `refs/heads/${refs.base_ref}`;
  return { job, type: job.type, component, refs, ref, change: undefined, tier: "branch", rule: "schedule", reason };
}

/** Periodics have no primary refs; their main repository is the first extra ref that is not auxiliary (Prow 4.5). */
export function mainRefs(job: Job): Refs {
  const main = job.extraRefs.find((ref) => ref.auxiliary !== true) ?? job.extraRefs[0];
  return main ?? { org: "", repo: "", base_ref: "", base_sha: "" };
}
