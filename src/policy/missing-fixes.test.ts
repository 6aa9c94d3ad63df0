import { describe, expect, test } from "vitest";
import { type Landed, missingOn } from "./missing-fixes.ts";

const landed = (commit: string, over: Partial<Landed> = {}): Landed => ({
  commit,
  subject: `Fix ${commit}`,
  committedAt: 1,
  patch: `patch-${commit}`,
  pickedFrom: [],
  ...over,
});

describe("what a maintenance branch lacks of the default branch", () => {
  const main = [landed("c"), landed("b"), landed("a")];
  test.each<[string, readonly Landed[], ReadonlySet<string>, readonly string[]]>([
    ["everything, when nothing was brought", [], new Set(), ["c", "b", "a"]],
    ["not the same patch under another id", [landed("x", { patch: "patch-b" })], new Set(), ["c", "a"]],
    ["not what a pick names, mended on the way", [landed("x", { pickedFrom: ["a"] })], new Set(), ["c", "b"]],
    ["not a merged backport", [], new Set(["c"]), ["b", "a"]],
  ])("%s", (_, branch, backported, expected) => {
    expect(missingOn(main, branch, backported).map((each) => each.commit)).toEqual(expected);
  });

  test("nothing that changes no file of its own", () => {
    expect(missingOn([landed("v", { patch: undefined })], [], new Set())).toEqual([]);
  });

  test.each([
    ["fix: do not lose volumes", true],
    ["Fixes a race in the queue", true],
    ["CVE-2026-1234: bound the header", true],
    ["Add topology", false],
    ["prefix every line", false],
    ["Merge change 4: Revert the cache", true],
  ])("%s", (subject, expected) => {
    expect(missingOn([landed("a", { subject })], [], new Set())[0]?.fix).toBe(expected);
  });
});
