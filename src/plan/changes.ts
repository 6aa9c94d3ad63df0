import { compilePattern } from "../core/index.ts";
import { roleAtLeast, tierOfChange } from "../family/index.ts";
import type { Job } from "../jobs/index.ts";
import { needsExplicitTrigger } from "../jobs/index.ts";
import type { ChangeEvent, ChangeFacts, CommentEvent, Effect, Facts, Plan } from "./model.ts";
import { type Choice, chooseForChange, chooseOnBranch, refsOf, select } from "./selection.ts";

/** Prow 2.2: what happens to a change decides which presubmits run; a new head or a closing aborts what still runs. */
export function planChange(event: ChangeEvent, facts: Facts): Plan {
  const { change, action } = event;
  const skipAll = (reason: string) => facts.jobs.map((job) => ({ job: job.name, reason }));
  switch (action) {
    case "closed":
    case "merged":
      return {
        event,
        runs: [],
        skipped: skipAll(`the change was ${action}`),
        effects: abortRuns(event, facts, `the change was ${action}`),
      };
    case "opened":
    case "reopened":
    case "updated":
    case "allowed":
    case "base-moved":
      break;
  }
  const superseded =
    action === "updated" || action === "base-moved" ? abortRuns(event, facts, supersededBy(event)) : [];
  const tier = tierOfChange(change);
  if (tier === "stranger") {
    const reason = `${change.author} has no role here and no maintainer allowed ${change.head.slice(0, 7)} yet: fairlead allow ${event.component} ${change.number}`;
    const held: Effect = {
      kind: "status",
      sha: change.head,
      context: "fairlead",
      state: "pending",
      description: "waits for a maintainer to allow it",
      reason,
    };
    return {
      event,
      runs: [],
      skipped: skipAll("the change of a stranger waits for a maintainer"),
      effects: [...superseded, held],
    };
  }
  const selection = select(facts, (job) => chooseForChange(job, change.base, event.files), placeOf(facts, change));
  const pending = selection.runs.map(
    (run): Effect => ({
      kind: "status",
      sha: change.head,
      context: run.job.context,
      state: "pending",
      description: "waiting to run",
      reason: run.reason,
    }),
  );
  return { event, ...selection, effects: [...superseded, ...pending] };
}

function supersededBy(event: ChangeEvent): string {
  return event.action === "base-moved"
    ? `superseded: ${event.change.base} moved to ${event.change.baseSha.slice(0, 7)}`
    : `superseded by ${event.change.head.slice(0, 7)}`;
}

function abortRuns(event: ChangeEvent, facts: Facts, reason: string): readonly Effect[] {
  return facts.liveRuns
    .filter((run) => run.type === "presubmit" && run.change === event.change.number)
    .map((run) => ({ kind: "abort", runId: run.id, reason }));
}

function placeOf(facts: Facts, change: ChangeFacts) {
  const base = refsOf(facts, change.base, change.baseSha);
  const pull = { number: change.number, author: change.author, sha: change.head, title: change.title };
  return {
    refs: { ...base, pulls: [pull] },
    ref: `refs/pull/${change.number}/head`,
    change: change.number,
    tier: tierOfChange(change),
  };
}

/** Prow 2.3: `/test NAME`, `/test all`, `/retest`, `/retest-required`, `/ok-to-test`, in the order in which they are tried. */
export function planComment(event: CommentEvent, facts: Facts): Plan {
  const { change } = event;
  const trustedActor = event.actor !== undefined && roleAtLeast(event.actor.role, "contributor");
  const tier = tierOfChange(change);
  const asked = facts.jobs.map((job) => chooseForComment(job, event));
  const skipAll = (reason: string): Plan => ({
    event,
    runs: [],
    skipped: facts.jobs.map((job) => ({ job: job.name, reason })),
    effects: [],
  });
  if (tier === "stranger" && !(trustedActor && matches("(?m)^/ok-to-test\\s*$", event.comment))) {
    const plan = skipAll("the change of a stranger waits for a maintainer");
    if (!asked.some((choice) => choice.run)) return plan;
    const text = "Cannot trigger testing until a trusted user reviews the change and leaves an `/ok-to-test` message.";
    return {
      ...plan,
      effects: [{ kind: "comment", change: change.number, text, reason: "asked for by somebody without a role" }],
    };
  }
  const selection = select(facts, (job) => chooseForComment(job, event), {
    ...placeOf(facts, change),
    tier: tier === "stranger" ? "change" : tier,
  });
  return { event, ...selection, effects: [] };
}

function chooseForComment(job: Job, event: CommentEvent): Choice {
  if (job.type !== "presubmit") return { run: false, reason: `${job.type} jobs do not run on changes` };
  const { comment, contexts, change } = event;
  const failed = contexts.failed.includes(job.context);
  const absent = !contexts.reported.includes(job.context) && !needsExplicitTrigger(job);
  if (matches(job.trigger, comment)) return chooseOnBranch(job, change.base, event.files, true, "asked for by name");
  if (matches("(?m)^/retest\\s*$", comment) && (failed || absent)) return retest(job, event, failed);
  if (matches("(?m)^/retest-required\\s*$", comment) && !job.optional && (failed || absent))
    return retest(job, event, failed);
  if (matches("(?m)^/test-manual-required\\s*$", comment) && !job.optional && needsExplicitTrigger(job)) {
    return chooseOnBranch(job, change.base, event.files, true, "/test-manual-required");
  }
  if (matches("(?m)^/ok-to-test\\s*$", comment) || matches("(?m)^/test all,?($|\\s.*)", comment)) {
    return chooseForChange(job, change.base, event.files);
  }
  return { run: false, reason: "the comment does not ask for it" };
}

/** A failed conditional job runs again whatever the paths say. */
function retest(job: Job, event: CommentEvent, failed: boolean): Choice {
  return chooseOnBranch(job, event.change.base, event.files, failed, "/retest: it failed, or was never reported");
}

function matches(pattern: string, text: string): boolean {
  const compiled = compilePattern(pattern);
  return compiled.ok && compiled.value.matches(text);
}
