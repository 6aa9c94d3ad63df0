import { describe, expect, it } from "vitest";
import {
  idOf,
  noId,
  sampleBuildJob,
  sampleComponent,
  sampleFacts,
  sampleFamily,
  sampleJob,
} from "../../test/fixtures/sample-model.ts";
import { decide } from "./decide.ts";
import type { Actor, Effect, Facts, KnownRelease, TagEvent } from "./model.ts";

const object = idOf("7");
const commit = idOf("a");
const ann: Actor = { user: "ann", role: "maintainer", components: undefined, tokenId: "t" };

function onTag(over: Partial<TagEvent> = {}): TagEvent {
  return {
    kind: "tag",
    component: "greeter",
    at: 0,
    actor: ann,
    ref: "refs/tags/v1.0.0",
    before: noId,
    after: object,
    ...over,
  };
}

/** An annotated `v1.0.0` on the green head of `main`. */
function facts(over: Partial<Facts> = {}): Facts {
  return sampleFacts({
    tags: [{ name: "v1.0.0", object, commit }],
    containing: [{ branch: "main", isHead: true, ahead: 0 }],
    checks: [{ context: "fam-greeter-build", state: "success", description: "" }],
    ...over,
  });
}

function known(state: string, over: Partial<KnownRelease> = {}): KnownRelease {
  return { id: "greeter@v1.0.0", version: "v1.0.0", tagObject: object, commit, state, ...over };
}

const kinds = (effects: readonly Effect[]) =>
  effects.map((effect) => (effect.kind === "release-step" ? effect.step : effect.kind));

