import { basePinsIn, goFiles, goPlaceIn, readGoMod, withReplaced } from "../config/index.ts";
import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { type Component, mayMaintain, type Principal } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { newerGo, newerModule } from "../policy/index.ts";
import { findRun, insertRun } from "../runs/index.ts";
import { type FactSources, maintainersOf } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { type PinActs, pinsPurpose } from "./pins.ts";
import { proposeOnce } from "./propose.ts";
import { findComponent } from "./records.ts";
import type { SharedActs } from "./shared-acts.ts";
import { mainOf } from "./train-plan.ts";
import { goModuleFiles, goModulesRun } from "./upkeep-job.ts";
import { recordUpkeep, refusedOn, runningUpkeep, type StoredUpkeep, upkeepOf } from "./upkeep-records.ts";

/** What there is to be had now, asked of those who publish it. Faults: `unavailable`, `not-found`, `bad-input`. */
export interface Upstream {
  /** Versions of a Go module, unordered. */
  moduleVersions(module: string): Promise<Result<readonly string[]>>;
  /** Releases of Go: `1.26.5`. */
  goVersions(): Promise<Result<readonly string[]>>;
  /** What a base image means now, as a digest. */
  baseDigest(reference: string): Promise<Result<string>>;
}

export const upkeepKinds = ["shared", "pins", "go", "bases", "go-modules"] as const;
export type UpkeepKind = (typeof upkeepKinds)[number];

export interface UpkeepItem {
  readonly component: string;
  readonly kind: string;
  /** `current`, `running`, `opened`, `updated`, `unchanged`, `left`, `failed`. */
  readonly outcome: string;
  readonly detail: string;
  readonly change: number | null;
  readonly run: string | null;
  readonly at: string;
}

export interface UpkeepOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly intake: Intake;
  readonly upstream: Upstream;
  readonly sharedActs: Pick<SharedActs, "list" | "update">;
  readonly pinActs: Pick<PinActs, "update">;
  /** A file that a run left, at most `limit` bytes; `undefined`: it left none. */
  readonly artifactOf: (run: string, name: string, limit: number) => Promise<Uint8Array | undefined>;
  readonly onRuns: () => void;
  readonly onBug: (error: unknown) => void;
}

/**
 * The maintenance job: looks for outdated Go modules, pins, shared folders, base images by digest and releases of Go, and
 * opens one change for each component and kind, which it brings up to date. What was closed by a person on the same head
 * is not opened again. Faults: `not-found`, `forbidden`.
 */
export interface Upkeep {
  list(component: string | undefined): Promise<Result<readonly UpkeepItem[]>>;
  /** Looks now, as the person who asks. */
  look(component: string | undefined, by: Principal): Promise<Result<readonly UpkeepItem[]>>;
  /** A run ended: what it made becomes a change. */
  runEnded(): void;
  start(): void;
  stop(): Promise<void>;
}

/** What one look found. */
type Found = Pick<StoredUpkeep, "outcome" | "detail"> &
  Partial<Pick<StoredUpkeep, "change_number" | "run_id" | "wanted">>;

const hour = 3_600_000;
const mostModules = 200;
const largestPatch = 200 * 1024 * 1024;
const asked = { name: "fairlead", email: "fairlead@fairlead.invalid" };
/** Whose changes these are: proposed like a maintainer's, merged by people. */
const own: Principal = { user: "fairlead", role: "maintainer", components: undefined, tokenId: "maintenance" };

