import { mayMaintain, tierOfChange } from "../family/index.ts";
import { commandsIn, decideAutomatic, decideForComment, helpNote, saysOkToTest } from "../jobs/index.ts";
import { inRepoStatus } from "./in-repo.ts";
import type { ChangeEvent, ChangeFacts, CommentEvent, Effect, Facts, Plan, PlannedRun } from "./model.ts";
import { planNothing, refsOf, select } from "./selection.ts";

/** Prow 2.2: what happens to a change decides which presubmits run; a new head or a closing aborts what still runs. */
export function planChange(event: ChangeEvent, facts: Facts): Plan {
  const { change, action } = event;
  switch (action) {
    case "closed":
    case "merged":
      return ended(event, facts, `the change was ${action}`);
    case "drafted":
      return ended(event, facts, "the change was made a draft");
    case "edited":
      return planNothing(event, facts, "what was edited concerns no run");
    case "opened":
    case "reopened":
    case "updated":
    case "allowed":
    case "base-moved":
    case "retargeted":
    case "ready":
      break;
  }
  const superseded = supersededBy(event);
  const aborts = superseded === undefined ? [] : abortRuns(event, facts, superseded);
  const held = heldBack(event);
  const said = inRepoStatus(facts.inRepo, change.head, event.files);
  if (held) return { ...planNothing(event, facts, held.why), effects: [...aborts, ...held.effects, ...said] };
  const subject = { branch: change.base, files: event.files };
  const selection = select(facts, (job) => decideAutomatic(job, subject), placeOf(facts, change));
  const pending = selection.runs.map((run) => pendingStatus(change, run));
  return {
    event,
    ...selection,
    effects: [...aborts, ...duplicates(selection.runs, facts, change, aborts), ...pending, ...said],
  };
}

/** Prow 2.2: strangers' changes wait for a maintainer, drafts and changes in conflict start nothing by themselves. */
function heldBack(event: ChangeEvent): { readonly why: string; readonly effects: readonly Effect[] } | undefined {
  const { change } = event;
  if (tierOfChange(change) === "stranger") {
    const allow = `fairlead allow ${event.component} ${change.number}`;
    const reason = `${change.author} has no role here and no maintainer allowed ${change.head.slice(0, 7)} yet: ${allow}`;
    const description = "waits for a maintainer to allow it";
    return {
      why: "the change of a stranger waits for a maintainer",
      effects: [{ kind: "status", sha: change.head, context: "fairlead", state: "pending", description, reason }],
    };
  }
  if (change.draft === true) return { why: "the change is a draft: its tests run when asked for", effects: [] };
  if (change.mergeable === false) return { why: "the change conflicts with its base", effects: [] };
  return undefined;
}

function ended(event: ChangeEvent, facts: Facts, reason: string): Plan {
  return { ...planNothing(event, facts, reason), effects: abortRuns(event, facts, reason) };
}

function supersededBy(event: ChangeEvent): string | undefined {
  const { change } = event;
  if (event.action === "updated") return `superseded by ${change.head.slice(0, 7)}`;
  if (event.action === "base-moved") return `superseded: ${change.base} moved to ${change.baseSha.slice(0, 7)}`;
  return event.action === "retargeted" ? `superseded: it is for ${change.base} now` : undefined;
}

function abortRuns(event: ChangeEvent, facts: Facts, reason: string): readonly Effect[] {
  return facts.liveRuns
    .filter((run) => run.type === "presubmit" && run.change === event.change.number)
    .map((run) => ({ kind: "abort", runId: run.id, reason }));
}

/** Prow 2.4: of two unfinished presubmits with the same job, base branch and change, the older is aborted. */
function duplicates(
  runs: readonly PlannedRun[],
  facts: Facts,
  change: ChangeFacts,
  aborted: readonly Effect[],
): readonly Effect[] {
  const starting = new Set(runs.map((run) => run.job.name));
  const gone = new Set(aborted.flatMap((effect) => (effect.kind === "abort" ? [effect.runId] : [])));
  return facts.liveRuns
    .filter((run) => run.type === "presubmit" && run.change === change.number && starting.has(run.job))
    .filter((run) => !gone.has(run.id))
    .map((run) => ({ kind: "abort", runId: run.id, reason: "superseded by a newer run of the same job" }));
}

