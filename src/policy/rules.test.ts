import { describe, expect, it } from "vitest";
import type { PreflightFacts } from "./model.ts";
import { preflight } from "./preflight.ts";

const commit = "c".repeat(40);
const good: PreflightFacts = {
  component: "greeter",
  kind: "versioned",
  maintainers: ["ann"],
  tag: "v1.2.0",
  tagObject: "t".repeat(40),
  commit,
  defaultBranch: "main",
  branches: ["main"],
  containing: [{ branch: "main", isHead: true, ahead: 0 }],
  tags: [{ name: "v1.1.0", commit: "b".repeat(40) }],
  releases: [],
  requiredContexts: ["build"],
  checks: [{ context: "build", state: "success", description: "succeeded" }],
  actor: { user: "ann", mayMaintain: true },
};
const check = (changes: Partial<PreflightFacts>) => preflight({ ...good, ...changes });
const rulesOf = (changes: Partial<PreflightFacts>) => check(changes).findings.map((finding) => finding.rule);

describe("preflight", () => {
  it("passes what is as it should be", () => {
    expect(check({})).toEqual({ verdict: "pass", findings: [], unchecked: [] });
  });

  it.each([
    ["not-semver", { tag: "1.2.0" }],
    ["not-semver", { tag: "v1.2" }],
    ["not-semver", { tag: "v01.2.0" }],
    ["not-semver", { tag: "v1.2.0+build" }],
    ["internal-component", { kind: "internal" }],
    ["no-commit", { commit: undefined }],
    ["outside-branches", { containing: [] }],
    ["outside-branches", { containing: [{ branch: "topic", isHead: true, ahead: 0 }] }],
    [
      "outside-branches",
      { tag: "v1.1.1", branches: ["main", "release-1.1"], containing: [{ branch: "main", isHead: true, ahead: 0 }] },
    ],
    ["checks-not-green", { checks: [] }],
    ["checks-not-green", { checks: [{ context: "build", state: "failure", description: "exited with 1" }] }],
    ["checks-not-green", { checks: [{ context: "build", state: "pending", description: "" }] }],
    ["not-maintainer", { actor: { user: "bob", mayMaintain: false } }],
    [
      "not-newer",
      {
        tags: [
          { name: "v1.2.1", commit: "b" },
          { name: "v1.1.0", commit: "a" },
        ],
      },
    ],
    [
      "tag-moved",
      { releases: [{ version: "v1.2.0", tagObject: "o".repeat(40), commit: "b".repeat(40), state: "published" }] },
    ],
  ] as const)("%s refuses", (rule, changes) => {
    const answer = check(changes);
    expect(answer.verdict).toBe("refuse");
    const finding = answer.findings.find((each) => each.rule === rule);
    expect(finding?.severity).toBe("refuse");
    expect(finding?.satisfiedBy).not.toBe("");
  });

  it.each([
    ["skipped-version", { tag: "v1.3.0" }],
    ["same-commit", { tags: [{ name: "v1.1.0", commit }] }],
  ] as const)("%s warns", (rule, changes) => {
    expect(check(changes)).toMatchObject({ verdict: "warn", findings: [{ rule }] });
  });

  it("lets a final be the commit of its last candidate, and says when it is not", () => {
    const candidate = (at: string) => ({ tags: [...good.tags, { name: "v1.2.0-rc1", commit: at }] });
    expect(rulesOf(candidate(commit))).toEqual([]);
    expect(rulesOf(candidate("d".repeat(40)))).toEqual(["candidate-differs"]);
  });

  it("does not pretend to know who pushed", () => {
    expect(check({ actor: undefined }).unchecked.map((each) => each.rule)).toEqual(["not-maintainer"]);
  });

  it("takes severities of the family, except of what nobody may override", () => {
    expect(preflight({ ...good, checks: [] }, { "checks-not-green": "warn" }).verdict).toBe("warn");
    expect(preflight({ ...good, checks: [] }, { "checks-not-green": "off" }).verdict).toBe("pass");
    expect(preflight({ ...good, kind: "internal" }, { "internal-component": "off" }).verdict).toBe("refuse");
  });
});
