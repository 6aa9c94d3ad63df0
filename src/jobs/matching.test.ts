import fc from "fast-check";
import { RE2JS } from "re2js";
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

/** Branches and patterns that collide often: anchors, alternatives, classes, and characters that mean something. */
const name = fc.string({ unit: fc.constantFrom("m", "a", "i", "n", "-", ".", "1", "/", "é", "\n"), maxLength: 8 });
const pattern = fc.oneof(
  name.map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")),
  fc.constantFrom(
    "^m",
    "n$",
    "m|n",
    "a.",
    "[a-i]+",
    "(?i)MAIN",
    "\\d",
    "^$",
    ".",
    "(ma)+i?",
    "\\pL",
    "\\Qa.\\E",
    "(?m)^a",
    "\\s",
    "\\z",
  ),
);

describe("against RE2 itself", () => {
  const search = (source: string, text: string) => RE2JS.compile(source).matcher(text).find();

  it("a list of branches is its parts joined with |, searched anywhere, and the deny list wins", () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { maxLength: 4 }),
        fc.array(pattern, { maxLength: 3 }),
        name,
        (allow, deny, branch) => {
          const denied = deny.length > 0 && search(deny.join("|"), branch);
          const expected = !denied && (allow.length === 0 || search(allow.join("|"), branch));
          expect(branchMatches({ branches: allow, skipBranches: deny }, branch)).toEqual({ ok: true, value: expected });
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("run_if_changed needs one path, skip_if_only_changed one that does not match", () => {
    fc.assert(
      fc.property(pattern, fc.array(name, { maxLength: 5 }), (source, files) => {
        const some = files.some((file) => search(source, file));
        const other = files.some((file) => !search(source, file));
        const asked = (over: object) =>
          filesMatch({ runIfChanged: undefined, skipIfOnlyChanged: undefined, ...over }, files);
        expect(asked({ runIfChanged: source })).toEqual({ ok: true, value: some ? "run" : "skip" });
        expect(asked({ skipIfOnlyChanged: source })).toEqual({ ok: true, value: other ? "run" : "skip" });
      }),
      { numRuns: 2000 },
    );
  });
});
