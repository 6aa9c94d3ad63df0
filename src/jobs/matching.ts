import { compilePattern, ok, type Result } from "../core/index.ts";
import type { Job } from "./model.ts";

/**
 * Prow 1.5, Brancher: each list is joined with `|` into one RE2 pattern and searched unanchored; the deny list wins.
 * Fault `bad-input` for a pattern that RE2 refuses.
 */
export function branchMatches(job: Pick<Job, "branches" | "skipBranches">, branch: string): Result<boolean> {
  const denied = anyMatches(job.skipBranches, branch);
  if (!denied.ok || denied.value) return denied.ok ? ok(false) : denied;
  return job.branches.length === 0 ? ok(true) : anyMatches(job.branches, branch);
}

function anyMatches(patterns: readonly string[], text: string): Result<boolean> {
  if (patterns.length === 0) return ok(false);
  const pattern = compilePattern(patterns.join("|"));
  return pattern.ok ? ok(pattern.value.matches(text)) : pattern;
}

/** What a change matcher says; `none`: the job has no matcher. */
export type FilesAnswer = "run" | "skip" | "none" | "unknown";

/**
 * Prow 1.6: `run_if_changed` runs if any path matches, `skip_if_only_changed` if any does not; an empty list runs
 * neither. `unknown` when the paths are not known.
 */
export function filesMatch(
  job: Pick<Job, "runIfChanged" | "skipIfOnlyChanged">,
  files: readonly string[] | undefined,
): Result<FilesAnswer> {
  const source = job.runIfChanged ?? job.skipIfOnlyChanged;
  if (source === undefined) return ok("none");
  const pattern = compilePattern(source);
  if (!pattern.ok) return pattern;
  if (files === undefined) return ok("unknown");
  const wanted = job.runIfChanged !== undefined;
  return ok(files.some((file) => pattern.value.matches(file) === wanted) ? "run" : "skip");
}

/** Prow: neither automatic nor conditional, so it runs only when asked for. */
export function needsExplicitTrigger(job: Job): boolean {
  return job.alwaysRun !== true && job.runIfChanged === undefined && job.skipIfOnlyChanged === undefined;
}

/** Prow: ContextRequired. `skip_report` alone also makes a job non-blocking. */
export function contextRequired(job: Job): boolean {
  return !job.optional && !job.skipReport;
}
