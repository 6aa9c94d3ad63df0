import { compilePattern, parseDuration } from "../../core/index.ts";
import {
  checkCron,
  defaultTrigger,
  injectedNames,
  type Job,
  type JobType,
  type JsonObject,
  jobDefaults,
  type Schedule,
} from "../../jobs/index.ts";
import { isCloneUri } from "./clone-uri.ts";
import { type DecorationDefault, decorationOf, resolveDecoration } from "./decoration.ts";
import { checkInRepoJob, type InRepoLimits } from "./in-repo-limits.ts";
import { checkLabels } from "./labels.ts";
import { tellNotActedOn, tellPodNotActedOn } from "./not-acted-on.ts";
import { checkPod, objects, podOf, textOf } from "./pod.ts";
import { type Preset, presetsFor, withPresets } from "./presets.ts";
import { refsOf } from "./refs.ts";
import { type Complaints, isMap, jsonOf, type Path, type Struct, structOf } from "./struct.ts";
import type { JobOutline } from "./together.ts";
import type { Yaml } from "./yaml-scalars.ts";

/** What a job is completed with from the rest of the configuration. */
export interface JobSurroundings {
  readonly presets: readonly Preset[];
  readonly decorationDefaults: readonly DecorationDefault[];
  readonly decorateAll: boolean;
  readonly podNamespace: string;
  /** `undefined`: no main configuration, so queues are not known. */
  readonly queues: Readonly<Record<string, number>> | undefined;
  /** `org/repo` -> component. */
  readonly components: Readonly<Record<string, string>>;
  /** Set for jobs that a repository brings itself. */
  readonly inRepo?: InRepoLimits | undefined;
}

export interface JobEntry {
  readonly type: Exclude<JobType, "batch">;
  /** Key of the map it stands in; `undefined` for periodics. */
  readonly repository: string | undefined;
  readonly value: Yaml;
  readonly path: Path;
  /** `file:line` */
  readonly origin: string;
}

const common = [
  "name",
  "labels",
  "annotations",
  "max_concurrency",
  "job_queue_name",
  "agent",
  "cluster",
  "namespace",
  "error_on_eviction",
  "spec",
  "pipeline_run_spec",
  "tekton_pipeline_run_spec",
  "reporter_config",
  "rerun_auth_config",
  "hidden",
  "prowjob_defaults",
  "decorate",
  "path_alias",
  "clone_uri",
  "clone_depth",
  "skip_submodules",
  "skip_fetch_head",
  "extra_refs",
  "decoration_config",
];
const onRefs = [
  "branches",
  "skip_branches",
  "run_if_changed",
  "skip_if_only_changed",
  "context",
  "skip_report",
  "always_run",
  "jenkins_spec",
];
const members = {
  presubmit: new Set([...common, ...onRefs, "optional", "trigger", "rerun_command", "run_before_merge"]),
  postsubmit: new Set([...common, ...onRefs]),
  periodic: new Set([...common, "interval", "minimum_interval", "cron", "tags", "retry"]),
};

const injected = {
  presubmit: new Set(injectedNames("presubmit")),
  postsubmit: new Set(injectedNames("postsubmit")),
  periodic: new Set(injectedNames("periodic")),
};

/** A job as the rules between jobs see it, and whole where its repository is a component. */
export interface JobRead {
  readonly outline: JobOutline;
  readonly job: Job | undefined;
}

