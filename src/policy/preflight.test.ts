import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf } from "../../test/fixtures/sample-model.ts";
import { sampleContents, sampleHistory, samplePin, sampleTag } from "../../test/fixtures/sample-tag.ts";
import type { Severity } from "../family/index.ts";
import {
  defaultThresholds,
  type PlacedPin,
  type PreflightFacts,
  type RevisionContents,
  type TagHistory,
} from "./model.ts";
import { preflight } from "./preflight.ts";
import { rules } from "./rules.ts";

const commit = idOf("a");
const build = "fam-greeter-build";

const good = sampleTag;

const on = (branch: string) => [{ branch, isHead: true, ahead: 0 }];
const tags = (...names: string[]) => names.map((name) => ({ name, commit: idOf("b") }));
const release = (state: string) => [{ version: "v1.2.0", tagObject: idOf("8"), commit: idOf("b"), state }];
const history = (over: Partial<TagHistory>) => ({ history: { value: { ...sampleHistory, ...over } } });
const contents = (over: Partial<RevisionContents>) => history({ contents: { ...sampleContents, ...over } });
/** Pins of the release before, `v1.1.0`, and of this one. */
const pinned = (old: readonly PlacedPin[], now: readonly PlacedPin[]) => {
  const before = { ...sampleContents, pins: { value: old } };
  return history({
    before: { tag: "v1.1.0", committedAt: 0, isMerge: true, contents: before },
    contents: { ...sampleContents, pins: { value: now } },
  });
};
/** What the stable lane said of `v1.2.0-rc1`, which is this commit. */
const withCandidate = (state: string, description = "") => ({
  ...history({ descendsFrom: ["v1.2.0-rc1"] }),
  tags: [...tags("v1.1.0"), { name: "v1.2.0-rc1", commit }],
  candidateLanes: { value: { expected: true, results: [{ tag: "v1.2.0-rc1", run: "r1", state, description }] } },
});
const check = (state: string) => [{ context: build, state, description: "TestGreet" }];

