import type { Fault } from "../core/index.ts";
import { type CommentCommands, commandsIn } from "./comments.ts";
import { branchMatches, contextRequired, filesMatch, needsExplicitTrigger } from "./matching.ts";
import type { Job } from "./model.ts";

/** The rule of the contract that decided whether a job runs. */
export type DecisionRule =
  | "job-type"
  | "explicit-trigger"
  | "branches"
  | "always-run"
  | "run-if-changed"
  | "skip-if-only-changed"
  | "test-name"
  | "test-all"
  | "ok-to-test"
  | "retest"
  | "retest-required"
  | "test-manual-required"
  | "not-asked"
  | "tag-without-paths"
  | "bad-pattern";

/** Whether one job runs, the rule that decided, and the sentence for people. */
export interface JobDecision {
  readonly run: boolean;
  readonly rule: DecisionRule;
  readonly reason: string;
}

/** Where and on which paths a job would run. `files`: `undefined` when they are not known. */
export interface Subject {
  /** Branch (or tag) name without `refs/heads/` (`refs/tags/`). */
  readonly branch: string;
  readonly files: readonly string[] | undefined;
}

/** Prow 2.2: what every new head of a change goes through, and `/test all`. */
export function decideAutomatic(job: Job, subject: Subject): JobDecision {
  if (job.type !== "presubmit") return no("job-type", `${job.type} jobs do not run on changes`);
  if (needsExplicitTrigger(job)) return no("explicit-trigger", `runs only when asked for: ${job.rerunCommand}`);
  return decideWhere(job, subject, { forced: false, otherwise: false }, automatic);
}

