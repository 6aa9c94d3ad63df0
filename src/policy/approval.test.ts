import { describe, expect, test } from "vitest";
import { approvalRefusal } from "./approval.ts";
import type { Finding } from "./model.ts";

const finding = (rule: string, over: Partial<Finding> = {}): Finding => ({
  rule,
  severity: "refuse",
  message: `${rule} says no`,
  facts: {},
  satisfiedBy: "do right",
  overridable: true,
  ...over,
});
const ann = { user: "ann", role: "maintainer" };
const root = { user: "root", role: "administrator" };

describe("letting a held release through", () => {
  test.each<[string, readonly Finding[], typeof ann, string, RegExp | undefined]>([
    ["a maintainer lifts an ordinary rule", [finding("changelog-missing")], ann, "ann", undefined],
    ["nobody lifts a final one", [finding("not-semver", { overridable: false })], root, "ann", /^nobody may approve/],
    ["a maintainer lifts no rule about who may act", [finding("not-maintainer")], ann, "eve", /and ann is none$/],
    ["an administrator does", [finding("not-maintainer")], root, "eve", undefined],
    ["but not for themselves", [finding("not-maintainer")], root, "root", /and root did$/],
    ["a warning holds nothing", [finding("not-maintainer", { severity: "warn" })], ann, "eve", undefined],
  ])("%s", (_, findings, approver, pusher, expected) => {
    const refusal = approvalRefusal(findings, approver, pusher);
    if (expected) expect(refusal?.message).toMatch(expected);
    else expect(refusal).toBeUndefined();
  });
});
