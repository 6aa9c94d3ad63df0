import { describe, expect, it } from "vitest";
import { idOf, sampleBuildJob, sampleChange, sampleFacts, sampleJob } from "../../test/fixtures/sample-model.ts";
import { decide } from "./decide.ts";
import type { ChangeEvent, ChangeFacts, CommentEvent, Facts, Plan } from "./model.ts";

const base = { component: "greeter", at: 0, actor: undefined };
const stranger = sampleChange({ author: "eve", authorRole: undefined });

function onChange(action: ChangeEvent["action"], change: ChangeFacts = sampleChange(), files?: readonly string[]) {
  return { kind: "change", ...base, action, change, files } satisfies ChangeEvent;
}

function onComment(comment: string, over: Partial<CommentEvent> = {}): CommentEvent {
  const contexts = { reported: [], failed: [] };
  return { kind: "comment", ...base, change: sampleChange(), comment, files: ["a.go"], contexts, ...over };
}

const started = (plan: Plan) => plan.runs.map((run) => run.job.name);
const skippedBecause = (plan: Plan, job: string) => plan.skipped.find((each) => each.job === job)?.reason;
const live = (over: Partial<Facts["liveRuns"][number]> = {}): Facts["liveRuns"][number] => ({
  id: "run-1",
  job: "fam-greeter-pr",
  type: "presubmit",
  change: 7,
  head: idOf("1"),
  releaseId: undefined,
  ...over,
});

describe("what happens to a change", () => {
  it.each(["opened", "reopened", "updated", "allowed", "base-moved"] as const)("%s: its presubmits run", (action) => {
    const plan = decide(onChange(action), sampleFacts());
    expect(plan.runs).toEqual([
      expect.objectContaining({ type: "presubmit", tier: "change", change: 7, ref: "refs/pull/7/head" }),
    ]);
    expect(plan.runs[0]?.refs).toEqual({
      org: "tools",
      repo: "greeter",
      repo_link: "https://git.example/tools/greeter",
      base_ref: "main",
      base_sha: idOf("b"),
      pulls: [{ number: 7, author: "ann", sha: idOf("c"), title: "A change" }],
    });
    expect(plan.effects).toEqual([
      expect.objectContaining({ kind: "status", sha: idOf("c"), context: "fam-greeter-pr", state: "pending" }),
    ]);
    expect(skippedBecause(plan, "fam-greeter-build")).toMatch(/postsubmit jobs do not run on changes/);
  });

  it.each(["updated", "base-moved", "closed", "merged"] as const)("%s: what still runs for it is aborted", (action) => {
    const liveRuns = [
      live(),
      live({ id: "of another change", change: 8 }),
      live({ id: "of a branch", type: "postsubmit", change: undefined }),
    ];
    const plan = decide(onChange(action), sampleFacts({ liveRuns }));
    const aborts = plan.effects.filter((effect) => effect.kind === "abort");
    expect(aborts.map((effect) => effect.runId)).toEqual(["run-1"]);
    expect(plan.runs).toHaveLength(action === "closed" || action === "merged" ? 0 : 1);
  });

  it("reopened: only an older run of a job that starts again is aborted", () => {
    const liveRuns = [live({ job: "fam-greeter-pr" }), live({ id: "run-2", job: "asked-for" })];
    const plan = decide(onChange("reopened"), sampleFacts({ liveRuns }));
    expect(plan.effects.filter((effect) => effect.kind === "abort")).toEqual([
      expect.objectContaining({ runId: "run-1", reason: "superseded by a newer run of the same job" }),
    ]);
  });

  it.each([
    ["drafted", {}, [], "the change was made a draft"],
    ["edited", {}, undefined, "what was edited concerns no run"],
    ["opened", { draft: true }, undefined, "the change is a draft: its tests run when asked for"],
    ["ready", { draft: false }, undefined, undefined],
    ["opened", { mergeable: false }, undefined, "the change conflicts with its base"],
    ["opened", { mergeable: undefined }, undefined, undefined],
    ["retargeted", {}, [], undefined],
  ] as const)("%s with %j aborts %j, and starts nothing because %s", (action, over, aborts, why) => {
    const plan = decide(onChange(action, sampleChange(over)), sampleFacts({ liveRuns: [live({ job: "other" })] }));
    expect(plan.effects.some((effect) => effect.kind === "abort")).toBe(aborts !== undefined);
    expect(plan.skipped[0]?.reason === why || plan.runs.length === 1).toBe(true);
    expect(plan.runs.length === 0).toBe(why !== undefined);
  });

  it("of a stranger waits for a maintainer, and runs as a change once its head is allowed", () => {
    const held = decide(onChange("opened", stranger), sampleFacts());
    expect(held.runs).toEqual([]);
    expect(held.effects).toEqual([expect.objectContaining({ kind: "status", state: "pending", context: "fairlead" })]);
    expect(held.effects[0]?.reason).toContain("fairlead allow greeter 7");
    const allowed = decide(onChange("allowed", { ...stranger, headAllowed: true }), sampleFacts());
    expect(allowed.runs.map((run) => run.tier)).toEqual(["change"]);
  });

  it.each([
    ["always", {}, undefined, true, "always_run"],
    ["only when asked for", { alwaysRun: false }, ["a.go"], false, "/test fam-greeter-pr"],
    ["on matching files", { alwaysRun: false, runIfChanged: "\\.go$" }, ["a.go"], true, "calls for it"],
    ["not on others", { alwaysRun: false, runIfChanged: "\\.go$" }, ["a.md"], false, "no changed path"],
    ["not on unknown ones", { alwaysRun: false, runIfChanged: "\\.go$" }, undefined, false, "not known"],
    ["unless only docs changed", { alwaysRun: false, skipIfOnlyChanged: "\\.md$" }, ["a.md"], false, "no changed path"],
    ["not on other branches", { branches: ["^release-"] }, ["a.go"], false, "main is not for it"],
    ["not where a pattern is none", { branches: ["("] }, ["a.go"], false, "no RE2 pattern"],
  ] as const)("a job runs %s", (_when, over, files, runs, reason) => {
    const plan = decide(onChange("opened", sampleChange(), files), sampleFacts({ jobs: [sampleJob(over)] }));
    expect(plan.runs).toHaveLength(runs ? 1 : 0);
    expect(plan.runs[0]?.reason ?? plan.skipped[0]?.reason).toContain(reason);
  });

  it("in a repository that is no component starts nothing, and says so", () => {
    const plan = decide(onChange("opened"), sampleFacts({ component: undefined }));
    expect(plan).toMatchObject({ runs: [], effects: [] });
    expect(plan.skipped.every((each) => each.reason === "greeter is no component of the family")).toBe(true);
  });
});

