import type { Result } from "../core/index.ts";
import type { JobType, Refs } from "../jobs/index.ts";
import type { CloneRecordDocument } from "./clone-records.ts";

/** Names the folder of one attempt in the Prow layout (section 4.6). */
export interface ResultKey {
  readonly type: JobType;
  readonly job: string;
  readonly buildId: string;
  readonly org: string;
  readonly repo: string;
  /** For presubmits. */
  readonly pull: number | undefined;
}

export interface Artifact {
  /** Relative to the run's folder: `artifacts/junit.xml`. */
  readonly path: string;
  readonly size: number;
  /** `job`: a claim; `fairlead`: ours. */
  readonly writtenBy: "job" | "fairlead";
}

export interface TestFailure {
  readonly suite: string;
  readonly name: string;
  readonly message: string;
}

export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly TestFailure[];
  /** What could not be read, in words: `artifacts/junit_01.xml:3:1: not well-formed`. */
  readonly problems: readonly string[];
}

/** The log of one attempt: appended by byte offset, the same for live and later readers. */
export interface LogWriter {
  append(chunk: Uint8Array): void;
  /** A line of ours between the job's. */
  line(text: string): void;
  /** Bytes written so far. */
  readonly size: number;
  /** Flushes and closes; answers whether bytes were dropped over the bound. */
  close(): Promise<{ readonly bytes: number; readonly dropped: number }>;
}

export interface LogPiece {
  readonly bytes: Uint8Array;
  readonly next: number;
  readonly complete: boolean;
}

/** Results of runs on disk in the Prow layout, below `<home>/results`. */
export interface ResultStore {
  /** `pr-logs/pull/org_repo/7/job/<build>` or `logs/<job>/<build>`. */
  pathOf(key: ResultKey): string;
  begin(
    key: ResultKey,
    started: { at: number; refs: Refs; runId: string; finalSha?: string | undefined },
  ): Promise<Result<void>>;
  openLog(key: ResultKey, bound: number): Promise<Result<LogWriter>>;
  readLog(key: ResultKey, offset: number, limit: number): Promise<LogPiece | undefined>;
  /** What the checkout did: `clone-records.json` and, for people, `clone-log.txt`. */
  writeClone(key: ResultKey, records: readonly CloneRecordDocument[]): Promise<Result<void>>;
  /** A file of ours beside the job's. */
  write(key: ResultKey, name: string, content: string): Promise<Result<void>>;
  /**
   * Copies what the job left below `from` to `artifacts/`: regular files only, no link followed out, bounded in number
   * and bytes, never over ours. Runs after the job's last process is dead. Says what was left out.
   */
  collect(
    key: ResultKey,
    from: string,
    bounds: { files: number; bytes: number },
  ): Promise<Result<{ artifacts: readonly Artifact[]; leftOut: readonly string[] }>>;
  /** JUnit files among the artifacts, read as claims. */
  readTests(key: ResultKey): Promise<TestSummary>;
  finish(
    key: ResultKey,
    finished: {
      at: number;
      passed: boolean;
      result: "SUCCESS" | "FAILURE" | "ABORTED";
      revision: string;
      metadata?: Record<string, unknown>;
    },
  ): Promise<Result<void>>;
  listArtifacts(key: ResultKey): Promise<readonly Artifact[]>;
  /** For `/results/…`: a file by its path below the root, no link followed; `undefined` when absent. */
  open(path: string): Promise<{ readonly file: string; readonly size: number } | undefined>;
  /** Entries of a folder, for listing. */
  list(
    path: string,
  ): Promise<readonly { readonly name: string; readonly directory: boolean; readonly size: number }[] | undefined>;
}
