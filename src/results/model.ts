import type { Result } from "../core/index.ts";
import type { JobType } from "../jobs/index.ts";
import type { CloneReport, Finished, Started } from "./documents.ts";
import type { Masking } from "./masking.ts";

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

export interface CollectBounds {
  readonly files: number;
  /** Of all together, unpacked where they are unpacked. */
  readonly bytes: number;
}

/** Secrets of a run, and which of its artifacts are looked through (Prow 4.4). */
export interface ArtifactMasking {
  readonly masking: Masking;
  /** Whether the file at this path below the artifacts is masked. */
  applies(path: string): boolean;
}

/** A file below `/results/`, as it is to be served. */
export interface StoredFile {
  readonly file: string;
  readonly size: number;
  readonly contentType: string;
  readonly contentEncoding: "gzip" | undefined;
}

/** Results of runs on disk in the Prow layout, below `<home>/results`. */
export interface ResultStore {
  /** `pr-logs/pull/org_repo/7/job/<build>` or `logs/<job>/<build>`. */
  pathOf(key: ResultKey): string;
  /** `started.json` and the pointers; a `latest-build.txt` never goes backwards, unlike Prow's. */
  begin(key: ResultKey, started: Started): Promise<Result<void>>;
  /**
   * Once the code is there, or could not be had: `clone-records.json`, `clone-log.txt`, and `started.json` again, now with
   * the merged commit.
   */
  cloned(key: ResultKey, started: Started, clones: readonly CloneReport[]): Promise<Result<void>>;
  /** With masking, secrets are hidden before a byte reaches the disk. */
  openLog(key: ResultKey, bound: number, masking?: Masking): Promise<Result<LogWriter>>;
  readLog(key: ResultKey, offset: number, limit: number): Promise<LogPiece | undefined>;
  /** A file of ours beside the job's: `clone-records.json`. */
  write(key: ResultKey, name: string, content: string): Promise<Result<void>>;
  /** `prowjob.json`, `podinfo.json`: indented with tabs, replaced whole. */
  writeDocument(key: ResultKey, name: "prowjob.json" | "podinfo.json", document: unknown): Promise<Result<void>>;
  /**
   * Copies what the job left below `from` to `artifacts/`: regular files only, no link followed out, bounded in number
   * and bytes, never over ours. Runs after the job's last process is dead. Says what was left out.
   */
  collect(
    key: ResultKey,
    from: string,
    bounds: CollectBounds,
    masking?: ArtifactMasking,
  ): Promise<Result<{ artifacts: readonly Artifact[]; leftOut: readonly string[] }>>;
  /** JUnit files among the artifacts, read as claims. */
  readTests(key: ResultKey): Promise<TestSummary>;
  finish(key: ResultKey, finished: Finished): Promise<Result<void>>;
  listArtifacts(key: ResultKey): Promise<readonly Artifact[]>;
  /** For `/results/…`: a file by its path below the root, no link followed; `undefined` when absent. */
  open(path: string): Promise<StoredFile | undefined>;
  /** Entries of a folder, for listing. */
  list(
    path: string,
  ): Promise<readonly { readonly name: string; readonly directory: boolean; readonly size: number }[] | undefined>;
}
