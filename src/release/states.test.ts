import { describe, expect, it } from "vitest";
import type { ReleaseState } from "../family/index.ts";
import { mayFollow, publicStates } from "./states.ts";

const states: readonly ReleaseState[] = [
  "requested",
  "quarantined",
  "building",
  "verifying",
  "publishing",
  "published",
  "failed",
  "closed",
  "withdrawn",
];

function reachable(from: ReleaseState): ReadonlySet<ReleaseState> {
  const seen = new Set<ReleaseState>();
  const open = [from];
  for (let state = open.pop(); state !== undefined; state = open.pop())
    for (const next of states)
      if (mayFollow(state, next) && !seen.has(next)) {
        seen.add(next);
        open.push(next);
      }
  return seen;
}

describe("states of a release", () => {
  it("end in published, failed or closed, and everything begins with a request", () => {
    expect(new Set(["requested", ...reachable("requested")])).toEqual(new Set(states));
  });

  it("never lead from published to anything but withdrawn", () => {
    expect([...reachable("published")]).toEqual(["withdrawn"]);
    for (const state of ["closed", "withdrawn"] as const) expect(reachable(state).size).toBe(0);
  });

  it("are not closed once bytes may be public", () => {
    for (const state of publicStates) expect(mayFollow(state, "closed")).toBe(false);
    for (const state of states.filter((each) => !publicStates.includes(each) && each !== "closed"))
      expect(mayFollow(state, "closed"), state).toBe(true);
  });

  it("pass verification before publication", () => {
    const before = states.filter((state) => mayFollow(state, "publishing"));
    expect(before).toEqual(["verifying"]);
    expect(mayFollow("quarantined", "publishing") || mayFollow("building", "published")).toBe(false);
  });
});
