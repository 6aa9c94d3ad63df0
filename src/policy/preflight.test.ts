import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf } from "../../test/fixtures/sample-model.ts";
import type { Severity } from "../family/index.ts";
import type { PreflightFacts } from "./model.ts";
import { preflight } from "./preflight.ts";
import { rules } from "./rules.ts";

const commit = idOf("a");
const build = "fam-greeter-build";

/** `v1.2.0` after `v1.1.0`, on the head of the default branch, green, tagged by a maintainer. */
const good: PreflightFacts = {
  component: "greeter",
  kind: "versioned",
  maintainers: ["ann"],
  tag: "v1.2.0",
  tagObject: idOf("7"),
  commit,
  defaultBranch: "main",
  branches: ["main", "release-1.1", "feature"],
  containing: [{ branch: "main", isHead: true, ahead: 0 }],
  tags: [{ name: "v1.1.0", commit: idOf("b") }],
  releases: [],
  requiredContexts: [build],
  checks: [{ context: build, state: "success", description: "" }],
  actor: { user: "ann", mayMaintain: true },
};

const on = (branch: string) => [{ branch, isHead: true, ahead: 0 }];
const tags = (...names: string[]) => names.map((name) => ({ name, commit: idOf("b") }));
const release = (state: string) => [{ version: "v1.2.0", tagObject: idOf("8"), commit: idOf("b"), state }];
const check = (state: string) => [{ context: build, state, description: "TestGreet" }];

const found: readonly [string, string, Partial<PreflightFacts>, RegExp][] = [
  ["a tag that is no version", "not-semver", { tag: "1.2.0" }, /no version/],
  ["a tag on an internal component", "internal-component", { kind: "internal" }, /shared by copy/],
  ["a tag on a tree", "no-commit", { commit: undefined, containing: [] }, /does not lead to a commit/],
  ["a tag that moved after publication", "tag-moved", { releases: release("published") }, /was published from bbbbbbb/],
  ["a tag that moved while published", "tag-moved", { releases: release("publishing") }, /published/],
  ["a tag that moved after a withdrawal", "tag-moved", { releases: release("withdrawn") }, /published/],
  ["a commit on no branch", "outside-branches", { containing: [] }, /is on no branch/],
  ["a commit on a topic branch only", "outside-branches", { containing: on("feature") }, /is only on feature/],
  ["a commit of another line", "outside-branches", { containing: on("release-1.1") }, /is on release-1\.1/],
  ["a patch on the default branch beside its line", "outside-branches", { tag: "v1.1.1" }, /is on main, outside/],
  ["a commit that was never built", "checks-not-green", { checks: [] }, /never ran/],
  ["a commit that is being built", "checks-not-green", { checks: check("pending") }, /still runs/],
  ["a commit whose build failed", "checks-not-green", { checks: check("failure") }, /is failure on aaaaaaa: TestGreet/],
  ["a commit whose build was aborted", "checks-not-green", { checks: check("aborted") }, /is aborted/],
  ["a tag by a stranger", "not-maintainer", { actor: { user: "eve", mayMaintain: false } }, /eve is no maintainer/],
  ["an older patch", "not-newer", { tags: tags("v1.1.0", "v1.2.1") }, /v1\.2\.1 exists already/],
  ["a candidate after its final", "not-newer", { tag: "v1.2.0-rc2", tags: tags("v1.2.0") }, /v1\.2\.0 exists/],
  ["a candidate before the last one", "not-newer", { tag: "v1.2.0-rc1", tags: tags("v1.2.0-rc2") }, /v1\.2\.0-rc2/],
  ["a minor left out", "skipped-version", { tag: "v1.3.0" }, /v1\.2\.0 was never released/],
  ["a patch left out", "skipped-version", { tag: "v1.1.2", containing: on("release-1.1") }, /v1\.1\.1 was never/],
  ["the same commit again", "same-commit", { tags: [{ name: "v1.1.0", commit }] }, /v1\.1\.0 is the same commit/],
  ["commits after the candidate", "candidate-differs", { tags: tags("v1.1.0", "v1.2.0-rc1") }, /after .* v1\.2\.0-rc1/],
  [
    "a commit behind the head",
    "not-branch-head",
    { containing: [{ branch: "main", isHead: false, ahead: 3 }] },
    /3 commits/,
  ],
];

