import type { ComponentKind } from "../family/index.ts";
import type { Finding } from "./model.ts";

/** A release that is under way, held or failed. */
export interface UnfinishedTrainRelease {
  readonly id: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
}

/** What one branch of one component has that is not released. */
export interface TrainFacts {
  readonly component: string;
  readonly kind: ComponentKind;
  /** Who may act, as a sentence names them. */
  readonly who: string;
  readonly branch: string;
  readonly commit: string;
  readonly last: string | undefined;
  /** `last` was withdrawn, and why. */
  readonly lastWithdrawn: string | undefined;
  /** Commits since the last release of the line. */
  readonly commits: number;
  readonly version: string;
  /** Why this version. */
  readonly reason: string;
  readonly findings: readonly Finding[];
  /** Newest try of `version`, or of a candidate of it, that is neither published nor given up. */
  readonly unfinished: UnfinishedTrainRelease | undefined;
  /** Open changes that were marked for `version`. */
  readonly marked: readonly { readonly number: number; readonly title: string }[];
  /** Open changes to the branch that are for no release. */
  readonly openChanges: number;
  /** A deployment's pins that would change, as sentences; none where they are as they should be. */
  readonly pinChanges: readonly string[];
  /** The open change that updates them. */
  readonly pinChange: number | undefined;
  /** Components that it pins. */
  readonly pins: readonly string[];
}

/** Something that has to be done first. */
export interface TrainBlocker {
  readonly what: string;
  readonly who: string;
  /** What to type; null where no one command does it. */
  readonly command: string | null;
}

/** `ready`: may be released now; `blocked`: a person has to act; `waits`: for others of the train; `going`: under way. */
export type TrainState = "ready" | "blocked" | "waits" | "going";

export interface TrainItem {
  readonly component: string;
  readonly kind: ComponentKind;
  readonly branch: string;
  readonly commit: string;
  readonly last: string | null;
  readonly version: string;
  /** Why it needs a release, and why this version. */
  readonly why: string;
  readonly state: TrainState;
  /** Items of the train that it pins, `component@v1.0.0`: they are released first. */
  readonly after: readonly string[];
  readonly blockers: readonly TrainBlocker[];
  /** What is to be known and does not block. */
  readonly notes: readonly string[];
  /** Who acts next, and with which command. */
  readonly who: string;
  readonly command: string;
}

export interface TrainPlan {
  /** In the order of release. */
  readonly items: readonly TrainItem[];
  /** Branches with nothing to release, and why. */
  readonly rest: readonly { readonly component: string; readonly branch: string; readonly reason: string }[];
  /** Lanes that are red: what is released now was not seen to work together. */
  readonly redLanes: readonly { readonly name: string; readonly state: string; readonly run: string }[];
}

const underWay = ["requested", "building", "verifying", "publishing"];

/**
 * One branch's place in the train, or why it needs none. `planned`: the releases of the train before it, by component;
 * those of maintenance branches are among them, so that a patch of an old line may be waited for too.
 */
export function trainItem(
  facts: TrainFacts,
  planned: ReadonlyMap<string, readonly string[]>,
): TrainItem | { readonly rest: string } {
  const after = facts.pins.flatMap((name) =>
    (planned.get(name) ?? []).filter((version) => namedIn(facts.pinChanges, version)).map((each) => `${name}@${each}`),
  );
  // A tag that somebody pushed by mistake asks for no release where there is nothing to release.
  const wanted = facts.unfinished !== undefined && facts.unfinished.state !== "quarantined";
  if (facts.commits === 0 && facts.pinChanges.length === 0 && !wanted) {
    if (facts.lastWithdrawn !== undefined)
      return { rest: `${facts.last} was withdrawn and nothing came since: ${facts.lastWithdrawn}` };
    return { rest: facts.last === undefined ? "it has no commit" : `nothing came since ${facts.last}` };
  }
  const release = `fairlead release ${facts.component} ${facts.version}`;
  const blockers = blockersOf(facts, after);
  const item = {
    component: facts.component,
    kind: facts.kind,
    branch: facts.branch,
    commit: facts.commit,
    last: facts.last ?? null,
    version: facts.version,
    why: whyOf(facts),
    after,
    blockers,
    notes: notesOf(facts),
    who: facts.who,
  };
  const { unfinished } = facts;
  if (unfinished && underWay.includes(unfinished.state))
    return { ...item, state: "going", blockers: [], command: `fairlead releases ${unfinished.id} -f` };
  const first = blockers[0];
  if (first) return { ...item, state: "blocked", who: first.who, command: first.command ?? release };
  return { ...item, state: after.length > 0 ? "waits" : "ready", command: release };
}

