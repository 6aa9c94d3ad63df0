import { describe, expect, it } from "vitest";
import type { Component, Family } from "../family/index.ts";
import { generateJobs, type Job } from "../jobs/index.ts";
import { decide } from "./decide.ts";
import { type GateFacts, gate } from "./gate.ts";
import type { ChangeFacts, Facts, FamilyEvent, RunOutcomeFacts } from "./model.ts";
import { reconcileRefs } from "./reconcile.ts";

const id = (letter: string) => letter.repeat(40);
const absent = id("0");
const component: Component = {
  name: "greeter",
  repository: "https://example.org/fam/greeter",
  org: "fam",
  repo: "greeter",
  kind: "versioned",
  deployed: false,
  images: ["greeter"],
  maintainers: ["ann"],
  defaultBranch: undefined,
  jobs: { env: {}, optional: [], skipBranches: [], timeoutMs: 1000, gracePeriodMs: 1000 },
};
const family: Family = {
  name: "fam",
  forge: { kind: "local" },
  components: [component],
  registries: { canary: "builtin", release: ["builtin"], mirrors: {}, mirrorsMayResolve: false, baseHosts: [] },
  kubernetes: { versions: [], experimental: [], development: "master", cluster: "none" },
  generateJobs: true,
  anonymous: "none",
  reachable: [],
  policy: { all: {}, byComponent: {} },
  configHash: "h",
};
const jobs = generateJobs(family, { greeter: "main" });
const ann = { user: "ann", role: "maintainer" as const, components: undefined, tokenId: "t" };
const change: ChangeFacts = {
  number: 7,
  base: "main",
  baseSha: id("b"),
  head: id("c"),
  author: "ann",
  title: "t",
  authorRole: "maintainer",
  headAllowed: false,
};
const facts: Facts = {
  family,
  component,
  defaultBranch: "main",
  jobs,
  liveRuns: [],
  openChanges: [change],
  releases: [],
  tags: [{ name: "v1.0.0", object: id("t"), commit: id("c") }],
  containing: [{ branch: "main", isHead: true, ahead: 0 }],
  branches: ["main"],
  checks: [{ context: "fam-greeter-build", state: "success", description: "" }],
  canary: undefined,
};
const tag = (after: string, more: Partial<Extract<FamilyEvent, { kind: "tag" }>> = {}): FamilyEvent => ({
  kind: "tag",
  component: "greeter",
  ref: "refs/tags/v1.0.0",
  before: absent,
  after,
  at: 1,
  actor: ann,
  ...more,
});
const kinds = (event: FamilyEvent, changes: Partial<Facts> = {}) =>
  decide(event, { ...facts, ...changes }).effects.map((effect) => effect.kind);
const release = (state: string) => ({
  id: "greeter@v1.0.0",
  version: "v1.0.0",
  tagObject: id("o"),
  commit: id("d"),
  state,
});

describe("a tag", () => {
  it("that passes preflight starts a build of tier release, of its commit", () => {
    const plan = decide(tag(id("t")), facts);
    expect(plan.effects).toMatchObject([{ kind: "release", version: "v1.0.0", commit: id("c"), prerelease: false }]);
    expect(plan.runs).toMatchObject([
      { tier: "release", ref: "refs/tags/v1.0.0", refs: { base_ref: "v1.0.0", base_sha: id("c") } },
    ]);
  });

  it("that does not pass is quarantined with every reason, and nothing runs", () => {
    const plan = decide(tag(id("t")), {
      ...facts,
      checks: [],
      tags: [...facts.tags, { name: "v1.0.1", object: id("x"), commit: id("d") }],
    });
    expect(plan.runs).toEqual([]);
    expect(plan.effects).toMatchObject([
      { kind: "quarantine", findings: [{ rule: "checks-not-green" }, { rule: "not-newer" }] },
    ]);
    expect(plan.skipped.every((each) => each.reason.includes("quarantined"))).toBe(true);
  });

  it.each([
    ["building", ["release-step", "release"]],
    ["quarantined", ["release-step", "release"]],
    ["publishing", ["alarm"]],
    ["published", ["alarm"]],
    ["closed", ["release"]],
  ])("that moves while its release is %s leads to %j", (state, expected) => {
    expect(kinds(tag(id("t"), { before: id("o") }), { releases: [release(state)] })).toEqual(expected);
  });

  it.each([
    ["building", ["release-step", "abort"]],
    ["published", ["alarm"]],
    ["failed", ["release-step"]],
  ])("that is deleted while its release is %s leads to %j", (state, expected) => {
    const live = {
      id: "r",
      job: "j",
      type: "postsubmit" as const,
      change: undefined,
      head: id("d"),
      releaseId: "greeter@v1.0.0",
    };
    const liveRuns = state === "building" ? [live] : [];
    expect(kinds(tag(absent, { before: id("o") }), { releases: [release(state)], liveRuns })).toEqual(expected);
  });
});