describe("comments", () => {
  const automatic = sampleJob({ name: "automatic" });
  const manual = sampleJob({ name: "manual", alwaysRun: false });
  const quiet = sampleJob({ name: "quiet", alwaysRun: false, skipReport: true });
  const optional = sampleJob({ name: "optional", optional: true });
  const conditional = sampleJob({ name: "conditional", alwaysRun: false, runIfChanged: "\\.md$" });
  const elsewhere = sampleJob({ name: "elsewhere", branches: ["^release-"] });
  const jobs = [automatic, manual, quiet, optional, conditional, elsewhere, sampleBuildJob({ name: "build" })];
  const none = { reported: [], failed: [] };
  const all = { reported: jobs.map((job) => job.context), failed: [] };

  it.each<[string, CommentEvent["contexts"], readonly string[]]>([
    ["looks good", none, []],
    ["/test manual", none, ["manual"]],
    ["please\n/test manual", none, ["manual"]],
    ["/test manual-more", none, []],
    ["/test conditional", none, ["conditional"]],
    ["/test elsewhere", none, []],
    ["/test build", none, []],
    ["/test all", all, ["automatic", "optional"]],
    ["/ok-to-test", all, []],
    ["/retest", all, []],
    ["/retest", none, ["automatic", "optional"]],
    ["/retest", { ...all, failed: ["manual", "conditional"] }, ["manual", "conditional"]],
    ["/retest", { ...all, failed: ["elsewhere"] }, []],
    ["/retest-required", { ...all, failed: ["automatic", "optional"] }, ["automatic"]],
    ["/retest please", none, []],
    ["/test-manual-required", all, ["manual", "quiet"]],
  ])("%j with %j starts %j", (comment, contexts, expected) => {
    const plan = decide(onComment(comment, { contexts }), sampleFacts({ jobs }));
    expect(started(plan)).toEqual(expected);
    expect(plan.skipped).toHaveLength(jobs.length - expected.length);
  });

  it("start nothing for a stranger, who is told whom to ask", () => {
    const plan = decide(onComment("/test all", { change: stranger }), sampleFacts());
    expect(plan.runs).toEqual([]);
    expect(plan.effects).toEqual([expect.objectContaining({ kind: "comment", change: 7 })]);
    const talk = decide(onComment("hello", { change: stranger }), sampleFacts());
    expect([talk.runs, talk.effects]).toEqual([[], []]);
  });
});
