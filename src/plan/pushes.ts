import { decideForPush } from "../jobs/index.ts";
import { inRepoStatus } from "./in-repo.ts";
import type { Facts, Plan, PushEvent } from "./model.ts";
import { isAbsent, planNothing, refsOf, select } from "./selection.ts";

/**
 * A branch moved, or, where it is what it was, is built again.
 * Prow 2.5: postsubmits of a branch push; deletions start nothing. The kind of ref comes from the event, never its name.
 */
export function planPush(event: PushEvent, facts: Facts): Plan {
  const branch = event.ref.replace(/^refs\/heads\//, "");
  if (isAbsent(event.after)) return planNothing(event, facts, `${branch} was deleted`);
  const again = event.before === event.after;
  const what = again
    ? `${branch} is built again, so that it still can be released`
    : `${branch} moved to ${event.after.slice(0, 7)}`;
  // Jobs loaded from Prow files expect a push where something moved: they may publish or deploy.
  const jobs = again ? facts.jobs.filter((job) => job.origin === "generated") : facts.jobs;
  const selection = select({ ...facts, jobs }, (job) => decideForPush(job, { branch, files: event.files }, what), {
    refs: refsOf(facts, branch, event.after),
    ref: event.ref,
    change: undefined,
    tier: "branch",
  });
  const left = facts.jobs.filter((job) => !jobs.includes(job));
  const skipped = left.map((job) => ({ job: job.name, rule: "event", reason: `${branch} did not move` }) as const);
  const effects = inRepoStatus(facts.inRepo, event.after, undefined);
  return { event, runs: selection.runs, skipped: [...selection.skipped, ...skipped], effects };
}