/** Reads one job, checks it and completes it: Prow sections 1.2 to 1.12. */
export function jobOf(entry: JobEntry, around: JobSurroundings, complaints: Complaints): JobRead {
  const read = structOf(entry.value, entry.path, members[entry.type], complaints);
  const name = nameOf(read);
  const cluster = read.text("cluster") || "default";
  if (cluster !== "default") complaints.ignored(read.at("cluster"), "cluster", "jobs run where Fairlead runs");
  const labels = read.record("labels");
  const annotations = read.record("annotations");
  checkLabels(read, labels, annotations, complaints);
  const extraRefs = read.items("extra_refs").map(({ value, path }) => refsOf(value, path, complaints));
  const main = extraRefs[0];
  const repository = entry.repository ?? (main ? `${main.org}/${main.repo}` : "");
  const decorate = read.bool("decorate") ?? around.decorateAll;
  const own = decorationOf(read.raw("decoration_config"), read.at("decoration_config"), complaints);
  tellNotActedOn(read, own, complaints);
  const decoration = decorate ? resolveDecoration(own, around.decorationDefaults, { repository, cluster }) : undefined;
  const agent = read.text("agent") ?? "kubernetes";
  if (around.inRepo) {
    const pod = { plain: plainPod(read), presets: presetsFor(labels, around.presets) };
    checkInRepoJob(read, { name, context: contextOf(read, name), cluster, own }, pod, around.inRepo, complaints);
  }
  const component = around.components[repository];
  const maxConcurrency = notNegative(read, "max_concurrency");
  const queue = queueOf(read, around);
  const clone = cloneOf(read);
  const spec = podFor(read, entry, agent, decoration, labels, around, complaints);
  const prow = {
    cluster,
    namespace: namespaceOf(read, around, agent),
    hidden: read.bool("hidden") ?? false,
    errorOnEviction: read.bool("error_on_eviction") ?? false,
    reporterConfig: objectIn(read, "reporter_config"),
    rerunAuthConfig: rerunAuthOf(read, complaints),
    prowjobDefaults: { tenant_id: "GlobalDefaultID", ...objectIn(read, "prowjob_defaults") },
  };
  const starts = startsOf(read, entry.type, name);
  const { branches = jobDefaults.branches, skipBranches = jobDefaults.skipBranches } = starts;
  const { type, origin } = entry;
  const outline = { name, type, repository: entry.repository, context: starts.context, branches, skipBranches, origin };
  // Thousands of jobs of other repositories are checked and counted; nobody asks for more of them.
  if (component === undefined) return { outline, job: undefined };
  const job: Job = {
    ...jobDefaults,
    ...starts,
    type,
    name,
    component,
    repository: entry.repository,
    origin,
    labels,
    annotations,
    maxConcurrency,
    queue,
    clone,
    extraRefs,
    decoration,
    timeoutMs: durationIn(decoration, "timeout") ?? jobDefaults.timeoutMs,
    gracePeriodMs: durationIn(decoration, "grace_period") ?? jobDefaults.gracePeriodMs,
    body: { kind: "pod", spec },
    needs: agent === "kubernetes" ? [] : [`agent:${agent}`],
    prow,
  };
  return { outline, job };
}

/** As it is written; what is wrong with it is told where it is completed. */
function plainPod(read: Struct): JsonObject {
  return podOf(read.raw("spec") ?? null, read.at("spec"), { error: () => {}, ignored: () => {} });
}

function contextOf(read: Struct, name: string): string {
  return read.text("context") || name;
}

/** What makes a job of this type start. */
function startsOf(
  read: Struct,
  type: JobEntry["type"],
  name: string,
): Pick<Job, "context" | "trigger" | "rerunCommand"> & Partial<Job> {
  const byHand = { trigger: "", rerunCommand: "" };
  if (type === "periodic") return { ...byHand, context: name, schedule: scheduleOf(read) };
  const onRefs = onChanges(read, name);
  return type === "presubmit" ? Object.assign(onRefs, triggerOf(read, name)) : Object.assign(onRefs, byHand);
}

function nameOf(read: Struct): string {
  const name = read.text("name") ?? "";
  if (name === "") read.wrong("name", "no-name", "a job needs a name");
  else if (!/^[A-Za-z0-9\-._]+$/.test(name))
    read.wrong(
      "name",
      "bad-name",
      `${JSON.stringify(name.slice(0, 80))} is no name of a job`,
      "letters, digits, dashes, dots and underscores",
    );
  return name;
}

function notNegative(read: Struct, field: string): number {
  const value = read.whole(field) ?? 0;
  if (value < 0) read.wrong(field, "negative", `${field} is negative: ${value}`, "0 is no bound");
  return Math.max(value, 0);
}

