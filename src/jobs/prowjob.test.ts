import { describe, expect, it } from "vitest";
import { type Job, jobDefaults, type Refs } from "./model.ts";
import { type ProwJobFacts, prowJobOf } from "./prowjob.ts";

const job: Job = {
  ...jobDefaults,
  name: "pull-lighthouse-unit",
  type: "presubmit",
  component: "lighthouse",
  repository: "harbour/lighthouse",
  origin: "jobs.yaml:3",
  context: "pull-lighthouse-unit",
  trigger: "",
  rerunCommand: "/test pull-lighthouse-unit",
  labels: { "preset-buoys": "true" },
  annotations: { "testgrid-tab-name": "unit" },
  decoration: { timeout: "1h0m0s", blobless_fetch: true },
  body: { kind: "pod", spec: { containers: [{ name: "", image: "img" }] } },
};
const refs: Refs = {
  org: "harbour",
  repo: "lighthouse",
  base_ref: "main",
  base_sha: "1".repeat(40),
  pulls: [{ number: 7, author: "keeper", sha: "2".repeat(40), title: "" }],
};
const facts: ProwJobFacts = { job, refs, runId: "run-1", state: "triggered", createdAt: 1_700_000_000_500 };
const labelsOf = (more: Partial<ProwJobFacts>) => prowJobOf({ ...facts, ...more });

describe("the ProwJob of a run", () => {
  it("has Prow's labels, annotations and spec, empty members left out", () => {
    expect(prowJobOf(facts)).toEqual({
      apiVersion: "prow.k8s.io/v1",
      kind: "ProwJob",
      metadata: {
        name: "run-1",
        namespace: "default",
        creationTimestamp: "2023-11-14T22:13:20Z",
        labels: {
          "created-by-prow": "true",
          "preset-buoys": "true",
          "prow.k8s.io/context": "pull-lighthouse-unit",
          "prow.k8s.io/job": "pull-lighthouse-unit",
          "prow.k8s.io/refs.base_ref": "main",
          "prow.k8s.io/refs.org": "harbour",
          "prow.k8s.io/refs.pull": "7",
          "prow.k8s.io/refs.repo": "lighthouse",
          "prow.k8s.io/type": "presubmit",
        },
        annotations: {
          "prow.k8s.io/context": "pull-lighthouse-unit",
          "prow.k8s.io/job": "pull-lighthouse-unit",
          "testgrid-tab-name": "unit",
        },
      },
      spec: {
        type: "presubmit",
        agent: "kubernetes",
        cluster: "default",
        job: "pull-lighthouse-unit",
        context: "pull-lighthouse-unit",
        refs: {
          org: "harbour",
          repo: "lighthouse",
          base_ref: "main",
          base_sha: "1".repeat(40),
          blobless_fetch: true,
          pulls: [{ number: 7, author: "keeper", sha: "2".repeat(40) }],
        },
        report: true,
        rerun_command: "/test pull-lighthouse-unit",
        decoration_config: { timeout: "1h0m0s", blobless_fetch: true },
        pod_spec: { containers: [{ name: "", image: "img" }] },
      },
      status: { startTime: "2023-11-14T22:13:20Z", state: "triggered" },
    });
  });

  it("cuts long names to a label and keeps them whole in the annotation", () => {
    const name = `${"x".repeat(60)}.-_tail`;
    expect(labelsOf({ job: { ...job, name } })).toMatchObject({
      metadata: { labels: { "prow.k8s.io/job": "x".repeat(60) }, annotations: { "prow.k8s.io/job": name } },
    });
  });

  it.each([
    ["release/1.0", "1.0"],
    ["feature/-odd-", undefined],
    ["é", undefined],
    ["a".repeat(64), undefined],
    ["line\nbreak", undefined],
  ])("turns the base %j into the label %j", (base_ref, label) => {
    const { metadata } = prowJobOf({ ...facts, refs: { ...refs, base_ref } });
    const expected = label === undefined ? expect.anything() : label;
    const labels = expect.objectContaining({ "prow.k8s.io/refs.base_ref": expected });
    if (label === undefined) expect(metadata).not.toMatchObject({ labels });
    else expect(metadata).toMatchObject({ labels });
  });

  it("takes the labels of a periodic from its first extra ref and lets its own override", () => {
    const extra: Refs = { org: "harbour", repo: "buoy", base_ref: "main", base_sha: "" };
    const document = prowJobOf({
      ...facts,
      job: { ...job, type: "periodic", extraRefs: [extra], labels: { "prow.k8s.io/refs.repo": "by-hand" } },
    });
    expect(document).toMatchObject({
      metadata: {
        labels: { "prow.k8s.io/refs.org": "harbour", "prow.k8s.io/refs.repo": "by-hand", "prow.k8s.io/context": "" },
      },
    });
    expect(document.spec).not.toHaveProperty("refs");
    expect(document.spec).not.toHaveProperty("rerun_command");
  });

  it.each([
    ["pending", "Job triggered."],
    ["success", "Job succeeded."],
    ["failure", "Job failed."],
    ["aborted", "a newer head"],
    ["error", "a newer head"],
  ] as const)("describes %s as %j", (state, description) => {
    const document = prowJobOf({
      ...facts,
      state,
      reason: "a newer head",
      buildId: "18",
      completedAt: 1_700_000_001_000,
    });
    expect(document.status).toMatchObject({
      state,
      description,
      build_id: "18",
      pod_name: "run-1",
      completionTime: "2023-11-14T22:13:21Z",
    });
  });

  it("gives a generated job no pod", () => {
    const { spec } = prowJobOf({ ...facts, job: { ...job, body: { kind: "release-configuration", steps: ["test"] } } });
    expect(spec).toMatchObject({ agent: "fairlead" });
    expect(spec).not.toHaveProperty("pod_spec");
  });
});
