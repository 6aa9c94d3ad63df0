import { describe, expect, test } from "vitest";
import { type Freeze, freezeOn } from "./freeze.ts";

const freeze: Freeze = {
  id: "1",
  branch: "main",
  version: "v2.0.0",
  from: 100,
  until: 200,
  endedAt: undefined,
  by: "ada",
};
const none: ReadonlySet<string> = new Set();

describe("KEP: a feature freeze before a major update", () => {
  test.each([
    ["its branch", "main", [freeze], none, 150, "v2.0.0"],
    ["another branch", "release-1.0", [freeze], none, 150, undefined],
    ["the maintenance branch of its version, cut meanwhile", "release-2.0", [freeze], none, 150, "v2.0.0"],
    ["before it begins", "main", [freeze], none, 99, undefined],
    ["at its last moment", "main", [freeze], none, 199, "v2.0.0"],
    ["when its date has come", "main", [freeze], none, 200, undefined],
    ["without a date", "main", [{ ...freeze, until: undefined }], none, 1e12, "v2.0.0"],
    ["thawed", "main", [{ ...freeze, endedAt: 120 }], none, 150, undefined],
    ["its version is published", "main", [freeze], new Set(["v2.0.0"]), 150, undefined],
    ["its candidate is published", "main", [freeze], new Set(["v2.0.0-rc1"]), 150, "v2.0.0"],
    ["two: the newer", "main", [freeze, { ...freeze, from: 120, version: "v3.0.0" }], none, 150, "v3.0.0"],
  ] as const)("%s", (_, branch, freezes, published, now, expected) => {
    expect(freezeOn(branch, freezes, published, now)?.version).toBe(expected);
  });
});
