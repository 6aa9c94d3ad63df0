import type { RunState } from "../family/index.ts";
import { branchMatches, contextRequired, type Job, requiredFor } from "../jobs/index.ts";
import type { Freeze } from "../policy/index.ts";
import { inRepoContext } from "./in-repo.ts";

export interface GateFacts {
  readonly jobs: readonly Job[];
  readonly base: string;
  readonly head: string;
  /** Where the base branch is now. */
  readonly baseSha: string;
  readonly files: readonly string[];
  /** The newest run of each context on this head. */
  readonly runs: readonly {
    readonly context: string;
    readonly state: RunState;
    readonly description: string;
    readonly baseSha: string;
    readonly notRunNeed: string | undefined;
  }[];
  /** Files in conflict with the base as it is now. */
  readonly conflicts: readonly string[];
  /** The freeze in force on the base. */
  readonly freeze: Freeze | undefined;
  /** The release that a maintainer marked the change for. */
  readonly forRelease: string | undefined;
  /** What is wrong with the jobs that the repository would bring once merged. */
  readonly inRepoProblem?: string | undefined;
}

/** Context of the required status that a freeze puts on every change to its branch. */
const freezeContext = "freeze";

export interface GateAnswer {
  readonly allowed: boolean;
  readonly required: readonly string[];
  readonly missing: readonly { readonly context: string; readonly why: string }[];
  /** The checks ran merged with an older base: they are to be run again. */
  readonly stale: boolean;
  readonly conflicts: readonly string[];
  /** Files of the change that say how it is tested: it needs a maintainer's eye. */
  readonly ownTests: readonly string[];
  /** One sentence. */
  readonly reason: string;
}

/**
 * May this change be merged? Failures block merging (KEP). Reads our own record of runs, for exactly this head merged
 * with exactly this base.
 */
export function gate(facts: GateFacts): GateAnswer {
  const always = requiredContexts(facts.jobs, facts.base, facts.files);
  const jobs = [...new Set([...always, ...requiredIfPresent(facts)])];
  const required = facts.freeze ? [...jobs, freezeContext] : jobs;
  const missing: { context: string; why: string }[] = [];
  let stale = false;
  // Jobs that cannot be read could have been required.
  if (facts.inRepoProblem !== undefined)
    missing.push({ context: inRepoContext, why: `cannot be read: ${facts.inRepoProblem}` });
  for (const context of jobs) {
    const run = facts.runs.find((candidate) => candidate.context === context);
    if (!run) missing.push({ context, why: "has not run" });
    else if (run.notRunNeed !== undefined) missing.push({ context, why: run.description });
    else if (run.state === "triggered" || run.state === "pending") missing.push({ context, why: "still runs" });
    else if (run.state !== "success") missing.push({ context, why: `${run.state}: ${run.description}` });
    else if (run.baseSha !== facts.baseSha) {
      stale = true;
      missing.push({
        context,
        why: `was tested merged with ${run.baseSha.slice(0, 7)}, and ${facts.base} is at ${facts.baseSha.slice(0, 7)} now`,
      });
    }
  }
  if (facts.freeze && facts.forRelease !== facts.freeze.version)
    missing.push({ context: freezeContext, why: frozenSentence(facts.base, facts.freeze) });
  const allowed = missing.length === 0 && facts.conflicts.length === 0;
  return {
    allowed,
    required,
    missing,
    stale,
    conflicts: facts.conflicts,
    ownTests: facts.files.filter(saysHowItIsTested),
    reason: reasonOf(allowed, required, missing, facts.conflicts),
  };
}

/** KEP: while a branch is frozen, only changes for that release are accepted. */
export function frozenSentence(branch: string, freeze: Freeze): string {
  const until = freeze.until === undefined ? "it is published" : new Date(freeze.until).toISOString().slice(0, 16);
  return `holds it: ${branch} takes only changes for ${freeze.version} until ${until} (${freeze.by})`;
}

/** Contexts that a merge of such a change waits for. */
export function requiredContexts(jobs: readonly Job[], base: string, files: readonly string[]): readonly string[] {
  return jobs.filter((job) => requiredFor(job, { branch: base, files })).map((job) => job.context);
}

/** Prow 6: a job that runs only sometimes or when asked for, and is not optional, blocks once it has run and is not green. */
function requiredIfPresent(facts: GateFacts): readonly string[] {
  return facts.jobs
    .filter((job) => {
      if (job.type !== "presubmit" || !contextRequired(job)) return false;
      const here = branchMatches(job, facts.base);
      return !here.ok || here.value;
    })
    .map((job) => job.context)
    .filter((context) => facts.runs.some((run) => run.context === context));
}

function reasonOf(
  allowed: boolean,
  required: readonly string[],
  missing: readonly { readonly context: string; readonly why: string }[],
  conflicts: readonly string[],
): string {
  if (conflicts.length > 0) return `conflicts with its base in ${conflicts.slice(0, 5).join(", ")}`;
  const first = missing[0];
  if (first) return `${first.context} ${first.why}${missing.length > 1 ? `, and ${missing.length - 1} more` : ""}`;
  if (!allowed) return "not allowed";
  return required.length === 0 ? "no check is required" : `all ${required.length} required checks are green`;
}

/** A change of such a file decides how it is tested itself: its own version counts. */
export function saysHowItIsTested(path: string): boolean {
  return /^(\.prow\.sh|\.prowignore|\.prow\.yaml|\.prow\/.*|\.fairlead\.yaml|Makefile|release-tools\/.*)$/.test(path);
}
