import type { Millis } from "../core/index.ts";
import type { RunState } from "../family/index.ts";
import type { Job, Json, JsonObject, PullRef, Refs } from "./model.ts";

/** What `prowjob.json` says of a run beside its job. */
export interface ProwJobFacts {
  readonly job: Job;
  /** Becomes `metadata.name` and, once the run has started, `status.pod_name`. */
  readonly runId: string;
  /** Empty or undefined while the run waits (Prow 3.3). */
  readonly buildId?: string | undefined;
  /** Primary refs; not written for a periodic. */
  readonly refs?: Refs | undefined;
  readonly state: RunState;
  /** Why: written for `error` and `aborted`; the other states have a fixed text. */
  readonly reason?: string | undefined;
  readonly createdAt: Millis;
  readonly pendingAt?: Millis | undefined;
  readonly completedAt?: Millis | undefined;
  readonly url?: string | undefined;
  /** `event-GUID`, `prow.k8s.io/is-optional`, `prow.k8s.io/retest`: what the trigger adds; the job's labels win. */
  readonly triggerLabels?: Readonly<Record<string, string>> | undefined;
}

/**
 * The ProwJob of a run as Prow would store it (Prow 5.1, 5.2), empty members left out. A generated job has no pod: its
 * agent is `fairlead` and there is no `pod_spec`.
 */
export function prowJobOf(facts: ProwJobFacts): JsonObject {
  return {
    apiVersion: "prow.k8s.io/v1",
    kind: "ProwJob",
    metadata: {
      name: facts.runId,
      namespace: "default",
      creationTimestamp: rfc3339(facts.createdAt),
      labels: prowLabels(facts),
      annotations: {
        "prow.k8s.io/job": facts.job.name,
        "prow.k8s.io/context": contextOf(facts.job),
        ...facts.job.annotations,
      },
    },
    spec: specOf(facts),
    status: statusOf(facts),
  };
}

/** What the pod of a run carries (Prow 5.1): the labels of its ProwJob but the one that says who made that, and which run. */
export function podMarks(facts: ProwJobFacts): {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
} {
  const { "created-by-prow": _made, ...labels } = prowLabels(facts);
  return {
    labels: {
      ...labels,
      "prow.k8s.io/id": facts.runId,
      ...(facts.buildId === undefined ? {} : { "prow.k8s.io/build-id": facts.buildId }),
    },
    annotations: {
      "prow.k8s.io/job": facts.job.name,
      "prow.k8s.io/context": contextOf(facts.job),
      ...facts.job.annotations,
    },
  };
}

/** Labels of the object (Prow 5.1): the job's own override, values that are no label value become their last path segment or go. */
function prowLabels(facts: ProwJobFacts): Record<string, string> {
  const { job } = facts;
  const named = job.type === "periodic" ? job.extraRefs[0] : facts.refs;
  const pull = named?.pulls?.[0];
  const labels: Record<string, string> = {
    "created-by-prow": "true",
    "prow.k8s.io/type": job.type,
    "prow.k8s.io/job": cutLabel(job.name),
    "prow.k8s.io/context": cutLabel(contextOf(job)),
    ...(named && {
      "prow.k8s.io/refs.org": named.org,
      "prow.k8s.io/refs.repo": named.repo,
      "prow.k8s.io/refs.base_ref": named.base_ref,
    }),
    ...(pull && { "prow.k8s.io/refs.pull": String(pull.number) }),
    ...facts.triggerLabels,
    ...job.labels,
  };
  const valid: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) {
    const kept = [value, lastSegment(value)].find(isLabelValue);
    if (kept !== undefined) valid[name] = kept;
  }
  return valid;
}

/** Prow 5.1: cut to 63 characters, then no dot, underscore or dash at the end. */
function cutLabel(value: string): string {
  let end = Math.min(value.length, 63);
  while (value.length > 63 && end > 0 && "._-".includes(value.charAt(end - 1))) end--;
  return value.slice(0, end);
}

