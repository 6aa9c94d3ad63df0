import { expect, it } from "vitest";
import { judgeVersion } from "./version-check.ts";

it.each([
  ["v1.2.3", 0, false, "agrees"],
  ["csi-attacher v1.2.3-0-g0123abc\n", 0, true, "agrees"],
  ["usage: …\nversion v1.2.3 (go1.26.6)", 2, false, "agrees"],
  ["v1.2.3-rc1-0-g0123abc", 0, false, "differs: it prints v1.2.3-rc1-0-g0123abc, not v1.2.3"],
  ["v1.2.3-0-g0123abc-dirty", 0, false, "differs: it prints v1.2.3-0-g0123abc-dirty, not v1.2.3"],
  ["v1.2.3-4-g0123abc", 0, true, "differs: it prints v1.2.3-4-g0123abc, not v1.2.3"],
  ["v1.2.30", 0, false, "differs: it prints v1.2.30, not v1.2.3"],
  ["k8s v0.1.0: no such flag", 2, false, "unchecked: it ends with 2"],
  ["unknown", 0, false, "unchecked: it prints no version"],
  ["unknown", 0, true, "differs: it prints no version, where v1.2.3 was expected"],
  ["", 127, true, "differs: it ends with 127, where v1.2.3 was expected"],
] as const)("a binary that prints %j and ends with %i", (said, code, named, wanted) => {
  const verdict = judgeVersion(said, code, "v1.2.3", named);
  expect(verdict.kind === "agrees" ? "agrees" : `${verdict.kind}: ${verdict.why}`).toBe(wanted);
});
