import { describe, expect, it } from "vitest";
import { idOf, sampleBuildJob, sampleChange, sampleJob } from "../../test/fixtures/sample-model.ts";
import { compareDecisions, compareJobs } from "./compare.ts";
import type { FamilyEvent } from "./model.ts";

const branches = { greeter: ["main", "release-1.0"] };
const unit = sampleJob({ name: "unit" });

describe("another configuration", () => {
  it.each([
    ["optional", { optional: true }, "optional", true],
    ["not reported", { skipReport: true }, "optional", true],
    ["by hand", { alwaysRun: false }, "by-hand", true],
    ["conditional", { alwaysRun: false, runIfChanged: "x" }, "conditional", true],
    ["gone from every branch", { branches: ["^never$"] }, "absent", true],
    ["of another component", { component: "tools" }, "absent", true],
  ] as const)("that makes a required check %s weakens the gate", (_what, over, after, weakened) => {
    const { gates } = compareJobs([unit], [{ ...unit, ...over }], branches);
    expect(gates).toEqual([
      { component: "greeter", branch: "main", context: "unit", before: "required", after, weakened },
      { component: "greeter", branch: "release-1.0", context: "unit", before: "required", after, weakened },
    ]);
    expect(compareJobs([{ ...unit, ...over }], [unit], branches).gates.some((gate) => gate.weakened)).toBe(false);
  });

  it("names weakened gates first, then the others, and every job that differs", () => {
    const lint = sampleJob({ name: "lint", optional: true });
    const e2e = sampleJob({ name: "e2e" });
    const difference = compareJobs(
      [unit, lint, e2e],
      [
        { ...unit, skipBranches: ["^release-"] },
        { ...e2e, timeoutMs: 1, origin: "x.yaml:3" },
        sampleJob({ name: "new" }),
      ],
      branches,
    );
    expect(difference.gates.map((gate) => [gate.branch, gate.context, gate.after, gate.weakened])).toEqual([
      ["release-1.0", "unit", "absent", true],
      ["main", "lint", "absent", false],
      ["main", "new", "required", false],
      ["release-1.0", "lint", "absent", false],
      ["release-1.0", "new", "required", false],
    ]);
    expect(difference.jobs).toEqual([
      { job: "e2e", component: "greeter", what: "changed", members: ["timeoutMs"] },
      { job: "lint", component: "greeter", what: "removed", members: [] },
      { job: "new", component: "greeter", what: "added", members: [] },
      { job: "unit", component: "greeter", what: "changed", members: ["skipBranches"] },
    ]);
  });

  it("that differs in nothing but where a job stands is the same", () => {
    expect(compareJobs([unit], [{ ...unit, origin: "b.yaml:9" }], branches)).toEqual({ gates: [], jobs: [] });
  });

  it("decides an event otherwise, jobs that no longer run first", () => {
    const change: FamilyEvent = {
      kind: "change",
      component: "greeter",
      at: 0,
      actor: undefined,
      action: "opened",
      change: sampleChange(),
      files: ["a.go"],
    };
    const lint = sampleJob({ name: "lint", alwaysRun: false });
    const changed = [
      { ...lint, alwaysRun: true },
      { ...unit, branches: ["^x$"] },
    ];
    expect(compareDecisions(change, [lint, unit], changed)).toEqual([
      {
        job: "unit",
        before: expect.stringMatching(/^run: /),
        after: expect.stringMatching(/^skip: main is not/),
        weakened: true,
      },
      {
        job: "lint",
        before: expect.stringMatching(/^skip: /),
        after: expect.stringMatching(/^run: /),
        weakened: false,
      },
    ]);
    const base = { component: "greeter", at: 0, actor: undefined, before: idOf("0"), after: idOf("a") };
    const build = sampleBuildJob();
    const without = { ...build, branches: ["^main$"] };
    const tag: FamilyEvent = { kind: "tag", ...base, ref: "refs/tags/v1.0.0" };
    const push: FamilyEvent = { kind: "push", ...base, ref: "refs/heads/release-1.0", files: undefined };
    for (const event of [tag, push])
      expect(compareDecisions(event, [build], [without])).toMatchObject([{ job: build.name, weakened: true }]);
    expect(compareDecisions({ kind: "tick", at: 1, since: 0 }, [build], [without])).toEqual([]);
  });
});
