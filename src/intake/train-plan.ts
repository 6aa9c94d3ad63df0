import type { Clock } from "../core/index.ts";
import { type Component, lineOfBranch } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { familyHistory, pinnedAt } from "../history/index.ts";
import {
  betterPin,
  type Finding,
  type PlacedPin,
  releaseOfPin,
  type TrainFacts,
  type TrainItem,
  type TrainPlan,
  trainItem,
  trainOrder,
  type UnfinishedTrainRelease,
} from "../policy/index.ts";
import { releasesOf, type StoredRelease } from "../release/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { nextVersions } from "./next-versions.ts";
import { pinsPurpose } from "./pins.ts";
import { preflightOf } from "./preflight-of.ts";
import { findComponent, openChanges, type StoredChange } from "./records.ts";
import { releasedVersions } from "./released-versions.ts";

export interface TrainSources extends FactSources {
  readonly clock: Clock;
  readonly intake: Pick<Intake, "dryRun">;
}

/** Freezes end by the clock. */
const longestKeptMs = 60_000;

/** What all components are asked about once. */
interface Knowledge {
  readonly pinsOf: ReadonlyMap<string, readonly PlacedPin[]>;
  readonly released: ReturnType<typeof releasedVersions>;
  /** Releases of the train so far, by component. */
  readonly planned: Map<string, readonly string[]>;
}

/** The plan as of now; asked again while nothing happened, it is not made again. */
export function createTrainPlanner(sources: TrainSources): () => Promise<TrainPlan> {
  let made: { readonly key: string; readonly at: number; readonly plan: Promise<TrainPlan> } | undefined;
  return async () => {
    const now = sources.clock.now();
    const row = await sources.store.db
      .selectFrom("feed")
      .select((eb) => eb.fn.max("seq").as("seq"))
      .executeTakeFirst();
    const key = `${row?.seq ?? 0} ${sources.family().configHash}`;
    if (!made || made.key !== key || now - made.at > longestKeptMs) {
      const plan = trainPlan(sources);
      made = { key, at: now, plan };
      plan.catch(() => {
        made = undefined;
      });
    }
    return await made.plan;
  };
}

/** What would be released from a component's default branch now. */
export interface NextRelease {
  readonly version: string;
  readonly commits: number;
  readonly last: string | undefined;
  readonly reason: string;
}

/** Looked at again only when something was decided about the component, or its configuration changed. */
export function createNextReleases(sources: FactSources & { readonly clock: Clock }) {
  const known = new Map<string, { readonly key: string; readonly next: Promise<NextRelease | undefined> }>();

  async function look(component: Component): Promise<NextRelease | undefined> {
    const repository = await sources.git.open(component.name);
    const branch = await mainOf(component, repository);
    const head = await repository.commitOf(`refs/heads/${branch}`);
    if (head === undefined) return undefined;
    const next = await nextVersions(sources, component, repository, branch, head, sources.clock.now());
    const [final] = next.versions;
    return final && { version: final.version, commits: next.commits, last: next.last, reason: final.reason };
  }

  return async (name: string): Promise<NextRelease | undefined> => {
    const component = sources.family().components.find((each) => each.name === name);
    if (!component || component.kind === "internal") return undefined;
    const row = await findComponent(sources.store, name);
    const minute = Math.floor(sources.clock.now() / longestKeptMs);
    const key = `${row?.facts_version ?? 0} ${sources.family().configHash} ${minute}`;
    const before = known.get(name);
    if (before?.key === key) return await before.next;
    const next = look(component);
    known.set(name, { key, next });
    next.catch(() => known.delete(name));
    return await next;
  };
}

/**
 * Which components need a release, in what order and version, and what is in the way: from pins, open changes, unreleased
 * commits, lanes and freezes as they are now. Nothing is changed.
 */
