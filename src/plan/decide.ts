import { planChange, planComment } from "./changes.ts";
import type { Facts, FamilyEvent, Plan } from "./model.ts";
import { planPush } from "./pushes.ts";
import { planReleased } from "./released.ts";
import { planRunEnd } from "./run-ends.ts";
import { planNothing } from "./selection.ts";
import { planTag } from "./tags.ts";
import { planTick } from "./ticks.ts";

/**
 * What follows from an event, given the facts: runs, jobs skipped and other effects, each with its reason. Pure, so that
 * any event, real or invented, can be dry-run, and "why did this (not) happen" always has an answer.
 */
export function decide(event: FamilyEvent, facts: Facts): Plan {
  if (event.kind !== "tick" && !facts.component) {
    return planNothing(event, facts, `${event.component} is no component of the family`);
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
    case "released":
      return planReleased(event, facts);
    case "tick":
      return planTick(event, facts);
  }
}
