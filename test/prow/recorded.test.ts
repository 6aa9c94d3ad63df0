import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type ProwReading, readProw } from "../../src/config/index.ts";
import {
  containersOf,
  decideAutomatic,
  decideForComment,
  decideForPush,
  extraRefsOf,
  injectedVariables,
  type Job,
  type JsonObject,
  primaryRefs,
  prowJobOf,
  type Refs,
  refsDocument,
  type Subject,
  workingDirectory,
} from "../../src/jobs/index.ts";
import { recordedFacts } from "./places.ts";

/** One decision that Prow was asked for. */
interface Trigger {
  readonly kind: "change" | "comment" | "push";
  readonly repo: string;
  readonly branch: string;
  readonly changed: readonly string[];
  readonly comment?: string;
  readonly failedContexts?: readonly string[];
  readonly reportedContexts?: readonly string[];
  /** Names of the jobs that start, in order. */
  readonly runs: readonly string[];
}

/** A job as Prow makes a ProwJob and a decorated pod of it; values that hold JSON are parsed, `null` is the empty text. */
interface Recorded {
  readonly job: string;
  readonly type: Job["type"];
  readonly build_id: string;
  readonly prowjob: {
    readonly metadata: { readonly name: string; readonly labels: JsonObject; readonly annotations: JsonObject };
    readonly spec: JsonObject & { readonly refs?: Refs };
  };
  readonly pod: {
    readonly spec: {
      readonly containers: readonly {
        readonly env: Readonly<Record<string, unknown>>;
        readonly workingDir: string;
        readonly volumeMounts: readonly { readonly mountPath: string }[];
      }[];
    };
  };
}

const { folder, lacks } = recordedFacts();
const test = folder === undefined ? it.skip : it;
let reading: ProwReading;
let triggers: readonly Trigger[];
let pods: readonly Recorded[];

beforeAll(async () => {
  if (folder === undefined) return;
  const lines = await readFile(join(folder, "golden/triggers.jsonl"), "utf8");
  triggers = lines
    .trim()
    .split("\n")
    .map((line): Trigger => JSON.parse(line));
  pods = JSON.parse(await readFile(join(folder, "golden/pods.json"), "utf8"));
  const repositories = [...triggers.map(({ repo }) => repo), ...pods.map(({ prowjob }) => repositoryOf(prowjob.spec))];
  reading = await readProw({
    folder,
    config: "prow-main-config.yaml",
    jobs: ["prow-jobs"],
    components: Object.fromEntries(repositories.map((repository) => [repository, repository])),
    worker: undefined,
    cache: undefined,
  });
});

function repositoryOf(spec: Recorded["prowjob"]["spec"]): string {
  const refs: Refs | undefined = spec.refs ?? firstExtra(spec);
  return `${refs?.org}/${refs?.repo}`;
}

function firstExtra(spec: JsonObject): Refs | undefined {
  const all: readonly Refs[] = JSON.parse(JSON.stringify(spec["extra_refs"] ?? []));
  return all[0];
}

function startedBy(trigger: Trigger): readonly string[] {
  const subject: Subject = { branch: trigger.branch, files: trigger.changed };
  const contexts = { reported: trigger.reportedContexts ?? [], failed: trigger.failedContexts ?? [] };
  return reading.jobs
    .filter((job) => job.repository === trigger.repo)
    .filter((job) => {
      if (trigger.kind === "change") return decideAutomatic(job, subject).run;
      if (trigger.kind === "push") return decideForPush(job, subject, "pushed").run;
      return decideForComment(job, trigger.comment ?? "", subject, contexts, false).run;
    })
    .map((job) => job.name);
}

describe(`what Prow said of real job files${lacks}`, () => {
  test("all of them are read without an error", () => {
    expect(reading.diagnostics.filter((each) => each.severity === "error")).toEqual([]);
    expect(reading.counts).toMatchObject({ presubmits: 138, postsubmits: 21, periodics: 50 });
  });

  test("every event starts the jobs that Prow starts, in its order", () => {
    expect(triggers.length).toBeGreaterThanOrEqual(700);
    const wrong = triggers.filter((trigger) => startedBy(trigger).join(" ") !== trigger.runs.join(" "));
    expect(wrong).toEqual([]);
  });

  test("every job gets the environment, labels, paths and working directory that Prow gives it", () => {
    expect(pods).toHaveLength(15);
    for (const recorded of pods) expect({ job: recorded.job, ...ours(recorded) }).toEqual(theirs(recorded));
  });
});

/** What the event brings of the refs; the rest the job adds. */
function eventRefs({ refs }: Recorded["prowjob"]["spec"]): Refs {
  const { org = "", repo = "", repo_link, base_ref = "", base_sha = "", base_link, pulls } = refs ?? {};
  return { org, repo, repo_link, base_ref, base_sha, base_link, pulls };
}

function ours(recorded: Recorded) {
  const job = reading.jobs.find((each) => each.name === recorded.job && each.type === recorded.type);
  if (job?.body.kind !== "pod") throw new Error(`${recorded.job} was not read`);
  const { spec } = recorded.prowjob;
  const refs = primaryRefs(job, eventRefs(spec));
  const runId = recorded.prowjob.metadata.name;
  const variables = injectedVariables({
    job,
    runId,
    buildId: recorded.build_id,
    refs,
    artifacts: "/logs/artifacts",
    gopath: "/home/prow/go",
  });
  const own = containersOf(job.body.spec)[0]?.env ?? [];
  const all = { ...Object.fromEntries(own.map(({ name, value }) => [name, value])), ...variables };
  const extra = extraRefsOf(job);
  const made = prowJobOf({ job, runId, refs: spec.refs && refs, state: "triggered", createdAt: 0 });
  const { metadata, spec: madeSpec }: { metadata: Recorded["prowjob"]["metadata"]; spec: JsonObject } = JSON.parse(
    JSON.stringify(made),
  );
  return {
    env: { ...all, JOB_SPEC: JSON.parse(all["JOB_SPEC"] ?? "") },
    cwd: workingDirectory("/home/prow/go", [...(job.type === "periodic" ? [] : [refs]), ...extra]),
    mounts: containersOf(job.body.spec)[0]?.mounts.map(({ path }) => path),
    labels: metadata.labels,
    annotations: metadata.annotations,
    refs: spec.refs && refsDocument(refs),
    spec: withoutName(madeSpec),
  };
}

/** What only Prow's own containers see. */
const internal = new Set(["ENTRYPOINT_OPTIONS"]);
const internalMounts = new Set(["/logs", "/tools", "/home/prow/go"]);

function theirs({ job, prowjob, pod }: Recorded) {
  const [container] = pod.spec.containers;
  const env = Object.entries(container?.env ?? {}).filter(([name]) => !internal.has(name));
  return {
    job,
    env: Object.fromEntries(env.map(([name, value]) => [name, value ?? ""])),
    cwd: container?.workingDir,
    mounts: container?.volumeMounts.map(({ mountPath }) => mountPath).filter((path) => !internalMounts.has(path)),
    labels: prowjob.metadata.labels,
    annotations: prowjob.metadata.annotations,
    refs: prowjob.spec.refs,
    spec: withoutName(prowjob.spec),
  };
}

/** The name of a pod's only container is nobody's to see: Prow calls it `test`, whatever the file says. */
function withoutName(spec: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(spec, (key, value: unknown) => (key === "name" && value === "" ? undefined : value)),
  );
}
