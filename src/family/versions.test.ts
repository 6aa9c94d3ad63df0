import fc from "fast-check";
import { compare } from "semver";
import { describe, expect, it } from "vitest";
import {
  canaryTagOf,
  compareVersions,
  isProtectedBranch,
  lineOf,
  lineOfBranch,
  looksLikeVersion,
  maintenanceBranchOf,
  parseVersionTag,
  sortedVersions,
} from "./versions.ts";

const number = fc.nat({ max: 99_999 });
const identifier = fc.oneof(
  fc.stringMatching(/^[0-9A-Za-z-]{0,6}[A-Za-z-][0-9A-Za-z-]{0,6}$/),
  fc.nat({ max: 999 }).map(String),
);
const versionTag = fc
  .tuple(number, number, number, fc.array(identifier, { maxLength: 3 }))
  .map(([major, minor, patch, pre]) => `v${major}.${minor}.${patch}${pre.length > 0 ? `-${pre.join(".")}` : ""}`);

function versionOf(tag: string) {
  const version = parseVersionTag(tag);
  if (!version.ok) throw new Error(version.error.message);
  return version.value;
}

describe("version tags", () => {
  it("are read into their parts", () => {
    expect(versionOf("v1.2.3")).toEqual({ tag: "v1.2.3", major: 1, minor: 2, patch: 3, prerelease: undefined });
    expect(versionOf("v0.10.0-rc.1").prerelease).toBe("rc.1");
    fc.assert(
      fc.property(number, number, number, (major, minor, patch) => {
        expect(versionOf(`v${major}.${minor}.${patch}`)).toMatchObject({ major, minor, patch, prerelease: undefined });
      }),
    );
  });

  it.each([
    ["1.2.3", "v1.2.3"],
    ["V1.2.3", "v1.2.3"],
    ["v.1.2.3", "v1.2.3"],
    ["v1.2", "v1.2.0"],
    ["v1", "v1.0.0"],
    ["v01.2.3", "v1.2.3"],
    ["v1.2.0rc1", "v1.2.0-rc1"],
    ["v1.2.0.rc1", "v1.2.0-rc1"],
    ["v1.2-beta", "v1.2.0-beta1"],
    ["1.2.0-rc-2", "v1.2.0-rc2"],
  ])("%s is refused, with what was probably meant: %s", (tag, meant) => {
    const version = parseVersionTag(tag);
    expect(!version.ok && version.error.hint).toBe(`did you mean ${meant}?`);
  });

  it.each([
    "",
    "latest",
    "v1.2.3+build",
    "v1.2.3-",
    "v1.2.3-01",
    "v1.2.3-rc..1",
    "v1.2.3\n",
    " v1.2.3",
    "v1.2.3-rc_1",
    "v1.2.3.4",
    `v1.2.3-${"x".repeat(130)}`,
    `v${"9".repeat(30)}.0.0`,
  ])("%j is no version", (tag) =>
    expect(parseVersionTag(tag)).toMatchObject({ ok: false, error: { code: "bad-input" } }),
  );

  it("suggest only what is a version itself", () => {
    const almost = fc.stringMatching(/^[vV]?\.?\d{1,9}(\.\d{1,9})?(\.\d{1,9})?([-.]?(alpha|beta|rc)\.?-?(\d{1,9})?)?$/);
    fc.assert(
      fc.property(almost, (tag) => {
        const version = parseVersionTag(tag);
        if (version.ok) return;
        const meant = /^did you mean (.+)\?$/.exec(version.error.hint ?? "")?.[1];
        expect(meant, tag).toBeDefined();
        expect(parseVersionTag(meant ?? "").ok, meant).toBe(true);
      }),
    );
  });

  it("are ordered by semver's precedence, newest first where they are listed", () => {
    expect(sortedVersions(["v1.9.0", "latest", "v1.10.0", "v1.10.0-rc2", "v1.10.0-rc.10"]).map((v) => v.tag)).toEqual([
      "v1.10.0",
      "v1.10.0-rc2",
      "v1.10.0-rc.10",
      "v1.9.0",
    ]);
    fc.assert(
      fc.property(versionTag, versionTag, (a, b) => {
        expect(Math.sign(compareVersions(versionOf(a), versionOf(b)))).toBe(compare(a, b));
      }),
    );
  });

  it("are written once by the registry, or reserved as canaries, whatever their suffix", () => {
    fc.assert(
      fc.property(versionTag, (tag) => {
        expect(looksLikeVersion(tag) || tag.endsWith("-canary"), tag).toBe(true);
      }),
    );
  });
});

describe("lines and branches", () => {
  it("go from a version to its branch and back", () => {
    fc.assert(
      fc.property(versionTag, (tag) => {
        const version = versionOf(tag);
        expect(lineOfBranch(maintenanceBranchOf(version))).toBe(lineOf(version));
      }),
    );
  });

  it.each(["main", "release-1", "release-1.2.3", "release-01.2", "release-1.2-fix", "xrelease-1.2", "release-a.b"])(
    "%s carries no line",
    (branch) => expect(lineOfBranch(branch)).toBeUndefined(),
  );

  it.each([
    ["main", "canary"],
    ["release-1.2", "1.2-canary"],
    ["feature", undefined],
    ["master", undefined],
    ["release-next", undefined],
  ])("%s publishes %s", (branch, tag) => expect(canaryTagOf(branch, "main")).toBe(tag));

  it.each([
    ["main", true],
    ["release-1.2", true],
    ["release-next", true],
    ["feature", false],
    ["master", false],
  ])("%s is protected: %s", (branch, expected) => expect(isProtectedBranch(branch, "main")).toBe(expected));

  it.each([
    ["v1.2.3", true],
    ["1.2", true],
    ["v1.2-rc1", true],
    ["v1.2.3+x", true],
    ["1.2-canary", false],
    ["latest", false],
    ["v1", false],
    ["sha256-ab", false],
  ])("a registry tag %s looks like a version: %s", (tag, expected) => expect(looksLikeVersion(tag)).toBe(expected));
});
