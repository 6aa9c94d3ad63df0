import type { RunState } from "../family/index.ts";

export type JobType = "presubmit" | "postsubmit" | "periodic" | "batch";

/** JSON as it was read: what is carried whole, because it is stored and shown as Prow has it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: Json;
}

/** A deployment in a cluster with images of the record: exactly which is resolved once, when the run starts. */
export interface ClusterTest {
  /** `1.36`, or `development`. */
  readonly version: string;
  /** Component whose manifests are used. */
  readonly deployment: string;
  /** Folder of them; `undefined`: all that it pins. */
  readonly folder: string | undefined;
  /** Images of components that are not replaced: as the manifests pin them, or the newest canaries. */
  readonly others: "pinned" | "canary";
  /** Put in place of what is pinned, besides the images that the run builds itself. */
  readonly replaced: readonly {
    readonly component: string;
    readonly version: string;
    readonly commit: string;
    /** The run that built its images. */
    readonly run: string;
  }[];
}

/** What a run of the job executes. */
export type JobBody =
  /** The release configuration of the revision tested, or the conventions: build, test, then images, then push. */
  | {
      readonly kind: "release-configuration";
      readonly steps: readonly ("build" | "test" | "images" | "cluster" | "push")[];
      /** What the step `cluster` tests. */
      readonly cluster?: ClusterTest | undefined;
      /** Component whose tests are run, with what is tested as its copy of an internal component. */
      readonly inside?: string | undefined;
    }
  /** One script of ours with the tools of the release configuration. What the arguments say is never part of the script. */
  | { readonly kind: "script"; readonly script: string; readonly args: readonly string[] }
  /** A Prow job's pod, presets merged in, its key names kept. Nothing of it is ever given to a shell. */
  | { readonly kind: "pod"; readonly spec: JsonObject };

/** When a periodic starts (Prow 1.10): exactly one of the three. Milliseconds. */
export type Schedule =
  /** From the start of the previous run. */
  | { readonly kind: "interval"; readonly everyMs: number }
  /** From the completion of the previous run. */
  | { readonly kind: "minimum-interval"; readonly everyMs: number }
  /** Five fields, or six with seconds, or a descriptor (`@daily`, `@every 2h`); UTC. */
  | { readonly kind: "cron"; readonly expression: string };

/** How the primary repository is cloned (Prow 1.2); periodics have none, so it has no effect there. */
export interface CloneSettings {
  /** Checkout path below `$GOPATH/src`. */
  readonly pathAlias: string | undefined;
  readonly cloneUri: string | undefined;
  /** 0: the whole history. */
  readonly cloneDepth: number;
  readonly skipSubmodules: boolean;
  /** Without the first fetch of all tags. */
  readonly skipFetchHead: boolean;
}

/** What a Prow file says that Fairlead keeps for readers of `prowjob.json` and the pages, but does not act on. */
export interface ProwRest {
  /** `default` unless the job names one. */
  readonly cluster: string;
  readonly namespace: string;
  readonly hidden: boolean;
  readonly errorOnEviction: boolean;
  readonly reporterConfig: JsonObject | undefined;
  readonly rerunAuthConfig: JsonObject | undefined;
  readonly prowjobDefaults: JsonObject;
}

