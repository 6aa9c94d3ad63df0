import type { RunState } from "../family/index.ts";

export type JobType = "presubmit" | "postsubmit" | "periodic" | "batch";

/** What a run of the job executes. */
export type JobBody =
  /** The release configuration of the revision tested, or the conventions: build, test, then images, then push. */
  | { readonly kind: "release-configuration"; readonly steps: readonly ("build" | "test" | "images" | "push")[] }
  /** A Prow job's container: argument vector, not a shell line. */
  | { readonly kind: "command"; readonly argv: readonly string[]; readonly image: string };

export interface Job {
  readonly name: string;
  readonly type: JobType;
  /** Component name; `undefined` for a repository that is no component (inactive). */
  readonly component: string | undefined;
  /** `generated`, or `file:line` of the Prow file it was loaded from. */
  readonly origin: string;
  readonly context: string;
  readonly optional: boolean;
  readonly skipReport: boolean;
  /** Presubmits: run on every eligible event. Postsubmits: `undefined` means yes. */
  readonly alwaysRun: boolean | undefined;
  /** RE2, joined with `|`, searched unanchored (Prow: Brancher). */
  readonly branches: readonly string[];
  readonly skipBranches: readonly string[];
  readonly runIfChanged: string | undefined;
  readonly skipIfOnlyChanged: string | undefined;
  /** RE2 on a comment's body; `rerunCommand` matches it. */
  readonly trigger: string;
  readonly rerunCommand: string;
  readonly maxConcurrency: number;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gracePeriodMs: number;
  /** Checkout path below `$GOPATH/src`. */
  readonly pathAlias: string | undefined;
  readonly body: JobBody;
  /** What the machine must have, by need id (`go`, `cluster`, `container-engine`, …), as far as the job file tells. */
  readonly needs: readonly string[];
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