describe("a tag", () => {
  it("that passes starts its release, bound to tag object and commit", () => {
    const plan = decide(onTag(), facts());
    expect(plan.effects).toEqual([
      expect.objectContaining({ kind: "release", version: "v1.0.0", tagObject: object, commit, prerelease: false }),
    ]);
    expect(plan.runs).toEqual([
      expect.objectContaining({ tier: "release", ref: "refs/tags/v1.0.0", change: undefined, component: "greeter" }),
    ]);
    expect(plan.runs[0]?.refs).toMatchObject({ base_ref: "v1.0.0", base_sha: commit });
    expect(plan.skipped).toEqual([
      { job: "fam-greeter-pr", rule: "job-type", reason: "presubmit jobs do not run on tags" },
    ]);
  });

  it("of a candidate is a pre-release", () => {
    const tags = [{ name: "v1.0.0-rc1", object, commit }];
    const plan = decide(onTag({ ref: "refs/tags/v1.0.0-rc1" }), facts({ tags }));
    expect(plan.effects).toEqual([expect.objectContaining({ kind: "release", prerelease: true })]);
  });

  it.each<[string, Partial<TagEvent>, Partial<Facts>, string]>([
    ["red", {}, { checks: [{ context: "fam-greeter-build", state: "failure", description: "x" }] }, "checks-not-green"],
    ["by somebody else", { actor: { ...ann, user: "bob" } }, {}, "not-maintainer"],
    ["off the branches", {}, { containing: [] }, "outside-branches"],
    ["no version", { ref: "refs/tags/nightly" }, { tags: [{ name: "nightly", object, commit }] }, "not-semver"],
    ["of an internal component", {}, { component: sampleComponent({ kind: "internal" }) }, "internal-component"],
    ["on a tree", {}, { tags: [{ name: "v1.0.0", object, commit: undefined }], containing: [] }, "no-commit"],
  ])("that is %s is quarantined, and nothing is built", (_what, event, over, rule) => {
    const plan = decide(onTag(event), facts(over));
    const [effect, ...more] = plan.effects;
    expect(more).toEqual([]);
    expect(effect?.kind === "quarantine" && effect.findings.map((finding) => finding.rule)).toContain(rule);
    expect(plan.runs).toEqual([]);
    expect(plan.skipped.map((each) => each.job)).toEqual(["fam-greeter-pr", "fam-greeter-build"]);
  });

  it("follows the severities of the family file, the component's own last", () => {
    const red = { checks: [{ context: "fam-greeter-build", state: "failure", description: "x" }] } as const;
    const all = { "checks-not-green": "warn" } as const;
    const lenient = sampleFamily({ policy: { all, byComponent: {} } });
    expect(kinds(decide(onTag(), facts({ ...red, family: lenient })).effects)).toEqual(["release"]);
    const strict = sampleFamily({ policy: { all, byComponent: { greeter: { "checks-not-green": "refuse" } } } });
    expect(kinds(decide(onTag(), facts({ ...red, family: strict })).effects)).toEqual(["quarantine"]);
  });

  it.each([
    ["runs on changed paths only", { runIfChanged: "x" }, /no changed paths/],
    ["never runs by itself", { alwaysRun: false }, /always_run is false/],
    ["is for branches only", { branches: ["^main$"] }, /v1\.0\.0 is not for it/],
  ] as const)("starts no job that %s", (_what, over, reason) => {
    const jobs = [sampleBuildJob(), sampleBuildJob({ name: "other", ...over })];
    const checks = jobs.map((job) => ({ context: job.context, state: "success" as const, description: "" }));
    const plan = decide(onTag(), facts({ jobs, checks }));
    expect(plan.runs.map((run) => run.job.name)).toEqual(["fam-greeter-build"]);
    expect(plan.skipped).toEqual([{ job: "other", rule: expect.any(String), reason: expect.stringMatching(reason) }]);
  });

  it("waits for no optional and no conditional job of the branch", () => {
    const jobs = [
      sampleBuildJob(),
      sampleBuildJob({ name: "optional", optional: true }),
      sampleBuildJob({ name: "conditional", runIfChanged: "x" }),
      sampleJob(),
    ];
    expect(kinds(decide(onTag(), facts({ jobs })).effects)).toEqual(["release"]);
  });

  it.each(["publishing", "published", "withdrawn"])("whose release is %s starts nothing again", (state) => {
    const plan = decide(onTag(), facts({ releases: [known(state)] }));
    expect([plan.runs, plan.effects]).toEqual([[], []]);
  });

  it.each(["publishing", "published", "withdrawn"])(
    "that moves when its release is %s raises an alarm only",
    (state) => {
      const plan = decide(onTag(), facts({ releases: [known(state, { tagObject: idOf("6") })] }));
      expect([plan.runs, kinds(plan.effects)]).toEqual([[], ["alarm"]]);
    },
  );

  it.each(["requested", "quarantined", "building", "verifying", "failed"])(
    "that moves when its release is %s closes that and is judged anew",
    (state) => {
      const plan = decide(onTag(), facts({ releases: [known(state, { tagObject: idOf("6") })] }));
      expect(kinds(plan.effects)).toEqual(["close", "release"]);
    },
  );

  it("that is told again does not close its own release", () => {
    const plan = decide(onTag(), facts({ releases: [known("building")] }));
    expect(kinds(plan.effects)).not.toContain("close");
  });

  it("that is gone closes its release and aborts its build, and no other", () => {
    const run = { id: "run-1", job: "b", type: "postsubmit", change: undefined, head: commit } as const;
    const liveRuns = [
      { ...run, releaseId: "greeter@v1.0.0" },
      { ...run, id: "run-2", releaseId: undefined },
    ];
    const plan = decide(onTag({ before: object, after: noId }), facts({ releases: [known("building")], liveRuns }));
    expect(plan.effects).toEqual([
      expect.objectContaining({ kind: "release-step", step: "close", releaseId: "greeter@v1.0.0" }),
      expect.objectContaining({ kind: "abort", runId: "run-1" }),
    ]);
  });

  it.each([
    ["published", ["alarm"]],
    ["closed", []],
    ["quarantined", ["close"]],
  ])("that is gone when its release is %s: %j", (state, expected) => {
    const plan = decide(onTag({ before: object, after: noId }), facts({ releases: [known(state)] }));
    expect([plan.runs, kinds(plan.effects)]).toEqual([[], expected]);
  });
});

describe("the tagger", () => {
  const component = sampleComponent({ maintainers: ["ann"] });
  const family = sampleFamily({ components: [component] });
  const verdictOf = (over: Partial<Facts>, actor: Actor | undefined) => {
    const [effect] = decide(onTag({ actor }), facts({ family, component, ...over })).effects;
    if (effect?.kind !== "release" && effect?.kind !== "quarantine") throw new Error("no verdict");
    return [
      effect.findings.find((finding) => finding.rule === "not-maintainer")?.severity,
      effect.unchecked.some((rule) => rule.rule === "not-maintainer"),
    ];
  };
  const eve: Actor = { ...ann, user: "eve" };

  it("is whom the push authenticated, or whose listed key signed", () => {
    expect(verdictOf({}, ann)).toEqual([undefined, false]);
    expect(verdictOf({}, eve)).toEqual(["refuse", false]);
    expect(verdictOf({ signedBy: "ann" }, eve)).toEqual([undefined, false]);
    expect(verdictOf({ signedBy: "eve" }, ann)).toEqual([undefined, false]);
    expect(verdictOf({ signedBy: "mal" }, eve)).toEqual(["refuse", false]);
  });

  it("is not known where nobody saw the push, unless a listed key signed", () => {
    expect(verdictOf({}, undefined)).toEqual([undefined, true]);
    expect(verdictOf({ signedBy: "ann" }, undefined)).toEqual([undefined, false]);
    expect(verdictOf({ signedBy: "eve" }, undefined)).toEqual(["refuse", false]);
  });
});