async function trainPlan(sources: TrainSources): Promise<TrainPlan> {
  const components = sources.family().components.filter((component) => component.kind !== "internal");
  const pinsOf = new Map<string, readonly PlacedPin[]>();
  for (const component of components) {
    if (component.kind !== "deployment") continue;
    const pins = await pinsNow(sources, component);
    if (pins) pinsOf.set(component.name, pins);
  }
  const knowledge: Knowledge = { pinsOf, released: releasedVersions(sources), planned: new Map() };
  const owners = new Map([...pinsOf].map(([name, pins]) => [name, ownersIn(pins, name)]));
  const items: TrainItem[] = [];
  const rest: { component: string; branch: string; reason: string }[] = [];
  for (const name of trainOrder(
    components.map((component) => component.name),
    owners,
  )) {
    const component = components.find((each) => each.name === name);
    if (!component) continue;
    for (const facts of await factsOf(sources, component, knowledge)) {
      const item = trainItem(facts, knowledge.planned);
      if ("rest" in item) rest.push({ component: name, branch: facts.branch, reason: item.rest });
      else {
        items.push(item);
        knowledge.planned.set(name, [...(knowledge.planned.get(name) ?? []), item.version]);
      }
    }
  }
  return { items, rest, redLanes: await redLanes(sources) };
}

/** The pins of a deployment's head as a train of these releases would have them; `undefined`: they cannot be read. */
export async function pinsNow(sources: FactSources, component: Component): Promise<readonly PlacedPin[] | undefined> {
  const repository = await sources.git.open(component.name);
  const head = await repository.commitOf(`refs/heads/${await mainOf(component, repository)}`);
  if (head === undefined) return undefined;
  const open = async (other: Component) => await sources.git.open(other.name);
  const pins = await pinnedAt(familyHistory({ family: sources.family(), open }, component, repository), head);
  return "unknown" in pins ? undefined : pins.value;
}

async function factsOf(
  sources: TrainSources,
  component: Component,
  knowledge: Knowledge,
): Promise<readonly TrainFacts[]> {
  const repository = await sources.git.open(component.name);
  const main = await mainOf(component, repository);
  const lines = (await repository.refs())
    .flatMap((ref) => (ref.name.startsWith("refs/heads/") ? [ref.name.slice("refs/heads/".length)] : []))
    .filter((branch) => lineOfBranch(branch) !== undefined)
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .slice(0, component.supportedLines);
  const rows = await releasesOf(sources.store, component.name);
  const changes = await openChanges(sources.store, component.name);
  const found: TrainFacts[] = [];
  for (const branch of [main, ...lines]) {
    const head = await repository.commitOf(`refs/heads/${branch}`);
    if (head === undefined) continue;
    const facts = await factsOfBranch(sources, component, repository, knowledge, { branch, head, main, rows, changes });
    if (facts) found.push(facts);
  }
  return found;
}