const quiet: readonly [string, Partial<PreflightFacts>][] = [
  ["the first release of all", { tag: "v0.1.0", tags: [] }],
  ["a first major", { tag: "v2.0.0" }],
  ["a candidate", { tag: "v1.2.0-rc1" }],
  ["a final on its candidate's commit", { tags: [...tags("v1.1.0"), { name: "v1.2.0-rc1", commit }] }],
  ["a minor after a minor that was tagged late", { tags: tags("v1.1.3") }],
  ["a patch on its line", { tag: "v1.1.1", containing: on("release-1.1") }],
  ["a patch where there is no line", { tag: "v1.1.1", branches: ["main"] }],
  ["a minor on its own line", { containing: on("release-1.2") }],
  ["a release beside newer lines", { tag: "v1.1.1", containing: on("release-1.1"), tags: tags("v1.1.0", "v1.2.0") }],
  ["a tag pushed again after a failure", { releases: release("failed") }],
  ["a tag that was put back", { releases: [{ version: "v1.2.0", tagObject: idOf("7"), commit, state: "published" }] }],
  ["tags that are no versions", { tags: [...tags("v1.1.0"), { name: "nightly", commit }] }],
];

describe("preflight", () => {
  it("passes what is as it should be", () => {
    expect(preflight(good)).toEqual({ verdict: "pass", findings: [], unchecked: [] });
  });

  it.each(found)("finds %s (%s)", (_what, id, over, message) => {
    const answer = preflight({ ...good, ...over });
    const rule = rules.find((each) => each.id === id);
    const finding = answer.findings.find((each) => each.rule === id);
    expect(finding?.message).toMatch(message);
    expect(finding).toMatchObject({ severity: rule?.severity, overridable: rule?.overridable });
    expect(finding?.satisfiedBy).not.toBe("");
    const worst = answer.findings.some((each) => each.severity === "refuse") ? "refuse" : rule?.severity;
    expect(answer.verdict).toBe(worst === "note" ? "pass" : worst);
  });

  it.each(quiet)("says nothing about %s", (_what, over) => {
    expect(preflight({ ...good, ...over }).findings).toEqual([]);
  });

  it("has every rule seen to fire above", () => {
    expect(new Set(found.map(([, id]) => id))).toEqual(new Set(rules.map((rule) => rule.id)));
  });

  it("says what it could not look at, and does not call that a finding", () => {
    const answer = preflight({ ...good, actor: undefined });
    expect(answer).toMatchObject({ verdict: "pass", findings: [], unchecked: [{ rule: "not-maintainer" }] });
  });

  it("takes severities from the family file, but for what nobody may override", () => {
    const severity = fc.constantFrom<Severity>("refuse", "warn", "note", "off");
    const chosen = fc.dictionary(fc.constantFrom(...rules.map((rule) => rule.id)), severity);
    fc.assert(
      fc.property(fc.constantFrom(...found), chosen, ([, , over], severities) => {
        const facts = { ...good, ...over };
        const plain = preflight(facts);
        const answer = preflight(facts, severities);
        const expected = plain.findings.flatMap((finding) => {
          const wanted = finding.overridable ? (severities[finding.rule] ?? finding.severity) : finding.severity;
          return wanted === "off" ? [] : [{ ...finding, severity: wanted }];
        });
        expect(answer.findings).toEqual(expected);
        const worst = (["refuse", "warn"] as const).find((each) => expected.some(({ severity }) => severity === each));
        expect(answer.verdict).toBe(worst ?? "pass");
      }),
    );
  });
});
