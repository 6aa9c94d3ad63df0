import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf, noId, sampleBuildJob, sampleChange, sampleFacts, sampleJob } from "../../test/fixtures/sample-model.ts";
import type { RunState } from "../family/index.ts";
import type { Job } from "../jobs/index.ts";
import { decide } from "./decide.ts";
import { changeActions, type Facts, type FamilyEvent, type RunOutcomeFacts } from "./model.ts";

const base = { component: "greeter", at: 0, actor: undefined };

const patterns = fc.subarray(["^main$", "^release-", "^v", "x", "("]);
const optionalText = fc.constantFrom(undefined, "\\.go$", "[");
const jobs = fc.array(
  fc
    .record({
      type: fc.constantFrom("presubmit", "postsubmit", "periodic", "batch"),
      alwaysRun: fc.constantFrom(true, false, undefined),
      branches: patterns,
      skipBranches: patterns,
      runIfChanged: optionalText,
      skipIfOnlyChanged: optionalText,
      optional: fc.boolean(),
    })
    .map((over): Partial<Job> => over),
  { maxLength: 5 },
);
const id = fc.constantFrom(noId, idOf("a"), idOf("b"));
const change = fc
  .record({ authorRole: fc.constantFrom(undefined, "contributor" as const), headAllowed: fc.boolean() })
  .map((over) => sampleChange(over));
const files = fc.option(fc.subarray(["a.go", "b.md"]), { nil: undefined });
const event: fc.Arbitrary<FamilyEvent> = fc.oneof(
  fc
    .record({ ref: fc.constantFrom("refs/heads/main", "refs/heads/x"), before: id, after: id, files })
    .map((over) => ({ kind: "push", ...base, ...over }) as const),
  fc
    .record({ ref: fc.constantFrom("refs/tags/v1.0.0", "refs/tags/x"), before: id, after: id })
    .map((over) => ({ kind: "tag", ...base, ...over }) as const),
  fc
    .record({ action: fc.constantFrom(...changeActions), change, files })
    .map((over) => ({ kind: "change", ...base, ...over }) as const),
  fc
    .record({ comment: fc.constantFrom("/test all", "/retest", "/test job-0", "hello"), change, files })
    .map((over) => ({ kind: "comment", ...base, ...over, contexts: { reported: [], failed: [] } }) as const),
  fc.constant({ kind: "tick", at: 60_000, since: 0 } as const),
);

describe("decisions", () => {
  it("name every job once, as run or as skipped, each with its reason, and again the same", () => {
    fc.assert(
      fc.property(event, jobs, fc.boolean(), (happened, overs, isComponent) => {
        const all = overs.map((over, index) => sampleJob({ ...over, name: `job-${index}` }));
        const facts = sampleFacts({ jobs: all, ...(isComponent ? {} : { component: undefined }) });
        const plan = decide(happened, facts);
        const named = [...plan.runs.map((run) => run.job.name), ...plan.skipped.map((each) => each.job)];
        expect(named.sort()).toEqual(all.map((job) => job.name).sort());
        for (const each of [...plan.runs, ...plan.skipped, ...plan.effects]) expect(each.reason).not.toBe("");
        expect(decide(happened, facts)).toEqual(plan);
      }),
    );
  });

  it("run nothing of a stranger and nothing after a deletion", () => {
    fc.assert(
      fc.property(event, jobs, (happened, overs) => {
        const all = overs.map((over, index) => sampleJob({ ...over, name: `job-${index}` }));
        const plan = decide(happened, sampleFacts({ jobs: all }));
        const foreign =
          "change" in happened && happened.change.authorRole === undefined && !happened.change.headAllowed;
        const deleted = "after" in happened && happened.after === noId;
        if (foreign || deleted) expect(plan.runs).toEqual([]);
      }),
    );
  });
});