describe("a change", () => {
  const event = (action: Extract<FamilyEvent, { kind: "change" }>["action"], who = change): FamilyEvent => ({
    kind: "change",
    action,
    component: "greeter",
    change: who,
    files: ["a"],
    at: 1,
    actor: ann,
  });
  const live = {
    id: "old",
    job: "fam-greeter-pr",
    type: "presubmit" as const,
    change: 7,
    head: id("a"),
    releaseId: undefined,
  };

  it("of somebody with a role is tested merged with its base", () => {
    const plan = decide(event("opened"), facts);
    expect(plan.runs).toMatchObject([
      { tier: "change", ref: "refs/pull/7/head", refs: { base_sha: id("b"), pulls: [{ number: 7, sha: id("c") }] } },
    ]);
  });

  it("of a stranger waits until a maintainer allowed that head", () => {
    const stranger = { ...change, authorRole: undefined };
    expect(decide(event("opened", stranger), facts).runs).toEqual([]);
    expect(decide(event("allowed", { ...stranger, headAllowed: true }), facts).runs).toMatchObject([
      { tier: "change" },
    ]);
  });

  it("with a new head ends the runs of the old one", () => {
    const plan = decide(event("updated"), { ...facts, liveRuns: [live] });
    expect(plan.effects).toContainEqual(
      expect.objectContaining({ kind: "abort", runId: "old", reason: expect.stringContaining("superseded") }),
    );
    expect(plan.runs).toHaveLength(1);
  });

  it("that is closed ends its runs and starts none", () => {
    const plan = decide(event("closed"), { ...facts, liveRuns: [live] });
    expect([plan.runs, plan.effects.map((effect) => effect.kind)]).toEqual([[], ["abort"]]);
  });
});

describe("the end of a branch build", () => {
  const run: RunOutcomeFacts = {
    id: "r",
    job: "fam-greeter-build",
    type: "postsubmit",
    state: "success",
    description: "succeeded",
    refs: { org: "fam", repo: "greeter", base_ref: "main", base_sha: id("c") },
    ref: "refs/heads/main",
    commit: id("c"),
    tier: "branch",
    releaseId: undefined,
    images: ["greeter"],
  };
  const end = (changes: Partial<RunOutcomeFacts>, canary: Facts["canary"] = undefined) =>
    decide(
      { kind: "run", component: "greeter", at: 1, actor: undefined, run: { ...run, ...changes } },
      { ...facts, canary },
    );
  const canaryOf = (plan: ReturnType<typeof end>) => plan.effects.find((effect) => effect.kind === "canary");

  it("moves the canary of its branch when green", () => {
    expect(canaryOf(end({}))).toMatchObject({ tag: "canary", commit: id("c"), images: ["greeter"] });
    expect(canaryOf(end({ ref: "refs/heads/release-1.2" }))).toMatchObject({ tag: "1.2-canary" });
  });

  it.each([
    ["it is red", { state: "failure" as const }, undefined],
    ["it was not run", { state: "error" as const }, undefined],
    ["the canary is newer", {}, { commit: id("d"), newerThanThisRun: true }],
    ["the branch has none", { ref: "refs/heads/topic" }, undefined],
    ["it is of a change", { tier: "change" as const, type: "presubmit" as const }, undefined],
    ["there is no image", { images: [] }, undefined],
  ])("leaves the canary where it is when %s", (_why, changes, canary) => {
    expect(canaryOf(end(changes, canary))).toBeUndefined();
  });

  it("carries its release on, or ends it", () => {
    const step = (changes: Partial<RunOutcomeFacts>) =>
      end({ tier: "release", releaseId: "x", ref: "refs/tags/v1.0.0", ...changes }).effects.find(
        (effect) => effect.kind === "release-step",
      );
    expect(step({})).toMatchObject({ step: "verify", releaseId: "x" });
    expect(step({ state: "failure" })).toMatchObject({ step: "fail" });
  });
});

describe("the gate", () => {
  const presubmit = jobs.filter((job): job is Job => job.type === "presubmit");
  const green = {
    context: "fam-greeter-pr",
    state: "success" as const,
    description: "",
    baseSha: id("b"),
    notRunNeed: undefined,
  };
  const base: GateFacts = {
    jobs: presubmit,
    base: "main",
    head: id("c"),
    baseSha: id("b"),
    files: ["a"],
    conflicts: [],
    runs: [green],
  };

  it("opens when every required check is green on this head merged with this base", () => {
    expect(gate(base)).toMatchObject({ allowed: true, required: ["fam-greeter-pr"] });
  });

  it.each<readonly [string, Partial<GateFacts>, RegExp]>([
    ["nothing ran", { runs: [] }, /has not run/],
    [
      "one is red",
      { runs: [{ ...green, state: "failure" as const, description: "exited with 1" }] },
      /failure: exited/,
    ],
    ["one still runs", { runs: [{ ...green, state: "pending" as const }] }, /still runs/],
    [
      "one was not run here",
      { runs: [{ ...green, notRunNeed: "go", description: "not run here: needs go" }] },
      /not run here/,
    ],
    ["the base moved", { baseSha: id("e") }, /was tested merged with bbbbbbb/],
    ["they conflict", { conflicts: ["a.txt"] }, /conflicts with its base in a\.txt/],
  ])("stays shut when %s", (_why, changes, reason) => {
    const answer = gate({ ...base, ...changes });
    expect(answer.allowed).toBe(false);
    expect(answer.reason).toMatch(reason);
  });

  it("says which files of the change decide how it is tested", () => {
    expect(gate({ ...base, files: ["a", ".prow.sh", "release-tools/prow.sh"] }).ownTests).toEqual([
      ".prow.sh",
      "release-tools/prow.sh",
    ]);
  });
});

describe("reconciling", () => {
  it("compares states: what moved, came and went, branches before tags", () => {
    const known = [
      { name: "refs/heads/a", object: "1" },
      { name: "refs/tags/x", object: "2" },
      { name: "refs/heads/same", object: "3" },
    ];
    const seen = [
      { name: "refs/tags/new", object: "4" },
      { name: "refs/heads/a", object: "5" },
      { name: "refs/heads/same", object: "3" },
    ];
    expect(
      reconcileRefs(known, seen).map(({ ref, before, after }) => `${ref} ${before.slice(0, 1)}>${after.slice(0, 1)}`),
    ).toEqual(["refs/heads/a 1>5", "refs/tags/new 0>4", "refs/tags/x 2>0"]);
  });
});
