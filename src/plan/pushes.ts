import type { Facts, Plan, PushEvent } from "./model.ts";
import { chooseOnBranch, isAbsent, refsOf, select } from "./selection.ts";

/** Prow 2.5: postsubmits of a branch push; deletions start nothing. The kind of ref comes from the event, never its name. */
export function planPush(event: PushEvent, facts: Facts): Plan {
  const branch = event.ref.replace(/^refs\/heads\//, "");
  const nothing = (reason: string): Plan => ({
    event,
    runs: [],
    skipped: facts.jobs.map((job) => ({ job: job.name, reason })),
    effects: [],
  });
  if (isAbsent(event.after)) return nothing(`${branch} was deleted`);
  const selection = select(
    facts,
    (job) => {
      if (job.type !== "postsubmit") return { run: false, reason: `${job.type} jobs do not run on pushes` };
      return chooseOnBranch(job, branch, event.files, false, `${branch} moved to ${event.after.slice(0, 7)}`);
    },
    { refs: refsOf(facts, branch, event.after), ref: event.ref, change: undefined, tier: "branch" },
  );
  return { event, ...selection, effects: [] };
}