describe("a push", () => {
  const push = (ref: string, files?: readonly string[]) =>
    ({ kind: "push", ...base, ref, before: noId, after: idOf("a"), files }) as const;

  it.each([
    ["refs/heads/main", ["fam-greeter-build"]],
    ["refs/heads/release-1.2", ["fam-greeter-build"]],
    ["refs/heads/v1-work", ["fam-greeter-build"]],
    ["refs/heads/topic", []],
  ])("to %s builds %j, never as a release", (ref, expected) => {
    const plan = decide(push(ref), sampleFacts());
    expect(plan.runs.map((run) => run.job.name)).toEqual(expected);
    expect(plan.runs.every((run) => run.tier === "branch" && run.ref === ref)).toBe(true);
    expect(plan.effects).toEqual([]);
  });

  it("that moves nothing builds again what is generated, and starts nothing that was loaded", () => {
    const facts = sampleFacts({
      jobs: [sampleBuildJob(), sampleBuildJob({ name: "post-greeter-deploy", origin: "jobs.yaml:3" })],
    });
    const plan = decide({ ...push("refs/heads/release-1.2"), before: idOf("a") }, facts);
    expect(plan.runs.map((run) => run.job.name)).toEqual(["fam-greeter-build"]);
    expect(plan.runs[0]?.reason).toContain("built again");
    expect(plan.skipped).toMatchObject([{ job: "post-greeter-deploy", reason: "release-1.2 did not move" }]);
  });

  it("obeys what changed", () => {
    const facts = sampleFacts({ jobs: [sampleBuildJob({ runIfChanged: "\\.go$" })] });
    expect(decide(push("refs/heads/main", ["a.go"]), facts).runs).toHaveLength(1);
    expect(decide(push("refs/heads/main", ["a.md"]), facts).runs).toHaveLength(0);
  });
});

describe("the end of a run", () => {
  const ended = (over: Partial<RunOutcomeFacts> = {}, facts: Partial<Facts> = {}) =>
    decide(
      {
        kind: "run",
        ...base,
        run: {
          id: "run-1",
          job: "fam-greeter-build",
          type: "postsubmit",
          state: "success",
          description: "fine",
          refs: { org: "tools", repo: "greeter", base_ref: "main", base_sha: idOf("a") },
          ref: "refs/heads/main",
          commit: idOf("a"),
          tier: "branch",
          releaseId: undefined,
          images: ["greeter"],
          ...over,
        },
      },
      sampleFacts(facts),
    );

  it.each<[RunState, string]>([
    ["success", "success"],
    ["failure", "failure"],
    ["aborted", "failure"],
    ["error", "error"],
  ])("%s is reported as %s on its commit", (state, reported) => {
    expect(ended({ state }).effects[0]).toMatchObject({
      kind: "status",
      sha: idOf("a"),
      context: "fam-greeter-build",
      state: reported,
    });
  });

  it.each([
    ["refs/heads/main", "canary"],
    ["refs/heads/release-1.2", "1.2-canary"],
  ])("green on %s moves %s, with all images", (ref, tag) => {
    expect(ended({ ref, images: ["a", "b"] }).effects[1]).toMatchObject({
      kind: "canary",
      tag,
      images: ["a", "b"],
      commit: idOf("a"),
      runId: "run-1",
    });
  });

  it.each<[string, Partial<RunOutcomeFacts>, Partial<Facts>, RegExp | undefined]>([
    ["red", { state: "failure" }, {}, /canary stays: .* failure/],
    ["aborted", { state: "aborted" }, {}, /canary stays/],
    ["of a topic branch", { ref: "refs/heads/topic" }, {}, /topic has no canary/],
    ["without images", { images: [] }, {}, /no images/],
    ["that is older", {}, { canary: { commit: idOf("d"), newerThanThisRun: true } }, /from ddddddd, which is newer/],
    ["of a change", { tier: "change", type: "presubmit", ref: "refs/pull/7/head" }, {}, undefined],
    ["that says it is of the branch, of a lower tier", { tier: "change" }, {}, undefined],
    ["of a tag", { tier: "release", ref: "refs/tags/v1.0.0" }, {}, undefined],
    ["of a tag named like a branch", { tier: "release", ref: "refs/tags/main" }, {}, undefined],
  ])("%s leaves the canary", (_what, run, facts, reason) => {
    const plan = ended(run, facts);
    expect(plan.effects.map((effect) => effect.kind)).toEqual(["status"]);
    expect(plan.skipped[0]?.reason).toEqual(reason ? expect.stringMatching(reason) : undefined);
  });

  it.each<[RunState, string]>([
    ["success", "verify"],
    ["failure", "fail"],
    ["aborted", "fail"],
    ["error", "fail"],
  ])("%s of a release's build leads to: %s", (state, step) => {
    const run = { tier: "release", ref: "refs/tags/v1.0.0", releaseId: "greeter@v1.0.0" } as const;
    expect(ended({ ...run, state }).effects.slice(1)).toEqual([
      expect.objectContaining({ kind: "release-step", step, releaseId: "greeter@v1.0.0", runId: "run-1" }),
    ]);
  });
});