/** What the contexts of a change's head said before the comment. */
export interface Contexts {
  readonly reported: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Prow 2.3: the filters in order, the first that takes the job decides. Branch rules bind even what was asked for by
 * name; change matchers bind only what was not. `allowing`: the comment is the one that lets a stranger's change run.
 */
export function decideForComment(
  job: Job,
  comment: string,
  subject: Subject,
  contexts: Contexts,
  allowing: boolean,
): JobDecision {
  if (job.type !== "presubmit") return no("job-type", `${job.type} jobs do not run on changes`);
  const asked = commandsIn(comment, job.trigger);
  const filter = filterFor(job, asked, contexts, allowing);
  if (!filter) return no("not-asked", asked.only ?? "the comment does not ask for it");
  return decideWhere(job, subject, filter, filter.asked);
}

interface Filter {
  readonly forced: boolean;
  /** The answer where a change matcher says no. */
  readonly otherwise: boolean;
  readonly asked: { readonly rule: DecisionRule; readonly reason: string };
}

function filterFor(job: Job, asked: CommentCommands, contexts: Contexts, allowing: boolean): Filter | undefined {
  if (asked.byName) {
    return { forced: true, otherwise: true, asked: { rule: "test-name", reason: `asked for by name` } };
  }
  const failed = contexts.failed.includes(job.context);
  const missing = !needsExplicitTrigger(job) && !contexts.reported.includes(job.context);
  const why = failed ? "it failed" : "it was never reported";
  if (asked.retest && (failed || missing)) {
    return { forced: false, otherwise: failed, asked: { rule: "retest", reason: `/retest: ${why}` } };
  }
  if (asked.retestRequired && !job.optional && (failed || missing)) {
    return { forced: false, otherwise: failed, asked: { rule: "retest-required", reason: `/retest-required: ${why}` } };
  }
  if (asked.testManualRequired && !job.optional && needsExplicitTrigger(job)) {
    const reason = "/test-manual-required: it is required and runs only when asked for";
    return { forced: true, otherwise: false, asked: { rule: "test-manual-required", reason } };
  }
  if (needsExplicitTrigger(job)) return undefined;
  if (asked.testAll) return { forced: false, otherwise: false, asked: { rule: "test-all", reason: "/test all" } };
  if (asked.okToTest && allowing) {
    return { forced: false, otherwise: false, asked: { rule: "ok-to-test", reason: "/ok-to-test lets it run" } };
  }
  return undefined;
}

/** Prow 2.5: postsubmits of a branch; the paths are those of the pushed commits. */
export function decideForPush(job: Job, subject: Subject, what: string): JobDecision {
  if (job.type !== "postsubmit") return no("job-type", `${job.type} jobs do not run on pushes`);
  return decidePostsubmit(job, subject, what);
}

/** Prow 2.5: tags are matched by the same patterns as branches; a tag push names no paths, so matchers never run. */
export function decideForTag(job: Job, tag: string, what: string): JobDecision {
  if (job.type !== "postsubmit") return no("job-type", `${job.type} jobs do not run on tags`);
  const there = onBranch(job, tag);
  if (there) return there;
  if (hasMatcher(job)) return no("tag-without-paths", "a tag push has no changed paths");
  return decidePostsubmit(job, { branch: tag, files: [] }, what);
}

/** Prow 1.9: a matcher decides before `always_run`; `always_run: false` alone means by hand only. */
function decidePostsubmit(job: Job, subject: Subject, what: string): JobDecision {
  const there = onBranch(job, subject.branch);
  if (there) return there;
  const matched = onFiles(job, subject);
  if (matched) return matched;
  if (job.alwaysRun === false) return no("always-run", "always_run is false: it runs only when asked for");
  return { run: true, rule: "always-run", reason: what };
}

const automatic = { rule: "always-run", reason: "always_run: every new head of a change" } as const;

/** Prow 2.2, 2.3: branch, then `always_run`, then what was forced, then the matcher, then the filter's own answer. */
function decideWhere(
  job: Job,
  subject: Subject,
  filter: { readonly forced: boolean; readonly otherwise: boolean },
  asked: { readonly rule: DecisionRule; readonly reason: string },
): JobDecision {
  const there = onBranch(job, subject.branch);
  if (there) return there;
  if (job.alwaysRun === true || filter.forced) return { run: true, ...asked };
  const matched = onFiles(job, subject);
  if (matched?.run === true || !filter.otherwise) return matched ?? no("explicit-trigger", "runs only when asked for");
  return { run: true, ...asked };
}

function onBranch(job: Job, branch: string): JobDecision | undefined {
  const matches = branchMatches(job, branch);
  if (!matches.ok) return badPattern(matches.error);
  if (matches.value) return undefined;
  const lists = [
    job.branches.length > 0 ? `branches ${job.branches.join(" ")}` : "",
    job.skipBranches.length > 0 ? `skip_branches ${job.skipBranches.join(" ")}` : "",
  ].filter((list) => list !== "");
  return no("branches", `${branch} is not for it (${lists.join(", ")})`);
}

function onFiles(job: Job, subject: Subject): JobDecision | undefined {
  const rule = job.runIfChanged === undefined ? "skip-if-only-changed" : "run-if-changed";
  const name =
    job.runIfChanged === undefined
      ? `skip_if_only_changed ${job.skipIfOnlyChanged}`
      : `run_if_changed ${job.runIfChanged}`;
  const matched = filesMatch(job, subject.files);
  if (!matched.ok) return badPattern(matched.error);
  switch (matched.value) {
    case "none":
      return undefined;
    case "run":
      return { run: true, rule, reason: `${name}: a changed path calls for it` };
    case "skip":
      return no(rule, `${name}: no changed path calls for it`);
    case "unknown":
      return no(rule, `${name}: the changed paths are not known`);
  }
}

function hasMatcher(job: Job): boolean {
  return job.runIfChanged !== undefined || job.skipIfOnlyChanged !== undefined;
}

/** Is the job wanted before a merge of this change? A conditional one only where it applies (Prow 6: `run_before_merge` too). */
export function requiredFor(job: Job, subject: Subject): boolean {
  if (job.type !== "presubmit" || !contextRequired(job)) return false;
  const there = onBranch(job, subject.branch);
  if (there) return there.rule === "bad-pattern";
  if (job.alwaysRun === true || job.runBeforeMerge) return true;
  const matched = onFiles(job, subject);
  return matched !== undefined && (matched.run || matched.rule === "bad-pattern" || subject.files === undefined);
}

function badPattern(error: Fault): JobDecision {
  return no("bad-pattern", error.message);
}

function no(rule: DecisionRule, reason: string): JobDecision {
  return { run: false, rule, reason };
}
