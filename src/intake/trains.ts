import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import {
  type Component,
  compareVersions,
  mayMaintain,
  type Principal,
  parseVersionTag,
  type ReleaseState,
} from "../family/index.ts";
import { endedStops, mayLeave, type TrainStop, type TrainStopState } from "../policy/index.ts";
import { releasesOf } from "../release/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import { type PinActs, pinsPurpose } from "./pins.ts";
import { findChange, openChanges } from "./records.ts";
import type { ReleaseActs } from "./release-acts.ts";
import { checkTrain } from "./train-check.ts";
import { pinsNow } from "./train-plan.ts";
import {
  endTrain,
  findTrain,
  goingTrains,
  insertTrain,
  moveStop,
  type StoredStop,
  type StoredTrain,
  stopOf,
  stopsOf,
  tokenHolds,
} from "./train-records.ts";

/** What `release --train FILE` asks for, in order. */
export interface TrainRequest {
  readonly releases: readonly {
    readonly component: string;
    readonly version: string;
    /** A full commit id; `undefined`: the head of its branch when its turn comes. */
    readonly commit?: string | undefined;
    /** Components of the train that are published first; `undefined`: those that it pins. */
    readonly after?: readonly string[] | undefined;
  }[];
}

export interface StartedTrain {
  readonly id: string;
  /** False: the same train goes already. */
  readonly started: boolean;
}

export interface TrainsOptions extends FactSources {
  readonly clock: Clock;
  readonly releaseActs: Pick<ReleaseActs, "preflight" | "request">;
  readonly pinActs: Pick<PinActs, "update">;
  readonly onBug: (error: unknown) => void;
}

/** Several releases at one go. Faults: `bad-input` (facts: problems), `not-found`, `forbidden`, `conflict`. */
export interface Trains {
  start(request: TrainRequest, by: Principal): Promise<Result<StartedTrain>>;
  /** Begins no further release; what was begun goes on by itself. */
  stop(id: string, reason: string, by: Principal): Promise<Result<{ readonly id: string }>>;
  /** Goes on with trains of an earlier process. */
  begin(): void;
  close(): Promise<void>;
}

const everyMs = 1000;
const going = ["requested", "building", "verifying", "publishing", "quarantined"];

/**
 * Trains are records: each stop is written down before its tag is made, and what was done is looked for before it is done
 * again, so that a server that died goes on where it was. A stop that fails holds back only those that pin it.
 */
