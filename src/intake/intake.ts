import { type Clock, createSerial, type Ids } from "../core/index.ts";
import type { Journal } from "../journal/index.ts";
import { decide, type Effect, type FamilyEvent, type Plan, reconcileRefs } from "../plan/index.ts";
import { advance, insertRelease } from "../release/index.ts";
import { insertRun, requestAbort } from "../runs/index.ts";
import { appendFeed, type Trx } from "../store/index.ts";
import { completeEvent, type FactSources, gatherFacts } from "./facts.ts";
import { insertReleaseLane } from "./lane-facts.ts";
import {
  allComponents,
  closeEvent,
  componentsWithEvents,
  eventBodyOf,
  findComponent,
  insertEvent,
  knownRefs,
  pusherOf,
  type StoredEvent,
  undecidedEvents,
} from "./records.ts";

export interface IntakeOptions extends FactSources {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly journal: Journal;
  /** A release tag that a registry holds without our record: image references, empty when there is none. */
  readonly foreignTags: (component: string, version: string, commit: string) => Promise<readonly string[]>;
  /** Runs were queued or aborts asked for. */
  readonly onRuns: () => void;
  readonly onBug: (error: unknown) => void;
}

/** Trees larger than this are not compared; checking them out ends with a message of its own. */
const mostFiles = 500_000;

/** What was decided about one event. */
export interface Decided {
  readonly eventId: string;
  readonly plan: Plan;
  /** The release row made, where there is one. */
  readonly releaseId: string | undefined;
  readonly runIds: readonly string[];
}

/**
 * Events come in, decisions go out, in order for each component. One transaction stores the decisions, what they start
 * and "event done"; it compares the component's fact version, and a decision on old facts is made again.
 */
export interface Intake {
  /** Turns differences between the repository's refs and what was last seen into events, and decides them. */
  reconcile(component: string): Promise<readonly Decided[]>;
  /** Stores an event with `store`'s other rows in one transaction, then decides. */
  submit(component: string, prepare: (trx: Trx) => Promise<StoredEvent | undefined>): Promise<readonly Decided[]>;
  /** Decides whatever is undecided. */
  settle(component: string): Promise<readonly Decided[]>;
  /** At start: every component's refs and every undecided event. */
  recover(): Promise<void>;
  /** What the event would cause, without doing it. */
  dryRun(event: FamilyEvent): Promise<Plan>;
}