/** Does one of the changes end at this version: `attacher v1.0.0 → v1.1.0`? */
function namedIn(changes: readonly string[], version: string): boolean {
  return changes.some((change) => change.split(/[\s,]+/).includes(version));
}

function whyOf(facts: TrainFacts): string {
  const parts = [
    ...(facts.lastWithdrawn === undefined ? [] : [`${facts.last} was withdrawn`]),
    ...(facts.commits === 0
      ? []
      : [`${facts.commits} ${facts.commits === 1 ? "commit" : "commits"} since ${facts.last ?? "the beginning"}`]),
    ...(facts.pinChanges.length === 0 ? [] : [`pins change: ${facts.pinChanges.join(", ")}`]),
  ];
  const { unfinished } = facts;
  if (parts.length === 0 && unfinished) return `${unfinished.version} is ${unfinished.state}`;
  const version = facts.reason === "" || parts.includes(facts.reason) ? "" : `${facts.version}: ${facts.reason}`;
  return [...parts, ...(version === "" ? [] : [version])].join("; ");
}

function blockersOf(facts: TrainFacts, after: readonly string[]): readonly TrainBlocker[] {
  const { component, who, unfinished } = facts;
  const all: TrainBlocker[] = [];
  if (unfinished?.state === "quarantined")
    all.push({
      what: `${unfinished.version} is held: ${unfinished.reason}`,
      who,
      command: `fairlead why ${unfinished.id}`,
    });
  if (unfinished?.state === "failed")
    all.push({
      what: `${unfinished.version} failed: ${unfinished.reason}`,
      who,
      command: `fairlead why ${unfinished.id}`,
    });
  for (const change of facts.marked)
    all.push({
      what: `change ${change.number} is meant for ${facts.version} and is not merged: ${change.title}`,
      who,
      command: `fairlead merge ${component} ${change.number}`,
    });
  if (facts.pinChanges.length > 0) {
    // What the head pins is not what would be released: its findings are looked at when the pins are there.
    if (after.length === 0) all.push(pinBlocker(facts));
    return all;
  }
  const known = unfinished?.state === "quarantined" || unfinished?.state === "failed";
  for (const finding of known ? [] : facts.findings)
    if (finding.severity === "refuse")
      all.push({
        what: `${finding.rule}: ${finding.message}`,
        who,
        command: commandIn(finding.satisfiedBy) ?? `fairlead preflight ${component} ${facts.version}`,
      });
  return all;
}

function pinBlocker(facts: TrainFacts): TrainBlocker {
  const { component, who, pinChange } = facts;
  return pinChange === undefined
    ? { what: "no change updates its pins yet", who, command: `fairlead pins ${component} --update` }
    : {
        what: `change ${pinChange} updates its pins and is not merged`,
        who,
        command: `fairlead merge ${component} ${pinChange}`,
      };
}

function notesOf(facts: TrainFacts): readonly string[] {
  const warned = facts.pinChanges.length > 0 ? [] : facts.findings.filter((finding) => finding.severity === "warn");
  const { openChanges } = facts;
  return [
    ...warned.map((finding) => `${finding.rule}: ${finding.message}`),
    ...(openChanges === 0 ? [] : [`${openChanges} open ${openChanges === 1 ? "change" : "changes"} would stay out`]),
  ];
}

/** The command that a sentence ends with. */
function commandIn(sentence: string): string | undefined {
  return /(?:^|: )((?:fairlead|git) [^;]+)$/.exec(sentence)?.[1];
}

/**
 * Components in the order of their releases: what is pinned comes before what pins it, else as they stand in the family
 * file. Those that pin each other in a circle come last, as they stand.
 */
export function trainOrder(
  components: readonly string[],
  pinsOf: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const ordered: string[] = [];
  let waiting = [...components];
  while (waiting.length > 0) {
    const free = waiting.filter((name) =>
      (pinsOf.get(name) ?? []).every((other) => other === name || !waiting.includes(other)),
    );
    if (free.length === 0) return [...ordered, ...waiting];
    ordered.push(...free);
    waiting = waiting.filter((name) => !free.includes(name));
  }
  return ordered;
}
