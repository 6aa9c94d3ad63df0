import { describe, expect, it } from "vitest";
import type { Finding } from "./model.ts";
import { type TrainFacts, trainItem, trainOrder } from "./train.ts";
import { mayLeave, type TrainStop } from "./train-progress.ts";

const attacher: TrainFacts = {
  component: "attacher",
  kind: "versioned",
  who: "ann or an administrator",
  branch: "main",
  commit: "a".repeat(40),
  last: "v1.0.0",
  lastWithdrawn: undefined,
  commits: 3,
  version: "v1.1.0",
  reason: "3 commits since v1.0.0",
  findings: [],
  unfinished: undefined,
  marked: [],
  openChanges: 0,
  pinChanges: [],
  pinChange: undefined,
  pins: [],
};
const driver: TrainFacts = {
  ...attacher,
  component: "driver",
  kind: "deployment",
  commits: 0,
  version: "v2.0.0",
  reason: "attacher v1.0.0 → v1.1.0 is a minor",
  pinChanges: ["attacher v1.0.0 → v1.1.0"],
  pins: ["attacher", "provisioner"],
};
const none = new Map<string, readonly string[]>();
const refusal: Finding = {
  rule: "checks-not-green",
  severity: "refuse",
  message: "fam-attacher-build failed",
  facts: {},
  satisfiedBy: "mend it, or run it again: fairlead rerun RUN",
  overridable: true,
};

describe("a place in the train", () => {
  it("has a component with unreleased commits, and the command that releases it", () => {
    expect(trainItem(attacher, none)).toMatchObject({
      state: "ready",
      version: "v1.1.0",
      after: [],
      blockers: [],
      why: "3 commits since v1.0.0",
      command: "fairlead release attacher v1.1.0",
      who: "ann or an administrator",
    });
  });

  it("has none without one, and says why", () => {
    expect(trainItem({ ...attacher, commits: 0 }, none)).toEqual({ rest: "nothing came since v1.0.0" });
    expect(trainItem({ ...attacher, commits: 0, lastWithdrawn: "loses data" }, none)).toEqual({
      rest: "v1.0.0 was withdrawn and nothing came since: loses data",
    });
  });

  it("is blocked by a refusal, with the command that its rule names", () => {
    expect(trainItem({ ...attacher, findings: [refusal] }, none)).toMatchObject({
      state: "blocked",
      command: "fairlead rerun RUN",
      blockers: [{ what: "checks-not-green: fam-attacher-build failed", who: "ann or an administrator" }],
    });
  });

  it("is blocked by changes that are meant for the release, and tells of those that are not", () => {
    const item = trainItem({ ...attacher, marked: [{ number: 4, title: "Last one" }], openChanges: 1 }, none);
    expect(item).toMatchObject({
      state: "blocked",
      command: "fairlead merge attacher 4",
      notes: ["1 open change would stay out"],
    });
  });

  it.each([
    ["building", "going", "fairlead releases attacher@v1.1.0 -f"],
    ["quarantined", "blocked", "fairlead why attacher@v1.1.0"],
    ["failed", "blocked", "fairlead why attacher@v1.1.0"],
  ])("of a release that is %s is %s", (state, expected, command) => {
    const unfinished = { id: "attacher@v1.1.0", version: "v1.1.0", state, reason: "because" };
    expect(trainItem({ ...attacher, unfinished }, none)).toMatchObject({ state: expected, command });
  });

  it("of a tag that was pushed by mistake is none where there is nothing to release", () => {
    const unfinished = { id: "attacher@v1.1.0", version: "v1.1.0", state: "quarantined", reason: "because" };
    expect(trainItem({ ...attacher, commits: 0, unfinished }, none)).toEqual({ rest: "nothing came since v1.0.0" });
    const going = { ...unfinished, state: "building" };
    expect(trainItem({ ...attacher, commits: 0, unfinished: going }, none)).toMatchObject({
      state: "going",
      why: "v1.1.0 is building",
    });
  });

  it("of a deployment comes after what it pins, and is no person's until then", () => {
    expect(trainItem(driver, new Map([["attacher", ["v1.1.0"]]]))).toMatchObject({
      state: "waits",
      after: ["attacher@v1.1.0"],
      blockers: [],
      command: "fairlead release driver v2.0.0",
    });
  });

  it("of a deployment whose pins are behind waits for their change, not for its own findings", () => {
    expect(trainItem({ ...driver, findings: [refusal] }, none)).toMatchObject({
      state: "blocked",
      command: "fairlead pins driver --update",
      blockers: [{ what: "no change updates its pins yet" }],
    });
    expect(trainItem({ ...driver, pinChange: 7 }, none)).toMatchObject({ command: "fairlead merge driver 7" });
  });
});

describe("the order of a train", () => {
  it("puts what is pinned before what pins it, and keeps the rest as it stands", () => {
    const pins = new Map([
      ["driver", ["attacher", "provisioner", "driver"]],
      ["suite", ["driver"]],
    ]);
    expect(trainOrder(["suite", "driver", "provisioner", "attacher"], pins)).toEqual([
      "provisioner",
      "attacher",
      "driver",
      "suite",
    ]);
  });

  it("leaves a circle as it stands", () => {
    const pins = new Map([
      ["a", ["b"]],
      ["b", ["a"]],
    ]);
    expect(trainOrder(["a", "b", "c"], pins)).toEqual(["c", "a", "b"]);
  });
});

describe("a train that goes", () => {
  const stop = (component: string, state: TrainStop["state"], after: readonly string[] = []): TrainStop => ({
    component,
    version: "v1.0.0",
    after,
    state,
  });
  const both = ["a@v1.0.0", "b@v1.0.0"];

  it("lets a stop leave when all that it pins is published", () => {
    const waits = stop("c", "waiting", both);
    expect(mayLeave(waits, [stop("a", "published"), stop("b", "releasing"), waits])).toEqual({
      go: false,
      state: "waiting",
      reason: "waits for b@v1.0.0",
    });
    expect(mayLeave(waits, [stop("a", "published"), stop("b", "published"), waits])).toEqual({ go: true });
  });

  it("holds back only those that pin what failed, through others too", () => {
    const stops = [
      stop("a", "failed"),
      stop("b", "waiting"),
      stop("c", "held", ["a@v1.0.0"]),
      stop("d", "waiting", ["c@v1.0.0"]),
    ];
    expect(stops.map((each) => mayLeave(each, stops))).toEqual([
      { go: true },
      { go: true },
      { go: false, state: "held", reason: "a@v1.0.0, which it pins, failed" },
      { go: false, state: "held", reason: "c@v1.0.0, which it pins, is held" },
    ]);
  });
});
