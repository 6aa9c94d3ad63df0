import { describe, expect, it } from "vitest";
import { idOf, sampleBuildJob, sampleJob } from "../../test/fixtures/sample-model.ts";
import { jobEnvironment } from "./environment.ts";
import type { Refs, RunFacts } from "./model.ts";
import { extraRefsOf, goPathOf, primaryRefs, pullRefsOf, workingDirectory } from "./refs.ts";

const refs: Refs = { org: "tools", repo: "greeter", base_ref: "main", base_sha: idOf("b") };
const pull = { number: 7, author: "ann", sha: idOf("c"), title: "A title", head_ref: "topic" };

function facts(over: Partial<RunFacts> = {}): RunFacts {
  return {
    job: sampleJob(),
    runId: "run-1",
    buildId: "1900000000000000001",
    refs: { ...refs, pulls: [pull] },
    artifacts: "/artifacts",
    gopath: "/go",
    ...over,
  };
}

describe("the environment of a run", () => {
  it("has Prow's variables for a change", () => {
    expect(jobEnvironment(facts())).toEqual({
      ARTIFACTS: "/artifacts",
      BUILD_ID: "1900000000000000001",
      BUILD_NUMBER: "1900000000000000001",
      CI: "true",
      GOPATH: "/go",
      JOB_NAME: "fam-greeter-pr",
      JOB_SPEC: expect.any(String),
      JOB_TYPE: "presubmit",
      PROW_JOB_ID: "run-1",
      PULL_BASE_REF: "main",
      PULL_BASE_SHA: idOf("b"),
      PULL_HEAD_REF: "topic",
      PULL_NUMBER: "7",
      PULL_PULL_SHA: idOf("c"),
      PULL_REFS: `main:${idOf("b")},7:${idOf("c")}`,
      PULL_TITLE: "A title",
      REPO_NAME: "greeter",
      REPO_OWNER: "tools",
      SRC_BASE: "tools/greeter",
      SRC_HOST: "github.com",
    });
  });

  it("tells a push no pull, and a periodic job no refs", () => {
    const push = jobEnvironment(facts({ job: sampleBuildJob(), refs }));
    expect(push["PULL_REFS"]).toBe(`main:${idOf("b")}`);
    expect(Object.keys(push).filter((name) => /^PULL_(NUMBER|PULL_SHA|TITLE|HEAD_REF)$/.test(name))).toEqual([]);
    const periodic = jobEnvironment(facts({ job: sampleJob({ type: "periodic" }), refs }));
    expect(Object.keys(periodic).filter((name) => /^(PULL|REPO|SRC)_/.test(name))).toEqual([]);
    expect(JSON.parse(periodic["JOB_SPEC"] ?? "")).not.toHaveProperty("refs");
  });

  it("keeps the job's own variables, but for those that are injected", () => {
    const job = sampleJob({ env: { CI: "false", BUILD_ID: "1", MINE: "yes" } });
    expect(jobEnvironment(facts({ job }))).toMatchObject({ CI: "true", BUILD_ID: "1900000000000000001", MINE: "yes" });
  });

  it("spells JOB_SPEC as Prow does, without what is empty", () => {
    const spec: unknown = JSON.parse(jobEnvironment(facts())["JOB_SPEC"] ?? "");
    expect(spec).toEqual({
      type: "presubmit",
      job: "fam-greeter-pr",
      buildid: "1900000000000000001",
      prowjobid: "run-1",
      refs: {
        org: "tools",
        repo: "greeter",
        base_ref: "main",
        base_sha: idOf("b"),
        pulls: [{ number: 7, author: "ann", sha: idOf("c"), title: "A title", head_ref: "topic" }],
      },
    });
  });

  it.each<[string, Partial<Refs>, string]>([
    [
      "an alias",
      { path_alias: "sigs.example.io/greeter", repo_link: "https://git.example/x" },
      "sigs.example.io/greeter",
    ],
    ["a link", { repo_link: "https://git.example/tools/greeter" }, "git.example/tools/greeter"],
    ["neither", {}, "github.com/tools/greeter"],
    ["a link that is no web page", { repo_link: "ssh://git.example/greeter" }, "github.com/tools/greeter"],
  ])("checks out below GOPATH by %s", (_what, over, path) => expect(goPathOf({ ...refs, ...over })).toBe(path));

  it("lists every pull of a batch, and a base without a commit by its name alone", () => {
    const pulls = [pull, { number: 9, author: "bob", sha: idOf("d"), ref: "refs/changes/9" }];
    expect(pullRefsOf({ ...refs, pulls })).toBe(`main:${idOf("b")},7:${idOf("c")},9:${idOf("d")}:refs/changes/9`);
    expect(pullRefsOf({ ...refs, base_sha: "" })).toBe("main");
  });
});

describe("refs", () => {
  const other: Refs = { org: "tools", repo: "other", base_ref: "main", base_sha: "" };
  it.each<[string, readonly Refs[], string | undefined]>([
    ["the first without a mark", [refs, other], "/go/src/github.com/tools/greeter"],
    ["the marked one, even an extra ref", [refs, { ...other, workdir: true }], "/go/src/github.com/tools/other"],
    [
      "the first marked one",
      [
        { ...refs, workdir: true },
        { ...other, workdir: true },
      ],
      "/go/src/github.com/tools/greeter",
    ],
    ["an aliased one", [{ ...refs, path_alias: "k8s.io/x" }], "/go/src/k8s.io/x"],
    ["none", [], undefined],
  ])("work in %s", (_what, all, expected) => expect(workingDirectory("/go", all)).toBe(expected));

  it("carry what the job says about cloning, and extra refs inherit blobless fetching unless they say otherwise", () => {
    const job = sampleJob({
      clone: {
        pathAlias: "k8s.io/x",
        cloneUri: "https://x.example/y.git",
        cloneDepth: 3,
        skipSubmodules: true,
        skipFetchHead: true,
      },
      decoration: { blobless_fetch: true, sparse_checkout_files: ["docs/"] },
      extraRefs: [other, { ...other, blobless_fetch: false }],
    });
    expect(primaryRefs(job, refs)).toEqual({
      ...refs,
      path_alias: "k8s.io/x",
      clone_uri: "https://x.example/y.git",
      clone_depth: 3,
      skip_submodules: true,
      skip_fetch_head: true,
      blobless_fetch: true,
      sparse_checkout_files: ["docs/"],
    });
    expect(extraRefsOf(job).map((each) => each.blobless_fetch)).toEqual([true, false]);
    expect(primaryRefs(sampleJob(), refs)).toEqual(refs);
    expect(extraRefsOf(sampleJob({ extraRefs: [other] }))).toEqual([other]);
  });

  it("stand in JOB_SPEC with the decoration, and an undecorated job knows no artifacts", () => {
    const job = sampleJob({
      type: "periodic",
      extraRefs: [{ ...other, workdir: true, clone_depth: 0 }],
      decoration: { timeout: "1h0m0s" },
    });
    expect(JSON.parse(jobEnvironment(facts({ job }))["JOB_SPEC"] ?? "")).toEqual({
      type: "periodic",
      job: "fam-greeter-pr",
      buildid: "1900000000000000001",
      prowjobid: "run-1",
      extra_refs: [{ org: "tools", repo: "other", base_ref: "main", workdir: true }],
      decoration_config: { timeout: "1h0m0s" },
    });
    const bare = jobEnvironment(facts({ job: sampleJob({ decoration: undefined }) }));
    expect(["ARTIFACTS", "GOPATH"].filter((name) => name in bare)).toEqual([]);
  });
});
