import { describe, expect, it } from "vitest";
import { sampleJob } from "../../test/fixtures/sample-model.ts";
import { branchMatches, contextRequired, filesMatch, needsExplicitTrigger } from "./matching.ts";

describe("branches", () => {
  it.each<[readonly string[], readonly string[], string, boolean]>([
    [[], [], "anything", true],
    [["main"], [], "my-main-branch", true],
    [["^main$"], [], "my-main-branch", false],
    [["^main$", "^release-"], [], "release-1.2", true],
    [["^release-"], ["^release-1\\.0$"], "release-1.0", false],
    [[], ["^old"], "old-1", false],
    [[], ["^old"], "main", true],
    [["main"], ["main"], "main", false],
  ])("only %j, never %j: %s runs %s", (branches, skipBranches, branch, runs) => {
    expect(branchMatches({ branches, skipBranches }, branch)).toEqual({ ok: true, value: runs });
  });

  it("answer a fault where a pattern is none", () => {
    expect(branchMatches({ branches: ["("], skipBranches: [] }, "main").ok).toBe(false);
    expect(branchMatches({ branches: [], skipBranches: ["(?=x)"] }, "main").ok).toBe(false);
  });
});

describe("changed files", () => {
  const run = (pattern: string) => ({ runIfChanged: pattern, skipIfOnlyChanged: undefined });
  const skip = (pattern: string) => ({ runIfChanged: undefined, skipIfOnlyChanged: pattern });
  it.each([
    ["any that matches", run("\\.go$"), ["docs/a.md", "cmd/main.go"], "run"],
    ["none that matches", run("\\.go$"), ["docs/a.md"], "skip"],
    ["no file at all", run("\\.go$"), [], "skip"],
    ["not known", run("\\.go$"), undefined, "unknown"],
    ["only what may be skipped", skip("^docs/"), ["docs/a.md", "docs/b.md"], "skip"],
    ["one that may not be skipped", skip("^docs/"), ["docs/a.md", "Makefile"], "run"],
    ["no file, skipping", skip("^docs/"), [], "skip"],
    ["no matcher", { runIfChanged: undefined, skipIfOnlyChanged: undefined }, ["a"], "none"],
  ] as const)("%s", (_what, job, files, answer) => {
    expect(filesMatch(job, files)).toEqual({ ok: true, value: answer });
  });

  it("answer a fault where a pattern is none, even when the files are not known", () => {
    expect(filesMatch(run("["), undefined).ok).toBe(false);
  });
});

describe("what a job is", () => {
  it.each([
    [{ alwaysRun: true }, false],
    [{ alwaysRun: false }, true],
    [{ alwaysRun: undefined }, true],
    [{ alwaysRun: false, runIfChanged: "x" }, false],
    [{ alwaysRun: false, skipIfOnlyChanged: "x" }, false],
  ] as const)("%j needs to be asked for: %s", (over, expected) => {
    expect(needsExplicitTrigger(sampleJob(over))).toBe(expected);
  });

  it.each([
    [{}, true],
    [{ optional: true }, false],
    [{ skipReport: true }, false],
  ] as const)("%j blocks: %s", (over, expected) => expect(contextRequired(sampleJob(over))).toBe(expected));
});
