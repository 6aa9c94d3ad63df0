import { describe, expect, it } from "vitest";
import { idOf, sampleBuildJob, sampleJob } from "../../test/fixtures/sample-model.ts";
import { type GateFacts, gate, requiredContexts } from "./gate.ts";

const green = {
  context: "fam-greeter-pr",
  state: "success",
  description: "",
  baseSha: idOf("b"),
  notRunNeed: undefined,
} as const;

const mergeable: GateFacts = {
  jobs: [sampleJob(), sampleBuildJob()],
  base: "main",
  head: idOf("c"),
  baseSha: idOf("b"),
  files: ["a.go"],
  runs: [green],
  conflicts: [],
  freeze: undefined,
  forRelease: undefined,
};

const freeze = {
  id: "1",
  branch: "main",
  version: "v2.0.0",
  from: 0,
  until: Date.UTC(2026, 10, 30, 12),
  endedAt: undefined,
  by: "ada",
};

describe("the gate", () => {
  it("opens for a head whose checks are green on the base as it is", () => {
    expect(gate(mergeable)).toEqual({
      allowed: true,
      required: ["fam-greeter-pr"],
      missing: [],
      stale: false,
      conflicts: [],
      ownTests: [],
      reason: "all 1 required checks are green",
    });
  });

  it.each<[string, Partial<GateFacts>, RegExp]>([
    ["a check that has not run", { runs: [] }, /has not run/],
    ["a check that waits", { runs: [{ ...green, state: "triggered" }] }, /still runs/],
    ["a check that runs", { runs: [{ ...green, state: "pending" }] }, /still runs/],
    ["a red check", { runs: [{ ...green, state: "failure", description: "TestX" }] }, /failure: TestX/],
    ["an aborted check", { runs: [{ ...green, state: "aborted", description: "by ann" }] }, /aborted: by ann/],
    [
      "a check that could not be run here",
      { runs: [{ ...green, notRunNeed: "cluster", description: "needs a cluster" }] },
      /needs a cluster/,
    ],
    ["a check of another context", { runs: [{ ...green, context: "other" }] }, /has not run/],
    ["a conflict", { conflicts: ["go.mod"] }, /conflicts with its base in go\.mod/],
  ])("stays shut for %s", (_what, over, reason) => {
    const answer = gate({ ...mergeable, ...over });
    expect([answer.allowed, answer.stale]).toEqual([false, false]);
    expect(answer.reason).toMatch(reason);
  });

  it("stays shut, to be tested again, when the base moved since", () => {
    const answer = gate({ ...mergeable, baseSha: idOf("d") });
    expect([answer.allowed, answer.stale]).toEqual([false, true]);
    expect(answer.reason).toMatch(/merged with bbbbbbb, and main is at ddddddd now/);
  });

  it("opens, and says that nothing was required, where no job is", () => {
    const answer = gate({ ...mergeable, jobs: [sampleJob({ optional: true })], runs: [] });
    expect([answer.allowed, answer.reason]).toEqual([true, "no check is required"]);
  });

  it("requires what runs by itself on such a change and blocks", () => {
    const jobs = [
      sampleJob({ name: "always" }),
      sampleJob({ name: "optional", optional: true }),
      sampleJob({ name: "unreported", skipReport: true }),
      sampleJob({ name: "asked for", alwaysRun: false }),
      sampleJob({ name: "go files", alwaysRun: false, runIfChanged: "\\.go$" }),
      sampleJob({ name: "markdown", alwaysRun: false, runIfChanged: "\\.md$" }),
      sampleJob({ name: "elsewhere", branches: ["^release-"] }),
      sampleBuildJob(),
    ];
    expect(requiredContexts(jobs, "main", ["a.go"])).toEqual(["always", "go files"]);
  });

  it("names files by which a change says how it is tested", () => {
    const files = [".prow.sh", ".prow/a/b", ".fairlead.yaml", "Makefile", "release-tools/x", "src/Makefile", "prow.sh"];
    expect(gate({ ...mergeable, files }).ownTests).toEqual(files.slice(0, 5));
  });
});

describe("KEP: a freeze", () => {
  it("holds a green change that is for no release, and names the release, the end and who froze", () => {
    const answer = gate({ ...mergeable, freeze });
    expect(answer.allowed).toBe(false);
    expect(answer.required).toEqual(["fam-greeter-pr", "freeze"]);
    expect(answer.stale).toBe(false);
    expect(answer.reason).toBe("freeze holds it: main takes only changes for v2.0.0 until 2026-11-30T12:00 (ada)");
  });

  it("holds a change that is for another release", () => {
    expect(gate({ ...mergeable, freeze, forRelease: "v1.9.1" }).allowed).toBe(false);
  });

  it("lets a change for that release through, and counts as a check that is green", () => {
    const answer = gate({ ...mergeable, freeze, forRelease: "v2.0.0" });
    expect(answer).toMatchObject({ allowed: true, reason: "all 2 required checks are green" });
  });

  it("never lets a red change through", () => {
    expect(gate({ ...mergeable, freeze, forRelease: "v2.0.0", runs: [] }).allowed).toBe(false);
  });
});
