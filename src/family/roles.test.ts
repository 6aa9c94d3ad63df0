import { describe, expect, it } from "vitest";
import { sampleComponent } from "../../test/fixtures/sample-model.ts";
import type { Role } from "./model.ts";
import { mayMaintain, roleAtLeast, tierOfChange } from "./roles.ts";

const rising = ["reader", "contributor", "maintainer", "administrator"] as const;

describe("roles", () => {
  it("rise", () => {
    for (const [high, role] of rising.entries())
      for (const [low, least] of rising.entries()) expect(roleAtLeast(role, least)).toBe(high >= low);
  });

  it.each<[string, string, Role, readonly string[] | undefined, readonly string[], boolean]>([
    ["an administrator, of anything", "root", "administrator", [], ["ann"], true],
    ["a maintainer whose token names it", "bob", "maintainer", ["greeter"], ["ann"], true],
    ["a maintainer whose token names another", "ann", "maintainer", ["other"], ["ann"], false],
    ["a maintainer whose token names none", "ann", "maintainer", [], ["ann"], false],
    ["a maintainer whom the family file names", "ann", "maintainer", undefined, ["ann"], true],
    ["a maintainer whom it does not name", "bob", "maintainer", undefined, ["ann"], false],
    ["any maintainer where it names nobody", "bob", "maintainer", undefined, [], true],
    ["a contributor whom it names", "ann", "contributor", undefined, ["ann"], false],
    ["a reader", "ann", "reader", undefined, ["ann"], false],
  ])("%s may maintain", (_who, user, role, components, maintainers, expected) => {
    expect(mayMaintain({ user, role, components }, sampleComponent({ maintainers }))).toBe(expected);
  });

  it.each<[Role | undefined, boolean, string]>([
    [undefined, false, "stranger"],
    ["reader", false, "stranger"],
    ["contributor", false, "change"],
    ["administrator", false, "change"],
    [undefined, true, "change"],
  ])("an author who is %s, head allowed %s: %s", (authorRole, headAllowed, tier) => {
    expect(tierOfChange({ authorRole, headAllowed })).toBe(tier);
  });
});
