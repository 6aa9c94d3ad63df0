import { describe, expect, it } from "vitest";
import { decideLane } from "./lanes-due.ts";
import { type Job, jobDefaults } from "./model.ts";

const minute = 60_000;

function lane(others: "pinned" | "canary"): Job {
  const cluster = { version: "1.36", deployment: "driver", folder: undefined, others, replaced: [] };
  return {
    ...jobDefaults,
    name: "fam-canary-1-36",
    type: "periodic",
    component: "driver",
    repository: undefined,
    origin: "generated",
    context: "",
    trigger: "",
    rerunCommand: "",
    schedule: { kind: "interval", everyMs: 360 * minute },
    body: { kind: "release-configuration", steps: ["cluster"], cluster },
  };
}

function decide(
  others: "pinned" | "canary",
  now: number,
  canaryAt: number,
  completedAt: number | undefined = 10 * minute,
) {
  const previous = { startedAt: 0, completedAt };
  const news = { afterCanaryMs: 30 * minute, canaries: [{ component: "attacher", at: canaryAt }] };
  return decideLane(lane(others), previous, { since: now - minute, now }, news);
}

describe("a lane", () => {
  it("starts after a new canary, but no sooner than is set after its last start", () => {
    expect(decide("canary", 20 * minute, 15 * minute)).toEqual({
      run: false,
      reason: "interval: 20400 s until it is due; a new canary of attacher starts it in 600 s",
    });
    expect(decide("canary", 30 * minute, 15 * minute)).toEqual({
      run: true,
      reason: "a new canary of attacher since its last run",
    });
  });

  it("starts once, however many canaries came, and not for one that it has seen or while it still goes", () => {
    expect(decide("canary", 60 * minute, -minute).run).toBe(false);
    expect(
      decideLane(
        lane("canary"),
        { startedAt: 0, completedAt: undefined },
        { since: 0, now: 60 * minute },
        {
          afterCanaryMs: 1,
          canaries: [{ component: "attacher", at: 5 }],
        },
      ).run,
    ).toBe(false);
  });

  it("is left to its schedule when it tests what is pinned, when nothing is set, and when it never ran", () => {
    expect(decide("pinned", 60 * minute, 15 * minute).run).toBe(false);
    const canaries = [{ component: "attacher", at: 15 * minute }];
    const window = { since: 0, now: 60 * minute };
    const previous = { startedAt: 0, completedAt: 1 };
    expect(decideLane(lane("canary"), previous, window, { afterCanaryMs: undefined, canaries }).run).toBe(false);
    expect(decideLane(lane("canary"), undefined, window, { afterCanaryMs: 1, canaries }).reason).toBe(
      "interval: it never ran",
    );
    expect(decide("canary", 361 * minute, -minute).reason).toContain("over 21600 s");
  });
});