export function createTrains(options: TrainsOptions): Trains {
  const { store, clock } = options;
  let cancel = () => {};
  let closed = false;
  let turn: Promise<void> | undefined;

  function componentOf(name: string): Component | undefined {
    return options.family().components.find((component) => component.name === name);
  }

  /** One look at everything that goes; then again a second later while something does. */
  function look(): void {
    cancel();
    if (closed || turn) return;
    turn = lookOnce()
      .catch(options.onBug)
      .then(async () => {
        turn = undefined;
        if (!closed && (await goingTrains(store)).length > 0) cancel = clock.after(everyMs, look);
      })
      .catch(options.onBug);
  }

  async function lookOnce(): Promise<void> {
    for (const train of await goingTrains(store)) {
      for (const place of (await stopsOf(store, train.id)).map((stop) => stop.place)) {
        if (closed) return;
        const stops = await stopsOf(store, train.id);
        const stop = stops.find((each) => each.place === place);
        if (stop && !endedStops.includes(stop.state)) await goOn(train, stop, stops.map(stopOf));
      }
      const stops = await stopsOf(store, train.id);
      if (stops.every((stop) => endedStops.includes(stop.state)))
        await endTrain(store, train.id, "ended", summed(stops), clock.now());
    }
  }

  async function goOn(train: StoredTrain, stop: StoredStop, stops: readonly TrainStop[]): Promise<void> {
    const by: Principal = JSON.parse(train.actor);
    const rest = (change: Parameters<typeof moveStop>[2]) => moveStop(store, stop, change, clock.now());
    const row = (await releasesOf(store, stop.component)).find((each) => each.version === stop.version);
    if (row && (stop.state === "releasing" || row.state === "published" || going.includes(row.state))) {
      const reason = row.state === "quarantined" ? `held: ${row.reason}; fairlead approve ${row.id}` : row.reason;
      return await rest({ state: stateAt(row.state), reason, release_id: row.id });
    }
    const leave = mayLeave(stopOf(stop), stops);
    if (!leave.go) return await rest({ state: leave.state, reason: leave.reason });
    const component = componentOf(stop.component);
    if (!component) return await rest({ state: "failed", reason: `${stop.component} is no component any more` });
    if (!(await tokenHolds(store, by.tokenId, clock.now())) || !mayMaintain(by, component))
      return await rest({ state: "failed", reason: `${by.user}, who started the train, may not release it any more` });
    const pins = await pinsAreThere(component, stop, stops, by);
    if (pins) return await rest(pins);
    const commit = stop.commit_id ?? undefined;
    const checked = await options.releaseActs.preflight(stop.component, stop.version, commit, by);
    if (!checked.ok) return await rest({ state: "failed", reason: checked.error.message });
    if (checked.value.verdict === "refuse") {
      if (await beingTested(stop.component, checked.value.commit))
        return await rest({ state: "checks", reason: `its checks run on ${checked.value.commit.slice(0, 7)}` });
      const first = checked.value.findings.find((finding) => finding.severity === "refuse");
      return await rest({
        state: "failed",
        reason: `${first?.message ?? "preflight refuses it"}; ${first?.satisfiedBy ?? ""}`,
      });
    }
    await rest({ state: "releasing", reason: "its tag is being made" });
    const asked = await options.releaseActs.request(stop.component, stop.version, checked.value.commit, by);
    await moveStop(
      store,
      { ...stop, state: "releasing", reason: "its tag is being made" },
      asked.ok
        ? { state: "releasing", reason: "its tag was made", release_id: asked.value.id }
        : { state: "failed", reason: asked.error.message },
      clock.now(),
    );
  }

  /** Where a deployment still pins older releases: its change, which a person merges. `undefined`: nothing is lacking. */
  async function pinsAreThere(
    component: Component,
    stop: StoredStop,
    stops: readonly TrainStop[],
    by: Principal,
  ): Promise<Parameters<typeof moveStop>[2] | undefined> {
    if (component.kind !== "deployment") return undefined;
    const pins = (await pinsNow(options, component)) ?? [];
    const { after } = stopOf(stop);
    const behind = stops
      .filter((each) => after.includes(`${each.component}@${each.version}`))
      .filter((each) => pins.some((pin) => pin.owner === each.component && isOlder(pin.tag, each.version)));
    if (behind.length === 0) return undefined;
    const merge = (number: number) => `change ${number} updates its pins: fairlead merge ${component.name} ${number}`;
    const recorded =
      stop.change_number === null ? undefined : await findChange(store, component.name, stop.change_number);
    if (recorded?.state === "open")
      return { state: "pins", reason: merge(recorded.number), change_number: recorded.number };
    if (recorded?.state === "closed")
      return { state: "failed", reason: `change ${recorded.number}, which updated its pins, was closed` };
    const open = (await openChanges(store, component.name)).find((change) => change.purpose === pinsPurpose);
    if (open && stop.state === "pins") return { state: "pins", reason: merge(open.number), change_number: open.number };
    const request = { deployment: component.name, component: undefined, below: undefined };
    const updated = await options.pinActs.update(request, by);
    if (!updated.ok) return { state: "failed", reason: updated.error.message };
    const { change, kept } = updated.value;
    if (change !== undefined) return { state: "pins", reason: merge(change), change_number: change };
    const names = behind.map((each) => each.component).join(", ");
    return { state: "pins", reason: `its pins of ${names} are behind and stay: ${kept[0]?.reason ?? "edit them"}` };
  }

  async function beingTested(component: string, commit: string): Promise<boolean> {
    const run = await store.db
      .selectFrom("runs")
      .select("id")
      .where("component", "=", component)
      .where("head", "=", commit)
      .where("state", "in", ["triggered", "pending"])
      .executeTakeFirst();
    return run !== undefined;
  }

  async function start(request: TrainRequest, by: Principal): Promise<Result<StartedTrain>> {
    const pinned = new Map<string, readonly string[]>();
    for (const { component: name } of request.releases) {
      const component = componentOf(name);
      if (component?.kind !== "deployment") continue;
      const pins = (await pinsNow(options, component)) ?? [];
      pinned.set(name, [...new Set(pins.flatMap((pin) => (pin.owner === undefined ? [] : [pin.owner])))]);
    }
    const checked = checkTrain(request, options.family().components, pinned);
    if (!checked.ok) return checked;
    for (const { component: name } of checked.value) {
      const component = componentOf(name);
      if (!component || !mayMaintain(by, component))
        return err(
          fault("forbidden", `${by.user} may not release ${name}`, { hint: `${maintainersOf(component)} may` }),
        );
    }
    for (const train of await goingTrains(store)) {
      const stops = await stopsOf(store, train.id);
      const ids = new Set(stops.map((stop) => `${stop.component}@${stop.version}`));
      const mine = checked.value.map((stop) => `${stop.component}@${stop.version}`);
      if (mine.length === ids.size && mine.every((id) => ids.has(id))) return ok({ id: train.id, started: false });
      const both = mine.find((id) => ids.has(id));
      if (both !== undefined)
        return err(fault("conflict", `${both} is in train ${train.id}, which goes`, { hint: "fairlead train" }));
    }
    const configHash = options.family().configHash;
    const id = await store.transaction((trx) =>
      insertTrain(store, trx, { by, stops: checked.value, configHash, at: clock.now() }),
    );
    look();
    return ok({ id, started: true });
  }

  return {
    start,
    stop: async (id, reason, by) => {
      const train = await findTrain(store, id);
      if (!train) return err(fault("not-found", `there is no train ${id}`, { hint: "fairlead train" }));
      const stops = await stopsOf(store, id);
      const starter: Principal = JSON.parse(train.actor);
      const mine = stops.every((stop) => {
        const component = componentOf(stop.component);
        return component !== undefined && mayMaintain(by, component);
      });
      if (!mine && starter.user !== by.user)
        return err(
          fault("forbidden", `${by.user} may not stop ${id}`, { hint: `${starter.user} or an administrator may` }),
        );
      if (train.state !== "going") return err(fault("refused", `${id} does not go any more`));
      await endTrain(store, id, "stopped", `${by.user}: ${reason}`, clock.now());
      for (const stop of await stopsOf(store, id)) {
        if (endedStops.includes(stop.state) || stop.state === "releasing") continue;
        await moveStop(store, stop, { state: "stopped", reason: `${by.user}: ${reason}` }, clock.now());
      }
      return ok({ id });
    },
    begin: look,
    close: async () => {
      closed = true;
      cancel();
      await turn;
    },
  };
}

/** Where a stop stands whose release stands there. */
function stateAt(release: ReleaseState): TrainStopState {
  switch (release) {
    case "published":
      return "published";
    case "failed":
    case "closed":
    case "withdrawn":
      return "failed";
    default:
      return "releasing";
  }
}

function isOlder(tag: string | undefined, than: string): boolean {
  const [pinned, wanted] = [parseVersionTag(tag ?? ""), parseVersionTag(than)];
  if (!wanted.ok) return false;
  return !pinned.ok || compareVersions(pinned.value, wanted.value) < 0;
}

function summed(stops: readonly StoredStop[]): string {
  const counts = new Map<string, number>();
  for (const { state } of stops) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
}