async function factsOfBranch(
  sources: TrainSources,
  component: Component,
  repository: Repository,
  knowledge: Knowledge,
  at: {
    readonly branch: string;
    readonly head: string;
    readonly main: string;
    readonly rows: readonly StoredRelease[];
    readonly changes: readonly StoredChange[];
  },
): Promise<TrainFacts | undefined> {
  const { branch, head, main, rows, changes } = at;
  const pins = branch === main ? knowledge.pinsOf.get(component.name) : undefined;
  const edited = pins && (await editedPins(pins, component.name, knowledge));
  const next = await nextVersions(sources, component, repository, branch, head, sources.clock.now(), edited?.pins);
  const [final] = next.versions;
  if (!final) return undefined;
  // A maintenance branch that was just cut, or whose X.Y.0 is not released, has nothing of its own to release.
  if (branch !== main && next.last === undefined) return undefined;
  const row = rows.find((each) => each.version === final.version);
  const unfinished: UnfinishedTrainRelease | undefined =
    row && ["requested", "quarantined", "building", "verifying", "publishing", "failed"].includes(row.state)
      ? { id: row.id, version: row.version, state: row.state, reason: row.reason }
      : undefined;
  const needed = next.commits > 0 || (edited?.changes.length ?? 0) > 0 || unfinished !== undefined;
  const withdrawn = rows.find((each) => each.version === next.last && each.state === "withdrawn");
  const onBranch = changes.filter((change) => change.base === branch);
  const pinChange = onBranch.find((change) => change.purpose === pinsPurpose);
  return {
    component: component.name,
    kind: component.kind,
    who: maintainersOf(component),
    branch,
    commit: head,
    last: next.last,
    lastWithdrawn: withdrawn && (withdrawn.withdrawn_reason ?? ""),
    commits: next.commits,
    version: final.version,
    reason: final.reason,
    findings: needed ? await findingsOn(sources, component.name, final.version, head) : [],
    unfinished,
    marked: onBranch.flatMap((change) =>
      change.for_release === final.version ? [{ number: change.number, title: change.title }] : [],
    ),
    openChanges: onBranch.filter((change) => change.for_release !== final.version && change !== pinChange).length,
    pinChanges: edited?.changes ?? [],
    pinChange: pinChange?.number,
    pins: pins ? ownersIn(pins, component.name) : [],
  };
}

/** Pins as they would be after the releases of the train, and what changes, one sentence an image. */
async function editedPins(
  pins: readonly PlacedPin[],
  self: string,
  knowledge: Knowledge,
): Promise<{ readonly pins: readonly PlacedPin[]; readonly changes: readonly string[] }> {
  const changes = new Set<string>();
  const edited: PlacedPin[] = [];
  for (const pin of pins) {
    const to = pin.owner === undefined || pin.owner === self ? undefined : await targetOf(pin, pin.owner, knowledge);
    edited.push(to === undefined ? pin : { ...pin, tag: to.to, digest: undefined });
    if (to !== undefined) changes.add(`${pin.name} ${to.from} → ${to.to}`);
  }
  return { pins: edited, changes: [...changes].sort() };
}

async function targetOf(pin: PlacedPin, owner: string, knowledge: Knowledge) {
  const released = await knowledge.released(owner);
  const pinned = releaseOfPin(pin, released);
  const planned = (knowledge.planned.get(owner) ?? []).map((tag) => ({ tag, at: 0, digests: {} }));
  const better = betterPin(pinned, [...released, ...planned]);
  return better && { from: pinned ?? pin.digest ?? "nothing", to: better.tag };
}

/** Who tags is not known yet, so that is no finding. A version that cannot be judged has none. */
async function findingsOn(
  sources: TrainSources,
  component: string,
  version: string,
  commit: string,
): Promise<readonly Finding[]> {
  const answer = await preflightOf(sources, component, version, commit, undefined);
  return answer.ok ? answer.value.findings : [];
}

async function redLanes(sources: TrainSources): Promise<TrainPlan["redLanes"]> {
  const lanes = sources.periodics().filter((job) => /-(stable|canary-[a-z0-9.-]+)$/.test(job.name));
  const red: { name: string; state: string; run: string }[] = [];
  for (const lane of lanes) {
    const row = await sources.store.db
      .selectFrom("runs")
      .select(["id", "state"])
      .where("job", "=", lane.name)
      .where("finished_at", "is not", null)
      .orderBy("created_at", "desc")
      .limit(1)
      .executeTakeFirst();
    if (row && row.state !== "success") red.push({ name: lane.name, state: row.state, run: row.id });
  }
  return red;
}

function ownersIn(pins: readonly PlacedPin[], self: string): readonly string[] {
  const owners = pins.flatMap((pin) => (pin.owner === undefined || pin.owner === self ? [] : [pin.owner]));
  return [...new Set(owners)].sort();
}

export async function mainOf(component: Component, repository: Repository): Promise<string> {
  return component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
}