function pendingStatus(change: ChangeFacts, run: PlannedRun): Effect {
  return {
    kind: "status",
    sha: change.head,
    context: run.job.context,
    state: "pending",
    description: "waiting to run",
    reason: run.reason,
  };
}

function placeOf(facts: Facts, change: ChangeFacts) {
  const base = refsOf(facts, change.base, change.baseSha);
  const pull = {
    number: change.number,
    author: change.author,
    sha: change.head,
    title: change.title,
    ...(change.headRef === undefined ? {} : { head_ref: change.headRef }),
  };
  return {
    refs: { ...base, pulls: [pull] },
    ref: `refs/pull/${change.number}/head`,
    change: change.number,
    tier: tierOfChange(change),
  };
}

/**
 * Prow 2.3. A stranger's change is tested when somebody who may maintain the component says `/ok-to-test` for the head
 * as it is; asking for a test of it otherwise is answered with whom to ask.
 */
export function planComment(event: CommentEvent, facts: Facts): Plan {
  const { change, comment } = event;
  const stranger = tierOfChange(change) === "stranger";
  const maintainer =
    event.actor !== undefined && facts.component !== undefined && mayMaintain(event.actor, facts.component);
  const allowing = stranger && maintainer && saysOkToTest(comment);
  const selection = select(
    facts,
    (job) => decideForComment(job, comment, { branch: change.base, files: event.files }, event.contexts, allowing),
    { ...placeOf(facts, change), tier: stranger ? "change" : tierOfChange(change) },
  );
  if (stranger && !allowing) {
    const plan = planNothing(event, facts, "the change of a stranger waits for a maintainer");
    if (selection.runs.length === 0 && !saysOkToTest(comment)) return plan;
    const text = "Cannot trigger testing until a trusted user reviews the change and leaves an `/ok-to-test` message.";
    const reason = "asked for by somebody who may not allow it";
    return { ...plan, effects: [{ kind: "comment", change: change.number, text, reason }] };
  }
  const statuses = selection.runs.map((run) => pendingStatus(change, run));
  return {
    event,
    ...selection,
    effects: [
      ...duplicates(selection.runs, facts, change, []),
      ...statuses,
      ...inRepoStatus(facts.inRepo, change.head, event.files),
      ...help(event, facts, selection.runs.length),
    ],
  };
}

/** Prow 2.3: a command that names nothing is answered with those that exist. */
function help(event: CommentEvent, facts: Facts, started: number): readonly Effect[] {
  const note = helpNote(event.comment, started);
  if (note === undefined) return [];
  const subject = { branch: event.change.base, files: event.files };
  const none = { reported: [], failed: [] };
  const commands = facts.jobs.filter((job) => {
    if (!commandsIn(job.rerunCommand, job.trigger).byName) return false;
    return decideForComment(job, job.rerunCommand, subject, none, false).run;
  });
  const lines = [
    ...(note === "" ? [] : [note]),
    ...listing(
      "required",
      commands.filter((job) => !job.optional).map((job) => job.rerunCommand),
    ),
    ...listing(
      "optional",
      commands.filter((job) => job.optional).map((job) => job.rerunCommand),
    ),
    commands.length === 0
      ? `There are no presubmits for ${event.change.base}.`
      : "`/test all` runs those that start by themselves.",
  ];
  const text = lines.join("\n");
  return [
    {
      kind: "comment",
      change: event.change.number,
      text,
      reason: note === "" ? "/test ? asks for the commands" : note,
    },
  ];
}

function listing(kind: string, commands: readonly string[]): readonly string[] {
  return commands.length === 0
    ? []
    : [`Commands for ${kind} jobs:`, ...[...commands].sort().map((command) => `- \`${command}\``)];
}