export interface Job {
  readonly name: string;
  readonly type: JobType;
  /** Component name; `undefined` for a repository that is no component (inactive). */
  readonly component: string | undefined;
  /** `org/repo`, the key of Prow's maps; `undefined` for periodics. */
  readonly repository: string | undefined;
  /** `generated`, or `file:line` of the Prow file it was loaded from. */
  readonly origin: string;
  /** Read from the repository at the revision tested, not from a file of the family; `origin` says which. */
  readonly inRepo?: boolean | undefined;
  readonly context: string;
  readonly optional: boolean;
  readonly skipReport: boolean;
  /** Presubmits: run on every eligible event. Postsubmits: `undefined` means yes. */
  readonly alwaysRun: boolean | undefined;
  /** Presubmits: wanted before a merge even when otherwise run by hand. */
  readonly runBeforeMerge: boolean;
  /** RE2, joined with `|`, searched unanchored (Prow: Brancher). */
  readonly branches: readonly string[];
  readonly skipBranches: readonly string[];
  readonly runIfChanged: string | undefined;
  readonly skipIfOnlyChanged: string | undefined;
  /** RE2 on a comment's body; `rerunCommand` matches it. */
  readonly trigger: string;
  readonly rerunCommand: string;
  /** Runs of the same name at once; 0: no bound. */
  readonly maxConcurrency: number;
  /** `job_queue_name`; empty: none. */
  readonly queue: string;
  /** Periodics only. */
  readonly schedule: Schedule | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** `testgrid-*` and `description` among them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Variables of a generated job; a pod's own stand in its containers. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gracePeriodMs: number;
  readonly clone: CloneSettings;
  readonly extraRefs: readonly Refs[];
  /** Prow's decoration after its defaults were merged in; `undefined` for an undecorated job, which gets no checkout. */
  readonly decoration: JsonObject | undefined;
  readonly body: JobBody;
  /** What the machine must have, by need id (`go`, `cluster`, `container-engine`, …), as far as the job file tells. */
  readonly needs: readonly string[];
  readonly prow: ProwRest;
}

/** Prow's pull object inside refs. */
export interface PullRef {
  readonly number: number;
  readonly author: string;
  readonly sha: string;
  readonly title?: string | undefined;
  readonly head_ref?: string | undefined;
  readonly ref?: string | undefined;
  readonly link?: string | undefined;
  readonly commit_link?: string | undefined;
  readonly author_link?: string | undefined;
}

/** Prow's refs object, its key names kept. */
export interface Refs {
  readonly org: string;
  readonly repo: string;
  readonly repo_link?: string | undefined;
  readonly base_ref: string;
  readonly base_sha: string;
  readonly base_link?: string | undefined;
  readonly pulls?: readonly PullRef[] | undefined;
  readonly path_alias?: string | undefined;
  readonly clone_uri?: string | undefined;
  readonly clone_depth?: number | undefined;
  readonly skip_submodules?: boolean | undefined;
  readonly skip_fetch_head?: boolean | undefined;
  /** The first of all refs with it becomes the working directory. */
  readonly workdir?: boolean | undefined;
  /** Not the main repository of a periodic. */
  readonly auxiliary?: boolean | undefined;
  readonly blobless_fetch?: boolean | undefined;
  readonly sparse_checkout_files?: readonly string[] | undefined;
}

/** What the environment of a run is made from (Prow: section 3). */
export interface RunFacts {
  readonly job: Job;
  readonly runId: string;
  readonly buildId: string;
  readonly refs: Refs;
  /** Directory of artifacts and GOPATH as the job sees them. */
  readonly artifacts: string;
  readonly gopath: string;
}

export const finalStates: readonly RunState[] = ["success", "failure", "aborted", "error"];

/** The members of a job that no file set, as Prow defaults them. */
export const jobDefaults = {
  optional: false,
  skipReport: false,
  alwaysRun: undefined,
  runBeforeMerge: false,
  branches: [],
  skipBranches: [],
  runIfChanged: undefined,
  skipIfOnlyChanged: undefined,
  maxConcurrency: 0,
  queue: "",
  schedule: undefined,
  labels: {},
  annotations: {},
  env: {},
  timeoutMs: 7_200_000,
  gracePeriodMs: 15_000,
  clone: {
    pathAlias: undefined,
    cloneUri: undefined,
    cloneDepth: 0,
    skipSubmodules: false,
    skipFetchHead: false,
  },
  extraRefs: [],
  decoration: {},
  needs: [],
  prow: {
    cluster: "default",
    namespace: "",
    hidden: false,
    errorOnEviction: false,
    reporterConfig: undefined,
    rerunAuthConfig: undefined,
    prowjobDefaults: {},
  },
} satisfies Partial<Job>;

/** Prow 1.8: the name stands in the pattern unescaped. */
export function defaultTrigger(name: string): string {
  return `(?m)^/test( | .* )${name},?($|\\s.*)`;
}
