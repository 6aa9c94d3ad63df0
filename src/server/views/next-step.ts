import type { ComponentKind } from "../../family/index.ts";
import type { NextRelease } from "../../intake/index.ts";
import { markOfRelease } from "./marks.ts";
import type { CheckSummary, NextStep, RunRef } from "./model.ts";
import { pagePath, shellWord, shortCommit } from "./text.ts";

/** What the judgement about one component looks at. */
export interface NextFacts {
  readonly component: string;
  readonly kind: ComponentKind;
  /** `new`, `copying`, `adopted`, `unreachable`, and what is said about it. */
  readonly state: string;
  readonly stateDetail: string;
  readonly head: { readonly branch: string; readonly commit: string } | undefined;
  readonly required: CheckSummary;
  /** Newest release of each version that is not published, closed or withdrawn; newest first. */
  readonly unfinished: readonly UnfinishedRelease[];
  /** Commits of published releases, the newest release first. */
  readonly published: readonly { readonly version: string; readonly commit: string }[];
  readonly changes: readonly { readonly number: number; readonly next: NextStep }[];
  /** What would be released from the head. */
  readonly nextRelease?: NextRelease | undefined;
}

export interface UnfinishedRelease {
  readonly id: string;
  readonly version: string;
  readonly state: "requested" | "quarantined" | "building" | "verifying" | "publishing" | "failed";
  readonly reason: string;
  readonly since: string;
}

/**
 * What blocks the next release of a component, or the next command. What waits for a person comes before what waits by
 * itself, and what waits before what could be begun.
 */
export function nextStep(facts: NextFacts): NextStep {
  return (
    repositoryStep(facts) ??
    heldRelease(facts) ??
    headStep(facts) ??
    releaseInFlight(facts) ??
    changeStep(facts) ??
    restStep(facts)
  );
}

function repositoryStep(facts: NextFacts): NextStep | undefined {
  if (facts.state === "adopted") return undefined;
  if (facts.state === "unreachable") {
    return {
      urgency: "person",
      mark: { state: "error", word: "not read" },
      text: `not read: ${facts.stateDetail || "its repository cannot be reached"}`,
      command: "fairlead check",
      page: pagePath.component(facts.component),
    };
  }
  return {
    urgency: "wait",
    mark: { state: "running", word: "copying" },
    text: `copying: ${facts.stateDetail || "its repository is being read for the first time"}`,
    command: `fairlead status ${shellWord(facts.component)}`,
    page: pagePath.component(facts.component),
  };
}

function heldRelease(facts: NextFacts): NextStep | undefined {
  const held =
    facts.unfinished.find((release) => release.state === "quarantined") ??
    facts.unfinished.find((release) => release.state === "failed");
  if (!held) return undefined;
  const { mark } = markOfRelease(held.state);
  return {
    urgency: "person",
    mark: { state: mark, word: `${held.version} ${held.state}` },
    text: `${held.version} ${held.state}: ${held.reason}`,
    command: `fairlead why ${shellWord(held.id)}`,
    page: pagePath.release(held.id),
    since: held.since,
  };
}

function headStep(facts: NextFacts): NextStep | undefined {
  const { required } = facts;
  const red = required.runs.find((run) => run.mark === "failure" || run.mark === "error" || run.mark === "aborted");
  if (red) {
    return {
      urgency: "person",
      mark: { state: red.mark, word: "blocked" },
      text: `blocked: ${red.job} ${endedHow(red)}; the canary stays`,
      command: red.mark === "failure" ? `fairlead logs ${red.id}` : `fairlead rerun ${red.id}`,
      page: pagePath.run(red.id),
      since: red.at,
    };
  }
  const going = required.runs.find((run) => run.mark === "running" || run.mark === "queued");
  if (going) {
    return {
      urgency: "wait",
      mark: { state: going.mark, word: "wait" },
      text: `wait: ${going.job} ${going.mark === "running" ? "runs" : "is queued"} on ${shortCommit(facts.head?.commit ?? "")}`,
      command: `fairlead logs ${going.id} -f`,
      page: pagePath.run(going.id),
      since: going.at,
    };
  }
  const missing = required.runs.find((run) => run.mark === "notrun");
  if (!missing) return undefined;
  return {
    urgency: "person",
    mark: { state: "notrun", word: "not run here" },
    text: `not run here: ${missing.job} needs ${missing.notRunNeed ?? "something"}, so the head is not green`,
    command: "fairlead doctor",
    page: pagePath.run(missing.id),
    since: missing.at,
  };
}