function queueOf(read: Struct, around: JobSurroundings): string {
  const queue = read.text("job_queue_name") ?? "";
  if (queue !== "" && around.queues && !Object.hasOwn(around.queues, queue))
    read.wrong("job_queue_name", "unknown-queue", `${queue} is not among plank.job_queue_capacities`);
  return queue;
}

function namespaceOf(read: Struct, around: JobSurroundings, agent: string): string {
  const namespace = read.text("namespace") ?? around.podNamespace;
  if (namespace !== around.podNamespace && agent !== "tekton-pipeline")
    read.wrong("namespace", "bad-namespace", `namespace must be ${around.podNamespace}, the pod_namespace`);
  return namespace;
}

function cloneOf(read: Struct): Job["clone"] {
  const uri = read.text("clone_uri");
  if (uri !== undefined && uri !== "" && !isCloneUri(uri))
    read.wrong("clone_uri", "bad-url", `clone_uri ${JSON.stringify(uri.slice(0, 80))} is no URL`);
  return {
    pathAlias: read.text("path_alias") || undefined,
    cloneUri: uri || undefined,
    cloneDepth: notNegative(read, "clone_depth"),
    skipSubmodules: read.bool("skip_submodules") ?? false,
    skipFetchHead: read.bool("skip_fetch_head") ?? false,
  };
}

function podFor(
  read: Struct,
  entry: JobEntry,
  agent: string,
  decoration: JsonObject | undefined,
  labels: Readonly<Record<string, string>>,
  around: JobSurroundings,
  complaints: Complaints,
): JsonObject {
  if (agent !== "kubernetes") {
    complaints.ignored(read.at("agent"), `agent ${agent}`, "such jobs are shown as not run here");
    if (read.has("spec") && ["jenkins", "tekton-pipeline"].includes(agent))
      read.wrong("spec", "spec-without-kubernetes", `a job of agent ${agent} has no spec`);
    return {};
  }
  if (!read.has("spec")) {
    read.wrong("name", "no-spec", "a job of agent kubernetes needs a spec");
    return {};
  }
  const plain = podOf(read.raw("spec") ?? null, read.at("spec"), complaints);
  tellPodNotActedOn(plain, read, complaints);
  const { pod, conflicts } = withPresets(plain, presetsFor(labels, around.presets));
  for (const conflict of conflicts)
    read.wrong("spec", "preset-conflict", conflict, "presets cannot be overridden: rename one of the two");
  checkPod(
    pod,
    read.at("spec"),
    { decorated: decoration !== undefined, injected: injected[entry.type], secretNames: secretsOf(decoration) },
    complaints,
  );
  return pod;
}

function secretsOf(decoration: JsonObject | undefined): readonly string[] {
  const oauth = decoration?.oauth_token_secret;
  const keys = decoration?.ssh_key_secrets;
  return [
    ...objects(oauth === undefined ? [] : [oauth]).map((secret) => textOf(secret.name)),
    ...(Array.isArray(keys) ? keys.map(textOf) : []),
  ];
}

function onChanges(read: Struct, name: string) {
  const alwaysRun = read.bool("always_run");
  const runIfChanged = read.pattern("run_if_changed");
  const skipIfOnlyChanged = read.pattern("skip_if_only_changed");
  if (runIfChanged !== undefined && skipIfOnlyChanged !== undefined)
    read.wrong("skip_if_only_changed", "two-matchers", "run_if_changed and skip_if_only_changed exclude each other");
  if (alwaysRun === true && (runIfChanged ?? skipIfOnlyChanged) !== undefined)
    read.wrong(
      "always_run",
      "always-and-matcher",
      `always_run: true and ${runIfChanged === undefined ? "skip_if_only_changed" : "run_if_changed"} exclude each other`,
    );
  const skipReport = read.bool("skip_report") ?? false;
  if (skipReport && read.record("labels")["prow.k8s.io/gerrit-report-label"] !== undefined)
    read.wrong(
      "skip_report",
      "gerrit-report",
      "skip_report and the label prow.k8s.io/gerrit-report-label exclude each other",
    );
  return {
    alwaysRun,
    runIfChanged,
    skipIfOnlyChanged,
    skipReport,
    context: contextOf(read, name),
    branches: patternsOf(read, "branches"),
    skipBranches: patternsOf(read, "skip_branches"),
  };
}