export function createIntake(options: IntakeOptions): Intake {
  const { store, clock, ids } = options;
  const serial = createSerial();

  function settle(component: string): Promise<readonly Decided[]> {
    return serial(component, () => settleNow(component));
  }

  async function settleNow(component: string): Promise<readonly Decided[]> {
    const all: Decided[] = [];
    for (;;) {
      const rows = await undecidedEvents(store, component);
      if (rows.length === 0) break;
      for (const row of rows) {
        const decided = await decideOne(row);
        if (decided) all.push(decided);
      }
    }
    if (all.length > 0) {
      options.journal.poke();
      options.onRuns();
    }
    return all;
  }

  async function decideOne(row: {
    seq: number;
    id: string;
    component: string | null;
    body: string;
  }): Promise<Decided | undefined> {
    for (;;) {
      const version = row.component === null ? 0 : ((await findComponent(store, row.component))?.facts_version ?? 0);
      const event = await completeEvent(options, eventBodyOf(row));
      if (!event) {
        await store.transaction((trx) => closeEvent(trx, row, version, clock.now()));
        return undefined;
      }
      const plan = await planFor(event);
      const stored = await storeDecision(row, version, plan);
      if (stored !== "stale") return stored;
    }
  }

  async function planFor(event: FamilyEvent): Promise<Plan> {
    const facts = await gatherFacts(options, event);
    const plan = decide(event, facts);
    const release = plan.effects.find((effect) => effect.kind === "release");
    if (!release) return plan;
    // Design 2.3: before anything is built.
    const foreign = await options.foreignTags(event.component ?? "", release.version, release.commit);
    return decide(event, { ...facts, foreignTags: { value: foreign } });
  }

  async function storeDecision(
    row: { seq: number; id: string; component: string | null },
    version: number,
    plan: Plan,
  ): Promise<Decided | undefined | "stale"> {
    const stale = Symbol("stale");
    try {
      return await store.transaction(async (trx) => {
        await store.orderAppends(trx);
        if (!(await closeEvent(trx, row, version, clock.now()))) throw stale;
        return await applyPlan(trx, row.id, plan);
      });
    } catch (error) {
      if (error !== stale) throw error;
      const open = await store.db
        .selectFrom("events")
        .select("seq")
        .where("seq", "=", row.seq)
        .where("state", "=", "new")
        .executeTakeFirst();
      return open ? "stale" : undefined;
    }
  }

  async function applyPlan(trx: Trx, eventId: string, plan: Plan): Promise<Decided> {
    const at = clock.now();
    const component = plan.event.component ?? "";
    const configHash = options.family().configHash;
    const commit = commitOf(plan.event);
    const runIds = plan.runs.map(() => ids.uuid());
    const releaseRun = plan.runs.findIndex((run) => run.tier === "release");
    const releaseId = await applyReleases(trx, plan, runIds[releaseRun], at);
    for (const [index, planned] of plan.runs.entries()) {
      const id = runIds[index] ?? "";
      const forRelease = planned.tier === "release" ? releaseId : undefined;
      await insertRun(store, trx, { id, planned, eventId, configHash, releaseId: forRelease, rerunOf: undefined, at });
      if (planned.judges !== undefined)
        await insertReleaseLane(trx, { release: planned.judges, run: id, job: planned.job.name, at });
    }
    for (const effect of plan.effects) await applyEffect(trx, plan, effect, at);
    const subject = subjectOf(plan.event);
    const entries = [
      ...plan.runs.map((run, index) => ({
        kind: "run",
        subject: runIds[index] ?? "",
        reason: `${run.job.name}: ${run.reason}`,
        body: { about: subject, rule: run.rule },
      })),
      ...plan.skipped.map((skip) => ({
        kind: "skip",
        subject,
        reason: `${skip.job}: ${skip.reason}`,
        body: { rule: skip.rule },
      })),
      ...plan.effects.map((effect) => ({
        kind: effect.kind,
        subject: effectSubject(effect, subject, releaseId, component),
        reason: effect.reason,
        body: { ...effect, about: subject },
      })),
    ];
    if (entries.length > 0) {
      await trx
        .insertInto("decisions")
        .values(
          entries.map((entry) => ({
            event_id: eventId,
            component,
            kind: entry.kind,
            subject: entry.subject,
            commit_id: commit ?? null,
            reason: entry.reason,
            body: JSON.stringify(entry.body),
            config_hash: configHash,
            at,
          })),
        )
        .execute();
    }
    return { eventId, plan, releaseId, runIds };
  }

  async function applyReleases(
    trx: Trx,
    plan: Plan,
    runId: string | undefined,
    at: number,
  ): Promise<string | undefined> {
    for (const effect of plan.effects) {
      if (effect.kind !== "release" && effect.kind !== "quarantine") continue;
      return await insertRelease(store, trx, {
        component: plan.event.component ?? "",
        version: effect.version,
        tagObject: effect.tagObject,
        commit: effect.commit,
        state: effect.kind === "release" ? "building" : "quarantined",
        prerelease: effect.kind === "release" && effect.prerelease,
        findings: effect.findings,
        unchecked: effect.unchecked,
        configHash: options.family().configHash,
        reason: effect.reason,
        requestedBy: plan.event.actor?.user ?? "unknown",
        runId: effect.kind === "release" ? runId : undefined,
        at,
      });
    }
    return undefined;
  }

  async function applyEffect(trx: Trx, plan: Plan, effect: Effect, at: number): Promise<void> {
    const component = plan.event.component ?? "";
    switch (effect.kind) {
      case "abort":
        return await requestAbort(store, trx, ids, at, effect.runId, effect.reason);
      case "canary": {
        const body = { component, runId: effect.runId, commit: effect.commit, tag: effect.tag, images: effect.images };
        await options.journal.write(trx, { kind: "publish-canary", subject: `canary:${component}`, body });
        return;
      }
      case "release-step":
        return await applyReleaseStep(trx, effect, at);
      case "change":
        await trx
          .updateTable("changes")
          .set({ state: effect.state, updated_at: at })
          .where("component", "=", component)
          .where("number", "=", effect.change)
          .where("state", "=", "open")
          .execute();
        return await appendFeed(store, trx, [
          { at, topic: "change", component, subject: `${component}#${effect.change}`, state: effect.state },
        ]);
      case "alarm":
        return await appendFeed(store, trx, [
          { at, topic: "component", component, subject: component, state: "alarm" },
        ]);
      default:
        // Kept as decisions: statuses and comments of the local forge are read from there and from the runs.
        return;
    }
  }

  async function applyReleaseStep(
    trx: Trx,
    effect: Extract<Effect, { kind: "release-step" }>,
    at: number,
  ): Promise<void> {
    if (effect.step === "verify") {
      const moved = await advance(store, trx, effect.releaseId, "verifying", effect.reason, at);
      if (!moved) return;
      await trx
        .updateTable("releases")
        .set({ run_id: effect.runId ?? null })
        .where("id", "=", effect.releaseId)
        .execute();
      await options.journal.write(trx, {
        kind: "verify-release",
        subject: effect.releaseId,
        body: { releaseId: effect.releaseId },
      });
      return;
    }
    await advance(store, trx, effect.releaseId, effect.step === "fail" ? "failed" : "closed", effect.reason, at);
  }

  async function reconcileNow(component: string): Promise<readonly Decided[]> {
    const row = await findComponent(store, component);
    if (!row || row.state !== "adopted") return [];
    const repository = await options.git.open(component);
    const seen = (await repository.refs()).filter(
      (ref) => ref.name.startsWith("refs/heads/") || ref.name.startsWith("refs/tags/"),
    );
    const differences = reconcileRefs(await knownRefs(store, component), seen);
    if (differences.length === 0) return await settleNow(component);
    const at = clock.now();
    const events: StoredEvent[] = [];
    for (const difference of differences) {
      const actorText = await pusherOf(store, component, difference.ref, difference.after);
      const actor = actorText === undefined ? undefined : JSON.parse(actorText);
      const isBranch = difference.ref.startsWith("refs/heads/");
      const base = { component, ref: difference.ref, before: difference.before, after: difference.after, at, actor };
      if (!isBranch) events.push({ kind: "tag", ...base });
      else
        events.push({ kind: "push", ...base, files: await filesOf(repository, difference.before, difference.after) });
    }
    await store.transaction(async (trx) => {
      await store.orderAppends(trx);
      for (const event of events)
        await insertEvent(trx, { id: ids.uuid(), component, kind: event.kind, body: event, at });
      for (const difference of differences) await recordRef(trx, component, difference, seen, at);
      await appendFeed(store, trx, [{ at, topic: "component", component, subject: component, state: "refs" }]);
    });
    return await settleNow(component);
  }

  async function filesOf(repository: Awaited<ReturnType<typeof options.git.open>>, before: string, after: string) {
    const none = /^0+$/;
    if (none.test(before) || none.test(after)) return undefined;
    return (await repository.hasAtMost(after, mostFiles)) ? await repository.changedFiles(before, after) : undefined;
  }

  return {
    settle,
    reconcile: (component) => serial(component, () => reconcileNow(component)),
    submit: (component, prepare) =>
      serial(component, async () => {
        await store.transaction(async (trx) => {
          await store.orderAppends(trx);
          const event = await prepare(trx);
          if (event)
            await insertEvent(trx, { id: ids.uuid(), component, kind: event.kind, body: event, at: clock.now() });
        });
        return await settleNow(component);
      }),
    recover: async () => {
      for (const component of await allComponents(store)) {
        await serial(component.name, () => reconcileNow(component.name)).catch(options.onBug);
      }
      for (const component of await componentsWithEvents(store)) await settle(component).catch(options.onBug);
    },
    dryRun: planFor,
  };
}