const found: readonly [string, string, Partial<PreflightFacts>, RegExp][] = [
  ["a tag that is no version", "not-semver", { tag: "1.2.0" }, /no version/],
  ["a tag without its patch", "not-semver", { tag: "v1.2" }, /no version/],
  ["leading zeros", "not-semver", { tag: "v01.2.0" }, /no version/],
  ["numbers of 30 digits", "not-semver", { tag: `v1.${"9".repeat(30)}.0` }, /no version/],
  ["build metadata, which no registry tag can hold", "not-semver", { tag: "v1.2.0+build" }, /no version/],
  ["a name like an option", "not-semver", { tag: "--upload-pack=x" }, /no version/],
  ["a name like a path", "not-semver", { tag: "../v1.2.0" }, /no version/],
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
  [
    "a minor of an old major",
    "skipped-version",
    { tag: "v1.12.0", tags: tags("v1.1.0", "v2.11.0") },
    /did you mean v2\.12\.0\?/,
  ],
  ["a jump over majors", "skipped-major", { tag: "v9.0.0" }, /the last release is v1\.1\.0, so v2\.0\.0 comes next/],
  ["a minor of an old major", "old-major", { tags: tags("v1.1.0", "v2.11.0") }, /new minor of 1\.x.*v2\.11\.0/],
  ["a candidate of another name", "not-candidate-name", { tag: "v1.2.0-test" }, /no -rcN/],
  [
    "a registry that has it",
    "exists-in-registry",
    { foreignTags: { value: ["r.example/greeter:v1.2.0"] } },
    /no record/,
  ],
  [
    "a patch older than the one before",
    "older-than-predecessor",
    {
      ...history({ committedAt: Date.UTC(2025, 0, 1) }),
      tag: "v1.1.1",
      containing: on("release-1.1"),
    },
    /of 2025-01-01, older than v1\.1\.0 of 2026-01-01/,
  ],
  [
    "the tag of a module elsewhere",
    "submodule-differs",
    { tags: [...tags("v1.1.0"), { name: "client/v1.2.0", commit: idOf("c") }] },
    /client\/v1\.2\.0 is on another commit/,
  ],
  ["a candidate that was left", "candidate-left", { tags: tags("v1.1.0", "v1.1.1-rc1") }, /v1\.1\.1-rc1 never became/],
  [
    "a patch on the default branch",
    "patch-without-branch",
    { ...history({}), tag: "v1.1.1", branches: ["main"] },
    /there is no release-1\.1/,
  ],
  [
    "a patch beside its predecessor",
    "patch-not-descendant",
    { ...history({ descendsFrom: [] }), tag: "v1.1.1", containing: on("release-1.1") },
    /does not descend from v1\.1\.0/,
  ],
  [
    "a final beside its candidate",
    "candidate-not-ancestor",
    { tags: tags("v1.1.0", "v1.2.0-rc1") },
    /does not descend from v1\.2\.0-rc1/,
  ],
  ["a commit that is no merge", "not-a-merge", history({ isMerge: false }), /is no merge/],
  [
    "a candidate that failed",
    "candidate-failed",
    {
      ...history({ descendsFrom: ["v1.2.0-rc1"] }),
      tags: [...tags("v1.1.0"), { name: "v1.2.0-rc1", commit: idOf("a") }],
      failedCandidates: { value: [{ tag: "v1.2.0-rc1", text: "loses data", by: "bob" }] },
    },
    /v1\.2\.0-rc1 failed a test by bob: loses data/,
  ],
  [
    "a candidate with which the stable lane is red",
    "candidate-lane-red",
    withCandidate("failure", "e2e exited with 1"),
    /^the stable lane with v1\.2\.0-rc1 is red: e2e exited with 1$/,
  ],
  ["a candidate whose lane still runs", "candidate-lane-missing", withCandidate("pending"), /rc1 still runs$/],
  [
    "a candidate that was not tested here",
    "candidate-lane-missing",
    withCandidate("error", "no cluster"),
    /: no cluster$/,
  ],
  [
    "a final without a candidate that was tried",
    "candidate-lane-missing",
    { candidateLanes: { value: { expected: true, results: [] } } },
    /^no candidate of v1\.2\.0 was tried in the stable lane$/,
  ],
  [
    "a candidate that the lane was not run with",
    "candidate-lane-missing",
    { ...withCandidate("success"), candidateLanes: { value: { expected: true, results: [] } } },
    /^the stable lane was never run with v1\.2\.0-rc1$/,
  ],
  [
    "a red lane",
    "lanes-not-green",
    { lanes: { value: [{ name: "fam-canary-1.36", state: "failure" }] } },
    /is failure/,
  ],
  [
    "a branch frozen for another",
    "frozen",
    { freezes: { value: [{ branch: "main", for: "v2.0.0" }] } },
    /frozen for v2/,
  ],
  [
    "a changelog that was forgotten",
    "changelog-missing",
    contents({ changelog: { kept: true, heading: false } }),
    /v1\.2/,
  ],
  [
    "a changed copy",
    "shared-not-pristine",
    history({ shared: { value: [{ folder: "tools", component: "shared", pristine: false, behind: 0 }] } }),
    /tools was never like this in shared/,
  ],
  [
    "an old copy",
    "shared-behind",
    history({ shared: { value: [{ folder: "tools", component: "shared", pristine: true, behind: 9 }] } }),
    /lacks 9 merges of shared/,
  ],
  [
    "an old toolchain",
    "toolchain-older",
    contents({ go: { asked: "1.25.1", builds: "1.24.9" } }),
    /asks for Go 1\.25\.1/,
  ],
  ["an image less", "fewer-images", contents({ images: { value: [] } }), /greeter was released with v1\.1\.0/],
  [
    "rights that grow in a patch",
    "rbac-grown",
    {
      ...contents({ rbac: { value: ["ClusterRole greeter: /pods delete", "ClusterRole greeter: /pods get"] } }),
      tag: "v1.1.1",
      containing: on("release-1.1"),
    },
    /asks for 1 right that v1\.1\.0 did not: ClusterRole greeter: \/pods delete/,
  ],
  ["a pinned candidate", "prerelease-pin", pinned([], [samplePin("waver", "v2.0.0-rc1")]), /waver:v2\.0\.0-rc1/],
  [
    "a pinned canary",
    "prerelease-pin",
    pinned([], [samplePin("waver", "canary", { owner: undefined })]),
    /waver:canary/,
  ],
  [
    "a pin that goes back",
    "pin-backwards",
    pinned([samplePin("waver", "v2.1.0")], [samplePin("waver", "v2.0.0")]),
    /waver goes back from v2\.1\.0 to v2\.0\.0/,
  ],
  [
    "a major in a patch",
    "bump-relaxed",
    {
      ...pinned([samplePin("waver", "v2.1.0")], [samplePin("waver", "v3.0.0")]),
      tag: "v1.1.1",
      containing: on("release-1.1"),
    },
    /waver v2\.1\.0 → v3\.0\.0 is a major, and v1\.1\.0 → v1\.1\.1 is less/,
  ],
  [
    "a major in a minor",
    "bump-strict",
    pinned([samplePin("waver", "v2.1.0")], [samplePin("waver", "v3.0.0")]),
    /waver v2\.1\.0 → v3\.0\.0 is a major/,
  ],
  [
    "an old driver in its own manifests",
    "self-pin",
    pinned([], [samplePin("greeter", "v1.1.0", { owner: "greeter" })]),
    /start greeter:v1\.1\.0/,
  ],
  [
    "the same commit again",
    "same-commit",
    { tags: [{ name: "v1.1.0", commit: idOf("a") }] },
    /v1\.1\.0 is the same commit/,
  ],
  [
    "commits after the candidate",
    "candidate-differs",
    { ...history({ descendsFrom: ["v1.1.0", "v1.2.0-rc1"] }), tags: tags("v1.1.0", "v1.2.0-rc1") },
    /after .* v1\.2\.0-rc1/,
  ],
  [
    "a commit behind the head",
    "not-branch-head",
    { containing: [{ branch: "main", isHead: false, ahead: 3 }] },
    /3 commits/,
  ],
];

