import { planChange, planComment } from "./changes.ts";
import type { Facts, FamilyEvent, Plan } from "./model.ts";
import { planPush } from "./pushes.ts";
import { planRunEnd } from "./run-ends.ts";
import { planTag } from "./tags.ts";

/**
 * What follows from an event, given the facts: runs, jobs skipped and other effects, each with its reason. Pure, so that
 * any event, real or invented, can be dry-run, and "why did this (not) happen" always has an answer.
 */
export function decide(event: FamilyEvent, facts: Facts): Plan {
  if (event.kind !== "tick" && !facts.component) {
    const reason = `${event.component} is no component of the family`;
    return { event, runs: [], skipped: facts.jobs.map((job) => ({ job: job.name, reason })), effects: [] };
  }
  switch (event.kind) {
    case "push":
      return planPush(event, facts);
    case "tag":
      return planTag(event, facts);
    case "change":
      return planChange(event, facts);
    case "comment":
      return planComment(event, facts);
    case "run":
      return planRunEnd(event, facts);
    case "tick":
      return {
        event,
        runs: [],
        skipped: facts.jobs.map((job) => ({ job: job.name, reason: "no periodic jobs" })),
        effects: [],
      };
  }
}
