import { decideForPush } from "../jobs/index.ts";
import type { Facts, Plan, PushEvent } from "./model.ts";
import { isAbsent, planNothing, refsOf, select } from "./selection.ts";

/** Prow 2.5: postsubmits of a branch push; deletions start nothing. The kind of ref comes from the event, never its name. */
export function planPush(event: PushEvent, facts: Facts): Plan {
  const branch = event.ref.replace(/^refs\/heads\//, "");
  if (isAbsent(event.after)) return planNothing(event, facts, `${branch} was deleted`);
  const what = `${branch} moved to ${event.after.slice(0, 7)}`;
  const selection = select(facts, (job) => decideForPush(job, { branch, files: event.files }, what), {
    refs: refsOf(facts, branch, event.after),
    ref: event.ref,
    change: undefined,
    tier: "branch",
  });
  return { event, ...selection, effects: [] };
}