/** Prow 1.5: a list is one pattern, its parts joined with `|`. */
function patternsOf(read: Struct, field: string): readonly string[] {
  const parts = read.texts(field);
  if (parts.length === 0) return parts;
  const compiled = compilePattern(parts.join("|"));
  if (!compiled.ok) read.wrong(field, "bad-pattern", `${field}: ${compiled.error.message}`);
  return parts;
}

function triggerOf(read: Struct, name: string) {
  const trigger = read.pattern("trigger");
  const rerun = read.text("rerun_command");
  const flags = {
    alwaysRun: read.bool("always_run") ?? false,
    optional: read.bool("optional") ?? false,
    runBeforeMerge: read.bool("run_before_merge") ?? false,
  };
  if ((trigger === undefined) !== (rerun === undefined || rerun === ""))
    read.wrong(
      trigger === undefined ? "rerun_command" : "trigger",
      "half-a-trigger",
      "trigger and rerun_command are set together or not at all",
    );
  if (trigger === undefined || !rerun)
    return { ...flags, trigger: defaultTrigger(name), rerunCommand: `/test ${name}` };
  const compiled = compilePattern(trigger);
  if (compiled.ok && !compiled.value.matches(rerun))
    read.wrong(
      "rerun_command",
      "rerun-without-match",
      `rerun_command ${JSON.stringify(rerun)} does not match the trigger`,
    );
  return { ...flags, trigger, rerunCommand: rerun };
}

/** Prow 1.10. */
function scheduleOf(read: Struct): Schedule | undefined {
  const given = ["interval", "minimum_interval", "cron"].filter((field) => read.has(field));
  if (given.length !== 1) {
    const message =
      given.length === 0
        ? "a periodic needs one of interval, minimum_interval and cron"
        : `${given.join(" and ")} exclude each other`;
    read.wrong(given[0] ?? "name", "one-schedule", message);
    return undefined;
  }
  const cron = read.text("cron");
  if (cron !== undefined) {
    const checked = checkCron(cron);
    if (!checked.ok) read.wrong("cron", "bad-cron", checked.error.message, checked.error.hint);
    return { kind: "cron", expression: cron };
  }
  const field = read.has("interval") ? "interval" : "minimum_interval";
  const everyMs = read.duration(field) ?? 0;
  return { kind: field === "interval" ? "interval" : "minimum-interval", everyMs };
}

function rerunAuthOf(read: Struct, complaints: Complaints): JsonObject | undefined {
  const config = objectIn(read, "rerun_auth_config");
  if (!config) return undefined;
  const inner = structOf(read.raw("rerun_auth_config"), read.at("rerun_auth_config"), undefined, complaints);
  const lists = ["github_team_ids", "github_team_slugs", "github_users", "github_orgs"];
  if (inner.bool("allow_anyone") === true && lists.some((list) => inner.items(list).length > 0))
    inner.wrong("allow_anyone", "anyone-and-some", "allow_anyone excludes lists of users, teams and organisations");
  return config;
}

function objectIn(read: Struct, field: string): JsonObject | undefined {
  const raw = read.raw(field);
  if (raw === undefined) return undefined;
  if (isMap(raw)) return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, jsonOf(value)]));
  read.wrong(field, "wrong-type", `${field} wants a mapping`);
  return undefined;
}

function durationIn(decoration: JsonObject | undefined, name: string): number | undefined {
  const text = decoration?.[name];
  if (typeof text !== "string" || text === "0s") return undefined;
  const parsed = parseDuration(text);
  return parsed.ok ? parsed.value : undefined;
}
