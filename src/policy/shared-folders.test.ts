import { describe, expect, test } from "vitest";
import { judgeSharedFolder, type SharedFolderFacts } from "./shared-folders.ts";

const facts: SharedFolderFacts = {
  folder: "release-tools",
  from: "tools",
  tree: "tree-2",
  pulls: [
    { split: "2222222222", tree: "tree-2" },
    { split: "1111111111", tree: "tree-1" },
  ],
  newest: { commit: "3333333333", tree: "tree-3" },
};

describe("a shared folder", () => {
  test.each<[string, Partial<SharedFolderFacts>, Partial<ReturnType<typeof judgeSharedFolder>>]>([
    ["is the newest pull", {}, { commit: "2222222222", pristine: true, current: false }],
    ["is an older pull that was merged last", { tree: "tree-1" }, { commit: "1111111111", pristine: true }],
    ["is up to date, whatever was recorded", { tree: "tree-3", pulls: [] }, { pristine: true, current: true }],
    [
      "was changed",
      { tree: "x" },
      { pristine: false, reason: "release-tools was changed by hand: it is not tools at 2222222" },
    ],
    ["is not there", { tree: undefined }, { pristine: undefined, commit: undefined, current: false }],
    ["was copied by hand", { pulls: [] }, { pristine: undefined, commit: undefined }],
    [
      "names a commit nobody has",
      { tree: "x", pulls: [{ split: "4444444444", tree: undefined }] },
      { pristine: undefined },
    ],
  ])("%s", (_, over, expected) => {
    expect(judgeSharedFolder({ ...facts, ...over })).toMatchObject(expected);
  });
});