async function recordRef(
  trx: Trx,
  component: string,
  difference: { readonly ref: string; readonly after: string },
  seen: readonly { readonly name: string; readonly object: string; readonly commit: string | undefined }[],
  at: number,
): Promise<void> {
  await trx.deleteFrom("refs").where("component", "=", component).where("name", "=", difference.ref).execute();
  const now = seen.find((ref) => ref.name === difference.ref);
  if (!now) return;
  await trx
    .insertInto("refs")
    .values({ component, name: now.name, object: now.object, commit_id: now.commit ?? null, adopted: 0, seen_at: at })
    .execute();
}

function commitOf(event: FamilyEvent): string | undefined {
  switch (event.kind) {
    case "push":
    case "tag":
      return event.after;
    case "change":
    case "comment":
      return event.change.head;
    case "run":
      return event.run.commit;
    case "released":
      return event.release.commit;
    default:
      return undefined;
  }
}

/** What an event is about, as `fairlead why` names it. */
function subjectOf(event: FamilyEvent): string {
  switch (event.kind) {
    case "push":
      return `${event.component}:${event.ref.slice("refs/heads/".length)}`;
    case "tag":
      return `${event.component}@${event.ref.slice("refs/tags/".length)}`;
    case "change":
    case "comment":
      return `${event.component}#${event.change.number}`;
    case "run":
      return event.run.id;
    case "released":
      return event.release.id;
    default:
      return "tick";
  }
}

function effectSubject(effect: Effect, subject: string, releaseId: string | undefined, component: string): string {
  if (effect.kind === "release" || effect.kind === "quarantine") return releaseId ?? subject;
  if (effect.kind === "release-step") return effect.releaseId;
  if (effect.kind === "abort") return effect.runId;
  if (effect.kind === "canary") return `${component}:${effect.tag}`;
  if (effect.kind === "change" || effect.kind === "comment" || effect.kind === "merge")
    return `${component}#${effect.change}`;
  return subject;
}
