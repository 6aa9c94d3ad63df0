import type { Millis } from "../core/index.ts";
import { formatGoDuration } from "../core/index.ts";
import { pullRefsOf, type Refs } from "../jobs/index.ts";

export interface Started {
  readonly at: Millis;
  /** Primary refs; for a periodic its first extra ref. */
  readonly refs: Refs;
  readonly extraRefs?: readonly Refs[] | undefined;
  readonly runId: string;
  /** The merged result, once it was checked out. */
  readonly finalSha?: string | undefined;
}

export interface Finished {
  readonly at: Millis;
  readonly passed: boolean;
  readonly result: "SUCCESS" | "FAILURE" | "ABORTED";
  /** Head of the change, else the base's commit, else its name. */
  readonly revision: string;
  /** Ours; a job's claim of the same name does not replace it. */
  readonly metadata?: Record<string, unknown>;
  /** Names of the containers when a job had several (Prow 4.3): each has left `artifacts/<name>-metadata.json`. */
  readonly containers?: readonly string[] | undefined;
}

/** A clone as it went, durations in nanoseconds. */
export interface CloneReport {
  readonly refs: Refs;
  readonly commands: readonly {
    readonly command: string;
    readonly output: string;
    readonly error: string;
    readonly duration: number;
  }[];
  readonly failed: boolean;
  readonly finalSha: string | undefined;
}

/** Prow 4.5: `pull` is text and stands for batches too; `repos` values have the form of PULL_REFS. */
export function startedDocument({ at, refs, extraRefs = [], runId, finalSha }: Started) {
  const pull = refs.pulls?.[0];
  const commit = [finalSha, pull?.sha, refs.base_sha, refs.base_ref].find((candidate) => candidate) ?? "";
  return {
    timestamp: seconds(at),
    ...(pull && { pull: String(pull.number) }),
    repos: Object.fromEntries([...extraRefs, refs].map((each) => [`${each.org}/${each.repo}`, pullRefsOf(each)])),
    "repo-commit": commit,
    "repo-version": commit,
    metadata: { "fairlead-run": runId },
  };
}

/** Prow 4.5. `claimed` are the job's own documents in order, merged shallowly; ours win. */
export function finishedDocument(finished: Finished, claimed: readonly ClaimedMetadata[]) {
  const errors = claimed.flatMap(({ path, error }) => (error === undefined ? [] : [[path, error]]));
  const metadata = {
    ...Object.assign({}, ...claimed.map(({ value }) => value)),
    ...(errors.length > 0 && { "sidecar-errors": Object.fromEntries(errors) }),
    ...finished.metadata,
  };
  const { passed, result, revision } = finished;
  return { timestamp: seconds(finished.at), passed, metadata, result, revision };
}

export interface ClaimedMetadata {
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
  /** Why it was not read. */
  readonly error?: string | undefined;
}

/** A job's `metadata.json`: one JSON object. */
export function readMetadata(path: string, text: string): ClaimedMetadata {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { path, value: { ...value } };
    return { path, value: {}, error: "not a JSON object" };
  } catch (error) {
    return { path, value: {}, error: error instanceof Error ? error.message : "not JSON" };
  }
}

/** Prow 4.1, `clone-records.json`: a record of the environment first, then the clones; zero members are left out. */
export function cloneRecords(clones: readonly CloneReport[]): readonly Record<string, unknown>[] {
  return [{ refs: { org: "", repo: "" } }, ...clones.map(recordOf)];
}

function recordOf({ refs, commands, failed, finalSha }: CloneReport): Record<string, unknown> {
  return {
    refs,
    commands: commands.map(({ command, output, error, duration }) => ({
      command,
      ...(output && { output }),
      ...(error && { error }),
      ...(duration > 0 && { duration }),
    })),
    ...(failed ? { failed } : { ...(finalSha && { final_sha: finalSha }), duration: runtimeOf(commands) }),
  };
}

/** Prow 4.2, `clone-log.txt`: the records for people. */
export function cloneLog(clones: readonly CloneReport[]): string {
  return ["# Environment setup", "", ...clones.flatMap(linesOf)].join("\n");
}

function linesOf({ refs, commands, failed, finalSha }: CloneReport): string[] {
  const pulls = refs.pulls ?? [];
  return [
    ...(failed ? ["# FAILED"] : []),
    `# Cloning ${refs.org}/${refs.repo} at ${refs.base_ref}${refs.base_sha ? `(${refs.base_sha})` : ""}`,
    ...(pulls.length > 0 ? ["# Checking out pulls:"] : []),
    ...pulls.map((pull) => `#\t${pull.number} (${pull.sha})`),
    ...commands.flatMap(({ command, output, error, duration }) => [
      `$ ${command} (runtime: ${goDuration(duration)})`,
      ...(output ? [output.trimEnd()] : []),
      ...(error ? [`# Error: ${error}`] : []),
    ]),
    ...(finalSha && !failed ? [`# Final SHA: ${finalSha}`] : []),
    `# Total runtime: ${goDuration(runtimeOf(commands))}`,
    "",
  ];
}

function runtimeOf(commands: CloneReport["commands"]): number {
  return commands.reduce((sum, { duration }) => sum + duration, 0);
}

function goDuration(nanoseconds: number): string {
  return formatGoDuration(Math.round(nanoseconds / 1e6));
}

function seconds(at: Millis): number {
  return Math.floor(at / 1000);
}