/** Kubernetes: empty, or at most 63 letters, digits, `-_.` that begin and end with a letter or digit. */
function isLabelValue(value: string): boolean {
  if (value === "") return true;
  if (value.length > 63) return false;
  const letter = (character: string | undefined) => /^[A-Za-z0-9]$/.test(character ?? "");
  return letter(value[0]) && letter(value.at(-1)) && [...value].every((each) => letter(each) || "-_.".includes(each));
}

function lastSegment(value: string): string {
  return value.split("/").findLast((segment) => segment !== "") ?? "/";
}

/** Periodics report nowhere, so theirs is empty. */
function contextOf(job: Job): string {
  return job.type === "periodic" ? "" : job.context;
}

function specOf({ job, refs }: ProwJobFacts): JsonObject {
  const blobless = job.decoration?.blobless_fetch === true;
  const pod = job.body.kind === "pod" ? job.body.spec : undefined;
  return {
    ...filled({
      type: job.type,
      agent: pod ? "kubernetes" : "fairlead",
      cluster: job.prow.cluster,
      namespace: job.prow.namespace,
      job: job.name,
      context: contextOf(job),
      refs: refs && job.type !== "periodic" ? refsObject({ ...cloneMembers(job), ...refs }, blobless) : undefined,
      extra_refs: job.extraRefs.map((extra) => refsObject(extra, blobless)),
      // Prow 2.7: a batch is nobody's to see but the merging's.
      report: job.type !== "batch" && !job.skipReport,
      rerun_command: job.type === "presubmit" ? job.rerunCommand : undefined,
      max_concurrency: job.maxConcurrency,
      error_on_eviction: job.prow.errorOnEviction,
      decoration_config: job.decoration,
      reporter_config: job.prow.reporterConfig,
      rerun_auth_config: job.prow.rerunAuthConfig,
      hidden: job.prow.hidden,
      prowjob_defaults: job.prow.prowjobDefaults,
      job_queue_name: job.queue,
    }),
    ...(pod && { pod_spec: pod }),
  };
}

function cloneMembers({ clone }: Job): Partial<Refs> {
  return {
    path_alias: clone.pathAlias,
    clone_uri: clone.cloneUri,
    clone_depth: clone.cloneDepth,
    skip_submodules: clone.skipSubmodules,
    skip_fetch_head: clone.skipFetchHead,
  };
}

function refsObject(refs: Refs, blobless: boolean): JsonObject {
  const { org, repo, pulls, ...rest } = refs;
  const members = filled({
    ...rest,
    blobless_fetch: refs.blobless_fetch ?? blobless,
    pulls: (pulls ?? []).map(pullObject),
  });
  return { org, repo, ...members };
}

function pullObject({ number, author, sha, ...rest }: PullRef): JsonObject {
  return { number, author, sha, ...filled({ ...rest }) };
}

/** Prow 5.2: the words of each state; readers tell causes by them. */
function statusOf(facts: ProwJobFacts): JsonObject {
  const descriptions: Readonly<Record<RunState, string>> = {
    triggered: "",
    pending: "Job triggered.",
    success: "Job succeeded.",
    failure: "Job failed.",
    aborted: facts.reason ?? "Aborted by trigger plugin.",
    error: facts.reason ?? "Pod can not be created.",
  };
  return filled({
    startTime: rfc3339(facts.createdAt),
    pendingTime: facts.pendingAt === undefined ? undefined : rfc3339(facts.pendingAt),
    completionTime: facts.completedAt === undefined ? undefined : rfc3339(facts.completedAt),
    state: facts.state,
    description: descriptions[facts.state],
    url: facts.url,
    pod_name: facts.buildId ? facts.runId : undefined,
    build_id: facts.buildId,
  });
}

/** Kubernetes writes whole seconds. */
function rfc3339(at: Millis): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** Go's `omitempty`: no empty text, list or map, no `false`, no 0. */
function filled(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const kept: Record<string, Json> = {};
  for (const [name, value] of Object.entries(members)) {
    if (value === undefined || value === null || value === "" || value === false || value === 0) continue;
    if (typeof value === "object" && Object.keys(value).length === 0) continue;
    kept[name] = value;
  }
  return kept;
}