interface Place {
  readonly component: Component;
  readonly repository: Repository;
  readonly branch: string;
  readonly head: string;
}

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { store, clock } = options;
  let cancel = () => {};
  let stopped = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after another: two looks at once would open two changes. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = turn.then(act, act);
    turn = done.catch(() => undefined);
    return done;
  }

  async function placeOf(component: Component): Promise<Place | undefined> {
    const repository = await options.git.open(component.name);
    const branch = await mainOf(component, repository);
    const head = await repository.commitOf(`refs/heads/${branch}`);
    return head === undefined ? undefined : { component, repository, branch, head };
  }

  async function lookAt(component: Component): Promise<void> {
    for (const kind of upkeepKinds) {
      const place = await placeOf(component);
      if (!place || stopped) return;
      const found = await lookFor(kind, place);
      if (!found) continue;
      await record(place, kind, found);
    }
  }

  async function record(place: Place, kind: UpkeepKind, found: Found): Promise<void> {
    const row: StoredUpkeep = {
      component: place.component.name,
      kind,
      change_number: null,
      run_id: null,
      base_commit: place.head,
      wanted: "",
      at: clock.now(),
      ...found,
    };
    await store.transaction((trx) => recordUpkeep(store, trx, row));
  }

  /** `undefined`: the component has nothing of the kind. */
  async function lookFor(kind: UpkeepKind, place: Place): Promise<Found | undefined> {
    switch (kind) {
      case "shared":
        return await lookForShared(place);
      case "pins":
        return await lookForPins(place);
      case "go":
        return await lookForGo(place);
      case "bases":
        return await lookForBases(place);
      case "go-modules":
        return await lookForModules(place);
    }
  }

  function left(detail: string): Found {
    return { outcome: "left", detail };
  }

  async function saidNo(place: Place, purpose: string): Promise<Found | undefined> {
    const number = await refusedOn(store, place.component.name, purpose, place.head);
    return number === undefined ? undefined : left(`change ${number} was closed, and nothing was merged since`);
  }

  async function lookForShared(place: Place): Promise<Found | undefined> {
    const { name } = place.component;
    const listed = await options.sharedActs.list(name);
    const folders = listed.ok ? listed.value : [];
    if (folders.length === 0) return undefined;
    if (folders.every((folder) => folder.current)) return { outcome: "current", detail: "every copy is the newest" };
    for (const { folder } of folders) {
      const no = await saidNo(place, `shared:${folder}`);
      if (no) return no;
    }
    const updated = await options.sharedActs.update(name, forComponent(place.component));
    if (!updated.ok) return { outcome: "failed", detail: updated.error.message };
    const done = updated.value.flatMap((each) => ("number" in each ? [each] : []));
    const refused = updated.value.flatMap((each) => ("refused" in each ? [each.refused] : []));
    const first = done[0];
    if (!first) return left(refused[0] ?? "nothing to update");
    return {
      outcome: done.find((each) => each.state !== "unchanged")?.state ?? "unchanged",
      detail: done.map((each) => `${each.folder} on ${each.branch}: change ${each.number}`).join(", "),
      change_number: first.number,
    };
  }

  async function lookForPins(place: Place): Promise<Found | undefined> {
    if (place.component.kind !== "deployment") return undefined;
    const no = await saidNo(place, pinsPurpose);
    if (no) return no;
    const request = { deployment: place.component.name, component: undefined, below: undefined };
    const before = await openOf(place, pinsPurpose);
    const updated = await options.pinActs.update(request, own);
    if (!updated.ok) return { outcome: "failed", detail: updated.error.message };
    const { change, edits } = updated.value;
    if (change === undefined) return { outcome: "current", detail: "every pin is the newest release" };
    const after = await openOf(place, pinsPurpose);
    const outcome = before === undefined ? "opened" : before === after ? "unchanged" : "updated";
    const detail = edits.map((edit) => `${edit.from} → ${edit.to}`);
    return { outcome, detail: [...new Set(detail)].join(", "), change_number: change };
  }

  /** Head of the open change of the purpose. */
  async function openOf(place: Place, purpose: string): Promise<string | undefined> {
    const row = await store.db
      .selectFrom("changes")
      .select("head")
      .where("component", "=", place.component.name)
      .where("purpose", "=", purpose)
      .where("state", "=", "open")
      .executeTakeFirst();
    return row?.head;
  }

  async function lookForGo(place: Place): Promise<Found | undefined> {
    const { repository, head } = place;
    const texts = new Map<string, string>();
    let from = "";
    for (const file of goFiles) {
      const text = await repository.readFile(head, file);
      const used = text === undefined ? undefined : goPlaceIn(file, text);
      if (text !== undefined && used) texts.set(file, text);
      from ||= used?.version ?? "";
    }
    if (texts.size === 0) return undefined;
    const known = await options.upstream.goVersions();
    if (!known.ok) return { outcome: "failed", detail: known.error.message };
    const files = new Map<string, string>();
    let to = "";
    for (const [file, text] of texts) {
      const used = goPlaceIn(file, text);
      const newer = used && newerGo(used.version, known.value);
      if (!used || newer === undefined) continue;
      to = newer;
      files.set(file, withReplaced(text, [{ ...used, to: newer }]));
    }
    if (files.size === 0) return { outcome: "current", detail: `Go ${from} is the newest of its line` };
    return await proposeFiles(place, "go", files, `Build with Go ${to} instead of ${from}`, "");
  }

  async function lookForBases(place: Place): Promise<Found | undefined> {
    const { repository, head } = place;
    const names = (await repository.listFiles(head)).filter(
      (file) => /(^|\/)([^/]+\.)?Dockerfile(\.[^/]+)?$/.test(file) && !/(^|\/)vendor\//.test(file),
    );
    const files = new Map<string, string>();
    const changes: string[] = [];
    let pinned = 0;
    for (const file of names.slice(0, 50)) {
      const text = (await repository.readFile(head, file)) ?? "";
      const edits = [];
      for (const pin of basePinsIn(file, text)) {
        pinned++;
        const digest = await options.upstream.baseDigest(pin.reference);
        if (!digest.ok) return { outcome: "failed", detail: digest.error.message };
        if (digest.value === pin.digest) continue;
        edits.push({ ...pin, to: digest.value });
        changes.push(`${pin.reference} is ${digest.value.slice(0, 19)} now`);
      }
      if (edits.length > 0) files.set(file, withReplaced(text, edits));
    }
    if (pinned === 0) return undefined;
    if (files.size === 0) return { outcome: "current", detail: "every base image by digest is what its tag means" };
    const list = [...new Set(changes)];
    return await proposeFiles(
      place,
      "bases",
      files,
      "Take base images as they are now",
      list.map((each) => `- ${each}\n`).join(""),
    );
  }

  async function proposeFiles(
    place: Place,
    kind: UpkeepKind,
    files: ReadonlyMap<string, string>,
    title: string,
    body: string,
  ): Promise<Found> {
    return await proposeTree(place, kind, await place.repository.treeWith(place.head, files), title, body);
  }

  async function proposeTree(
    place: Place,
    kind: UpkeepKind,
    tree: string,
    title: string,
    body: string,
  ): Promise<Found> {
    const no = await saidNo(place, kind);
    if (no) return no;
    const { component, repository, branch, head } = place;
    const message = body === "" ? `${title}\n` : `${title}\n\n${body}`;
    const commit = await repository.commitTree({ tree, parents: [head], message, author: asked, at: clock.now() });
    const proposed = await proposeOnce({ ...options }, repository, {
      component,
      base: branch,
      head: commit,
      by: forComponent(component),
      purpose: kind,
    });
    if (!proposed.ok) return { outcome: "failed", detail: proposed.error.message };
    const { state, number } = proposed.value;
    return { outcome: state, detail: title, change_number: number };
  }

  async function lookForModules(place: Place): Promise<Found | undefined> {
    const { component, repository, branch, head } = place;
    const text = await repository.readFile(head, "go.mod");
    const module = text === undefined ? undefined : readGoMod(text);
    if (!module) return undefined;
    const [before] = (await upkeepOf(store, component.name)).filter((row) => row.kind === "go-modules");
    if (before?.outcome === "running") return undefined;
    const wanted: string[] = [];
    for (const used of module.requires.slice(0, mostModules)) {
      if (module.replaced.has(used.path)) continue;
      const known = await options.upstream.moduleVersions(used.path);
      if (!known.ok) return { outcome: "failed", detail: known.error.message };
      const newer = newerModule(used.version, known.value);
      if (newer !== undefined) wanted.push(`${used.path}@${newer}`);
    }
    if (wanted.length === 0) return { outcome: "current", detail: "every module is the newest of its path" };
    const key = JSON.stringify(wanted);
    const same = before?.base_commit === head && before.wanted === key;
    if (same && ["opened", "updated", "unchanged", "current"].includes(before.outcome))
      return { ...before, outcome: before.outcome === "current" ? "current" : "unchanged" };
    const no = await saidNo(place, "go-modules");
    if (no) return no;
    const family = options.family();
    const goproxy = family.toolchains.goproxy;
    const planned = goModulesRun({ family, component, branch, commit: head, modules: wanted, goproxy });
    const id = options.ids.uuid();
    const at = clock.now();
    const row: StoredUpkeep = {
      component: component.name,
      kind: "go-modules",
      outcome: "running",
      detail: planned.reason,
      change_number: before?.change_number ?? null,
      run_id: id,
      base_commit: head,
      wanted: key,
      at,
    };
    // Written down with the run itself: whoever finds the one finds the other.
    await store.transaction(async (trx) => {
      await store.orderAppends(trx);
      const run = {
        id,
        planned,
        eventId: "",
        configHash: family.configHash,
        releaseId: undefined,
        rerunOf: undefined,
        at,
      };
      await insertRun(store, trx, run);
      await recordUpkeep(store, trx, row);
    });
    options.onRuns();
    return undefined;
  }

  /** Runs of ours that have ended: their patch becomes the change. */
  async function harvest(): Promise<void> {
    for (const row of await runningUpkeep(store)) {
      const run = row.run_id === null ? undefined : await findRun(store, row.run_id);
      if (run && (run.state === "triggered" || run.state === "pending")) continue;
      const component = options.family().components.find((each) => each.name === row.component);
      const place = component && (await placeOf(component));
      if (!place) continue;
      const found: Found =
        run?.state === "success"
          ? await harvestOne(place, row, run.id)
          : { outcome: "failed", detail: run ? run.description : "its run is gone" };
      await record(place, "go-modules", { ...found, run_id: row.run_id, wanted: row.wanted });
    }
  }

  async function harvestOne(place: Place, row: StoredUpkeep, run: string): Promise<Found> {
    const bytes = await options.artifactOf(run, "update.patch", largestPatch);
    if (!bytes) return { outcome: "failed", detail: "its run left no patch" };
    if (bytes.length === 0) return { outcome: "current", detail: "the newer modules change nothing" };
    const patch = Buffer.from(bytes).toString("utf8");
    const tree = await place.repository.treePatched(row.base_commit, patch, goModuleFiles);
    if (!tree.ok) return { outcome: "failed", detail: tree.error.message };
    const wanted: readonly string[] = JSON.parse(row.wanted);
    const title = wanted.length === 1 ? `Update the Go module ${wanted[0]}` : `Update ${wanted.length} Go modules`;
    const at = { ...place, head: row.base_commit };
    return await proposeTree(at, "go-modules", tree.value, title, wanted.map((each) => `- ${each}\n`).join(""));
  }

  async function lookAtDue(): Promise<void> {
    await harvest();
    const every = options.family().maintenanceEveryMs;
    if (every === undefined) return;
    for (const component of options.family().components) {
      if (stopped) return;
      const row = await findComponent(store, component.name);
      if (row?.state !== "adopted") continue;
      const rows = await upkeepOf(store, component.name);
      const last = Math.max(row.adopted_at ?? 0, ...rows.map((each) => each.at));
      if (clock.now() - last >= every) await lookAt(component);
    }
  }

  function schedule(): void {
    cancel = clock.after(hour, () => {
      void inTurn(lookAtDue)
        .catch(options.onBug)
        .finally(() => {
          if (!stopped) schedule();
        });
    });
  }

  async function listed(component: string | undefined): Promise<Result<readonly UpkeepItem[]>> {
    return ok(
      (await upkeepOf(store, component)).map((row) => ({
        component: row.component,
        kind: row.kind,
        outcome: row.outcome,
        detail: row.detail,
        change: row.change_number,
        run: row.run_id,
        at: new Date(row.at).toISOString(),
      })),
    );
  }

  return {
    list: listed,
    look: async (name, by) => {
      const components = options.family().components.filter((each) => name === undefined || each.name === name);
      if (components.length === 0)
        return err(fault("not-found", `there is no component ${name}`, { hint: "fairlead status" }));
      const mine = components.filter((component) => mayMaintain(by, component));
      if (mine.length === 0)
        return err(
          fault("forbidden", `${by.user} may not open these changes`, { hint: `${maintainersOf(components[0])} may` }),
        );
      await inTurn(async () => {
        await harvest();
        for (const component of mine) await lookAt(component);
      });
      return await listed(name);
    },
    runEnded: () => void inTurn(harvest).catch(options.onBug),
    start: () => {
      void inTurn(harvest).catch(options.onBug);
      schedule();
    },
    stop: async () => {
      stopped = true;
      cancel();
      await turn;
    },
  };
}

/** The job proposes; who may merge is not asked of it. */
function forComponent(component: Component): Principal {
  return { ...own, components: [component.name] };
}
