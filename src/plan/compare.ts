import {
  branchMatches,
  contextRequired,
  decideAutomatic,
  decideForPush,
  decideForTag,
  type Job,
} from "../jobs/index.ts";
import type { FamilyEvent } from "./model.ts";

/**
 * What a context means for a merge into a branch: `required` always, `conditional` where its paths changed, `by-hand`
 * once somebody asked for it, `optional` never, `absent` there is no such job.
 */
export type Gate = "required" | "conditional" | "by-hand" | "optional" | "absent";

export interface GateDifference {
  readonly component: string;
  readonly branch: string;
  readonly context: string;
  readonly before: Gate;
  readonly after: Gate;
  /** Something may now be merged that could not before. */
  readonly weakened: boolean;
}

export interface JobDifference {
  readonly job: string;
  readonly component: string | undefined;
  readonly what: "added" | "removed" | "changed";
  /** Members that differ, by name. */
  readonly members: readonly string[];
}

export interface ConfigurationDifference {
  /** Weakened gates first. */
  readonly gates: readonly GateDifference[];
  readonly jobs: readonly JobDifference[];
}

const strength: readonly Gate[] = ["absent", "optional", "by-hand", "conditional", "required"];

/** What another configuration would change: the gates of each component's branches, and the jobs themselves. */
export function compareJobs(
  before: readonly Job[],
  after: readonly Job[],
  branches: Readonly<Record<string, readonly string[]>>,
): ConfigurationDifference {
  const gates = Object.entries(branches).flatMap(([component, names]) =>
    names.flatMap((branch) => compareGates(component, branch, before, after)),
  );
  const order = (gate: GateDifference) => (gate.weakened ? 0 : 1);
  return { gates: [...gates].sort((a, b) => order(a) - order(b)), jobs: compareMembers(before, after) };
}

function compareGates(
  component: string,
  branch: string,
  before: readonly Job[],
  after: readonly Job[],
): readonly GateDifference[] {
  const [was, is] = [gatesOf(before, component, branch), gatesOf(after, component, branch)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((context) => {
    const [old, now] = [was.get(context) ?? "absent", is.get(context) ?? "absent"];
    if (old === now) return [];
    const weakened = strength.indexOf(now) < strength.indexOf(old) && old !== "optional";
    return [{ component, branch, context, before: old, after: now, weakened }];
  });
}

function gatesOf(jobs: readonly Job[], component: string, branch: string): ReadonlyMap<string, Gate> {
  const gates = new Map<string, Gate>();
  for (const job of jobs) {
    if (job.type !== "presubmit" || job.component !== component) continue;
    const there = branchMatches(job, branch);
    if (there.ok && !there.value) continue;
    const gate = gateOf(job);
    const known = gates.get(job.context) ?? "absent";
    if (strength.indexOf(gate) > strength.indexOf(known)) gates.set(job.context, gate);
  }
  return gates;
}

function gateOf(job: Job): Gate {
  if (!contextRequired(job)) return "optional";
  if (job.alwaysRun === true || job.runBeforeMerge) return "required";
  return job.runIfChanged === undefined && job.skipIfOnlyChanged === undefined ? "by-hand" : "conditional";
}

/** Jobs of one name may stand several times in a repository, for branches that do not overlap: compared in their order. */
function compareMembers(before: readonly Job[], after: readonly Job[]): readonly JobDifference[] {
  const [was, is] = [byKey(before), byKey(after)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((key): readonly JobDifference[] => {
    const [old, now] = [was.get(key), is.get(key)];
    const job = now ?? old;
    if (!job) return [];
    const about = { job: job.name, component: job.component };
    if (!old) return [{ ...about, what: "added", members: [] }];
    if (!now) return [{ ...about, what: "removed", members: [] }];
    const members = differingMembers(old, now);
    return members.length === 0 ? [] : [{ ...about, what: "changed", members }];
  });
}

function byKey(jobs: readonly Job[]): ReadonlyMap<string, Job> {
  const keyed = new Map<string, Job>();
  const seen = new Map<string, number>();
  for (const job of jobs) {
    const key = `${job.repository ?? ""} ${job.type} ${job.name}`;
    const index = seen.get(key) ?? 0;
    seen.set(key, index + 1);
    keyed.set(`${key} ${index}`, job);
  }
  return keyed;
}

/** Where a job stands in its file is no difference. */
function differingMembers(old: Job, now: Job): readonly string[] {
  const after = new Map<string, unknown>(Object.entries(now));
  return Object.entries(old)
    .filter(([name, value]) => name !== "origin" && JSON.stringify(value) !== JSON.stringify(after.get(name)))
    .map(([name]) => name);
}

export interface DecisionDifference {
  readonly job: string;
  readonly before: string;
  readonly after: string;
  /** A job that ran does not run any more. */
  readonly weakened: boolean;
}

/** What else would be decided about one event, job by job; jobs that no longer run first. */
export function compareDecisions(
  event: FamilyEvent,
  before: readonly Job[],
  after: readonly Job[],
): readonly DecisionDifference[] {
  const [was, is] = [decisions(event, before), decisions(event, after)];
  const none = { run: false, reason: "there is no such job" };
  const differences = [...new Set([...was.keys(), ...is.keys()])].flatMap((job): readonly DecisionDifference[] => {
    const [old, now] = [was.get(job) ?? none, is.get(job) ?? none];
    if (old.run === now.run && old.reason === now.reason) return [];
    return [{ job, before: said(old), after: said(now), weakened: old.run && !now.run }];
  });
  return [...differences].sort((a, b) => Number(b.weakened) - Number(a.weakened));
}

type Said = { readonly run: boolean; readonly reason: string };

function decisions(event: FamilyEvent, jobs: readonly Job[]): ReadonlyMap<string, Said> {
  const mine = jobs.filter((job) => job.component === event.component);
  return new Map(
    mine.flatMap((job): readonly (readonly [string, Said])[] => {
      switch (event.kind) {
        case "change":
        case "comment":
          return [[job.name, decideAutomatic(job, { branch: event.change.base, files: event.files })]];
        case "push": {
          const branch = event.ref.replace(/^refs\/heads\//, "");
          return [[job.name, decideForPush(job, { branch, files: event.files }, `${branch} moved`)]];
        }
        case "tag": {
          const tag = event.ref.replace(/^refs\/tags\//, "");
          return [[job.name, decideForTag(job, tag, `the tag ${tag} passed preflight`)]];
        }
        default:
          return [];
      }
    }),
  );
}

function said({ run, reason }: Said): string {
  return `${run ? "run" : "skip"}: ${reason}`;
}
