import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf, sampleJob } from "../../test/fixtures/sample-model.ts";
import type { Run } from "./model.ts";
import { pickRunnable, type QueueFacts } from "./queue.ts";

const bounds: Readonly<Record<string, number>> = { free: 0, one: 1, two: 2 };

function waiting(names: readonly string[]): readonly Run[] {
  return names.map((name, index) => ({
    id: `${name}-${index}`,
    job: sampleJob({ name, maxConcurrency: bounds[name] ?? 0 }),
    type: "presubmit",
    component: "greeter",
    tier: "change",
    state: "triggered",
    refs: { org: "tools", repo: "greeter", base_ref: "main", base_sha: idOf("b") },
    ref: "refs/pull/7/head",
    change: 7,
    head: idOf("c"),
    releaseId: undefined,
    attempt: 1,
    createdAt: index,
    fencing: 0,
  }));
}

function facts(pending: Readonly<Record<string, number>>, places: number): QueueFacts {
  return { pendingByJob: new Map(Object.entries(pending)), pendingByQueue: new Map(), capacities: {}, places };
}

describe("a queue that jobs name", () => {
  it.each<[string, readonly string[], number, number, readonly string[]]>([
    ["of two, with nothing running", ["a", "b", "c"], 2, 0, ["a-0", "b-1"]],
    ["of two, with one running", ["a", "b", "c"], 2, 1, ["a-0"]],
    ["that is full", ["a"], 1, 1, []],
    ["of none: nothing starts", ["a", "b"], 0, 0, []],
    ["below zero: no bound", ["a", "b", "c"], -1, 9, ["a-0", "b-1", "c-2"]],
  ])("%s", (_what, names, capacity, running, expected) => {
    const runs = waiting(names).map((run) => ({ ...run, job: { ...run.job, queue: "narrow" } }));
    const pendingByQueue = new Map([["narrow", running]]);
    const picked = pickRunnable(runs, { ...facts({}, 9), pendingByQueue, capacities: { narrow: capacity } });
    expect(picked.map((run) => run.id)).toEqual(expected);
  });

  it("that the configuration does not name binds nobody, and the smaller of both bounds wins", () => {
    const runs = waiting(["one", "one"]).map((run) => ({ ...run, job: { ...run.job, queue: "unknown" } }));
    expect(pickRunnable(runs, facts({}, 9)).map((run) => run.id)).toEqual(["one-0"]);
  });
});

describe("the queue", () => {
  it.each<[string, readonly string[], Readonly<Record<string, number>>, number, readonly string[]]>([
    ["oldest first", ["free", "free", "free"], {}, 2, ["free-0", "free-1"]],
    ["one of a job that may run once", ["one", "one", "free"], {}, 5, ["one-0", "free-2"]],
    ["none beside one that runs", ["one", "free"], { one: 1 }, 5, ["free-1"]],
    ["as many as are left", ["two", "two", "two"], { two: 1 }, 5, ["two-0"]],
    ["nothing without places", ["free"], {}, 0, []],
    ["nothing where nothing waits", [], { one: 1 }, 5, []],
  ])("starts %s", (_what, names, pending, places, expected) => {
    const picked = pickRunnable(waiting(names), facts(pending, places));
    expect(picked.map((run) => run.id)).toEqual(expected);
  });

  it("never breaks a bound, keeps the order, and leaves no place empty without reason", () => {
    const names = fc.array(fc.constantFrom("free", "one", "two"), { maxLength: 12 });
    const pending = fc.record({ free: fc.nat(3), one: fc.nat(1), two: fc.nat(2) });
    fc.assert(
      fc.property(names, pending, fc.nat(8), (all, before, places) => {
        const queue = waiting(all);
        const picked = pickRunnable(queue, facts(before, places));
        expect(picked.length).toBeLessThanOrEqual(places);
        expect(picked).toEqual(queue.filter((run) => picked.includes(run)));
        for (const name of ["one", "two"] as const) {
          const started = picked.filter((run) => run.job.name === name).length;
          const room = Math.max((bounds[name] ?? 0) - before[name], 0);
          expect(started).toBeLessThanOrEqual(room);
          const could = Math.min(room, all.filter((other) => other === name).length);
          if (picked.length < places) expect(started).toBe(could);
        }
      }),
    );
  });
});