function releaseInFlight(facts: NextFacts): NextStep | undefined {
  const going = facts.unfinished[0];
  if (!going) return undefined;
  return {
    urgency: "wait",
    mark: { state: markOfRelease(going.state).mark, word: `${going.version} ${going.state}` },
    text: `${going.version} ${going.state}: ${going.reason}`,
    command: `fairlead releases ${shellWord(going.id)} -f`,
    page: pagePath.release(going.id),
    since: going.since,
  };
}

function changeStep(facts: NextFacts): NextStep | undefined {
  const ranked = [...facts.changes].sort((a, b) => rank(a.next) - rank(b.next) || a.number - b.number);
  const first = ranked[0];
  if (!first) return undefined;
  return { ...first.next, text: `change ${first.number}: ${first.next.text}` };
}

function rank(step: NextStep): number {
  return { ready: 0, person: 1, wait: 2, none: 3 }[step.urgency];
}

function restStep(facts: NextFacts): NextStep {
  const { head, published } = facts;
  const page = pagePath.component(facts.component);
  const push = `git push origin HEAD:refs/for/${shellWord(head?.branch ?? "main")}`;
  if (facts.kind === "internal") {
    return { urgency: "none", text: "nothing to do: internal, never tagged", command: push, page };
  }
  const released = published.find((release) => release.commit === head?.commit);
  if (released) {
    return { urgency: "none", text: `nothing to do: the head is ${released.version}`, command: push, page };
  }
  if (!facts.required.green) {
    const text = head ? `no required check ran on ${shortCommit(head.commit)} yet: propose a change` : "no branch yet";
    return { urgency: "ready", text, command: push, page };
  }
  const release = `fairlead release ${shellWord(facts.component)}`;
  const mark = { state: "success", word: "ready" } as const;
  const { nextRelease } = facts;
  if (!nextRelease) {
    const last = published[0];
    const since = last ? `the head is ahead of ${last.version}` : "nothing was released yet";
    return {
      urgency: "ready",
      mark,
      text: `ready: all required checks are green and ${since}`,
      command: release,
      page,
    };
  }
  const { version, commits, reason } = nextRelease;
  const counted = `${commits} ${commits === 1 ? "commit" : "commits"}`;
  const why = reason === `${counted} since ${nextRelease.last}` ? counted : `${counted}; ${reason}`;
  return { urgency: "ready", mark, text: `${version} ready, ${why}`, command: `${release} ${version}`, page };
}

/** `failed (TestAttach and 1 more)`, `ended in error: worker lost`. */
export function endedHow(run: RunRef): string {
  if (run.mark === "aborted") return "was aborted";
  if (run.mark === "error") return `ended in error: ${run.description}`;
  return run.failedTest === null ? `failed: ${run.description}` : `failed (${run.failedTest})`;
}

/** What blocks a change, or the command that merges it. */
export function changeNext(change: {
  readonly component: string;
  readonly number: number;
  readonly state: string;
  readonly base: string;
  readonly blockers: readonly string[];
  readonly required: CheckSummary;
}): NextStep {
  const where = `${shellWord(change.component)} ${change.number}`;
  const page = pagePath.change(change.component, change.number);
  if (change.state !== "open") {
    const text = change.state === "merged" ? "merged: nothing to do here" : `${change.state}: nothing to do here`;
    return { urgency: "none", text, command: `fairlead status ${shellWord(change.component)}`, page };
  }
  const first = change.blockers[0];
  if (first === undefined) {
    return {
      urgency: "ready",
      mark: { state: "success", word: "ready" },
      text: "ready: all required checks are green; a maintainer may merge it",
      command: `fairlead merge ${where}`,
      page,
    };
  }
  const { required } = change;
  const red = required.runs.find((run) => ["failure", "error", "aborted"].includes(run.mark));
  if (required.running > 0 && !red) {
    const going = required.runs.find((run) => run.mark === "running" || run.mark === "queued");
    return {
      urgency: "wait",
      mark: { state: "running", word: "wait" },
      text: `wait: ${first}`,
      command: going ? `fairlead logs ${going.id} -f` : undefined,
      page,
    };
  }
  const command = red ? `fairlead logs ${red.id}` : `fairlead why ${shellWord(`${change.component}#${change.number}`)}`;
  return {
    urgency: "person",
    mark: { state: red?.mark ?? "failure", word: "blocked" },
    text: `blocked: ${first}`,
    command,
    page,
  };
}