const quiet: readonly [string, Partial<PreflightFacts>][] = [
  ["the first release of all", { ...history({ before: undefined }), tag: "v0.1.0", tags: [] }],
  ["a first major", { tag: "v2.0.0" }],
  ["a clock that runs backwards for an hour", { ...history({ committedAt: Date.UTC(2025, 11, 31, 23) }) }],
  ["an image less in a major", { ...contents({ images: { value: [] } }), tag: "v2.0.0" }],
  ["rights that grow in a minor", contents({ rbac: { value: ["ClusterRole greeter: /pods delete"] } })],
  ["a Go that is only named by its line", contents({ go: { asked: "1.24.9", builds: "1.24" } })],
  ["pins of nobody here", pinned([], [samplePin("socat", "1.0.3", { owner: undefined })])],
  [
    "a minor of a pin in a minor",
    pinned([samplePin("waver", "v2.1.0")], [samplePin("waver", "v2.2.0"), samplePin("bower", "v1.0.0")]),
  ],
  ["a candidate that pins candidates", { ...pinned([], [samplePin("waver", "v2.0.0-rc1")]), tag: "v1.2.0-rc1" }],
  ["a changelog where there never was one", history({ headingBefore: undefined })],
  ["a candidate", { tag: "v1.2.0-rc1" }],
  [
    "a final on its candidate's commit",
    {
      ...history({ descendsFrom: ["v1.2.0-rc1"] }),
      tags: [...tags("v1.1.0"), { name: "v1.2.0-rc1", commit: idOf("a") }],
    },
  ],
  ["a candidate with which the stable lane is green", withCandidate("success")],
  ["a candidate, whatever the lane says of earlier ones", { ...withCandidate("failure"), tag: "v1.2.0-rc2" }],
  ["a minor after a minor that was tagged late", { tags: tags("v1.1.3") }],
  ["a patch on its line", { tag: "v1.1.1", containing: on("release-1.1") }],
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

  it("lists what cannot be known with its reason, and never assumes it", () => {
    const unknown = { unknown: "nobody looked" };
    const answer = preflight({
      ...good,
      actor: undefined,
      history: unknown,
      freezes: unknown,
      lanes: { value: [{ name: "fam-canary-1.36", state: undefined }] },
      failedCandidates: unknown,
      foreignTags: unknown,
      requiredContexts: unknown,
    });
    expect(answer.verdict).toBe("pass");
    expect(answer.unchecked).toContainEqual({ rule: "changelog-missing", reason: "nobody looked" });
    expect(answer.unchecked).toContainEqual({ rule: "lanes-not-green", reason: "fam-canary-1.36 never ran" });
    expect(answer.unchecked.map((each) => each.rule)).toEqual(
      expect.arrayContaining(["exists-in-registry", "checks-not-green", "frozen", "not-maintainer", "bump-relaxed"]),
    );
  });

  it("says what is not known of the trees alone", () => {
    const answer = preflight({
      ...good,
      ...contents({ pins: { unknown: "app.yaml:3:1: no YAML" }, go: { asked: "1.24", builds: undefined } }),
    });
    const rulesOf = answer.unchecked.map((each) => each.rule);
    expect(rulesOf.sort()).toEqual(
      ["bump-relaxed", "bump-strict", "pin-backwards", "prerelease-pin", "self-pin", "toolchain-older"].sort(),
    );
  });

  it("takes its numbers from the policy", () => {
    const facts = {
      ...good,
      ...history({ shared: { value: [{ folder: "tools", component: "shared", pristine: true, behind: 9 }] } }),
    };
    const thresholds = { ...defaultThresholds, sharedBehind: 9 };
    expect(preflight(facts, { severities: {}, thresholds }).findings).toEqual([]);
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
        const answer = preflight(facts, { severities, thresholds: defaultThresholds });
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
