import type { Selectable } from "kysely";
import { type Clock, nextBuildId } from "../core/index.ts";
import type { Job, Refs } from "../jobs/index.ts";
import type { PlannedRun } from "../plan/index.ts";
import { appendFeed, type RunRow, type Store, type Trx } from "../store/index.ts";
import type { Run, RunEnd } from "./model.ts";
import type { QueueFacts } from "./queue.ts";

export interface NewRun {
  readonly id: string;
  readonly planned: PlannedRun;
  readonly eventId: string;
  readonly configHash: string;
  readonly releaseId: string | undefined;
  readonly rerunOf: string | undefined;
  readonly at: number;
}

/** Part of the transaction that decided the run. */
export async function insertRun(store: Store, trx: Trx, run: NewRun): Promise<void> {
  const { planned } = run;
  await trx
    .insertInto("runs")
    .values({
      id: run.id,
      job: planned.job.name,
      type: planned.type,
      component: planned.component,
      context: planned.job.context,
      optional: planned.job.optional ? 1 : 0,
      required: planned.job.optional || planned.job.skipReport ? 0 : 1,
      tier: planned.tier,
      state: "triggered",
      not_run_need: null,
      description: "waiting for a free place",
      reason: planned.reason,
      refs: JSON.stringify(planned.refs),
      ref: planned.ref,
      change_number: planned.change ?? null,
      head: planned.refs.pulls?.[0]?.sha ?? planned.refs.base_sha,
      base_sha: planned.refs.base_sha,
      tested_commit: null,
      tested_tree: null,
      job_body: JSON.stringify(planned.job),
      config_hash: run.configHash,
      release_id: run.releaseId ?? null,
      event_id: run.eventId,
      build_id: null,
      attempt: 0,
      rerun_of: run.rerunOf ?? null,
      abort_reason: null,
      tests: null,
      created_at: run.at,
      started_at: null,
      finished_at: null,
      lease_owner: null,
      lease_until: null,
      fencing: 0,
    })
    .execute();
  await appendFeed(store, trx, [
    { at: run.at, topic: "run", component: planned.component, subject: run.id, state: "triggered" },
  ]);
}

/** Triggered runs, oldest first. */
export async function waitingRuns(store: Store, limit: number): Promise<readonly Run[]> {
  const rows = await store.db
    .selectFrom("runs")
    .selectAll()
    .where("state", "=", "triggered")
    .orderBy("created_at")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(runOf);
}

/** How many runs are pending, by job name and by queue. */
export async function pendingRuns(store: Store): Promise<Pick<QueueFacts, "pendingByJob" | "pendingByQueue">> {
  const rows = await store.db.selectFrom("runs").select(["job_body"]).where("state", "=", "pending").execute();
  const pendingByJob = new Map<string, number>();
  const pendingByQueue = new Map<string, number>();
  for (const row of rows) {
    const job: Job = JSON.parse(row.job_body);
    pendingByJob.set(job.name, (pendingByJob.get(job.name) ?? 0) + 1);
    if (job.queue !== "") pendingByQueue.set(job.queue, (pendingByQueue.get(job.queue) ?? 0) + 1);
  }
  return { pendingByJob, pendingByQueue };
}

export async function findRun(store: Store, id: string): Promise<Selectable<RunRow> | undefined> {
  return await store.db.selectFrom("runs").selectAll().where("id", "=", id).executeTakeFirst();
}

/** A run by its id or by the build id of any of its attempts; the build id is then that one, else the newest. */
export async function findRunByAnyId(
  store: Store,
  id: string,
): Promise<{ readonly row: Selectable<RunRow>; readonly buildId: string } | undefined> {
  const attempt = await store.db.selectFrom("attempts").select("run_id").where("build_id", "=", id).executeTakeFirst();
  const row = await findRun(store, attempt?.run_id ?? id);
  const buildId = attempt ? id : row?.build_id;
  return row && buildId ? { row, buildId } : undefined;
}

export function runOf(row: Selectable<RunRow>): Run {
  const job: Job = JSON.parse(row.job_body);
  const refs: Refs = JSON.parse(row.refs);
  return {
    id: row.id,
    job,
    type: row.type,
    component: row.component,
    tier: row.tier,
    state: row.state,
    refs,
    ref: row.ref,
    change: row.change_number ?? undefined,
    head: row.head,
    releaseId: row.release_id ?? undefined,
    attempt: row.attempt,
    createdAt: row.created_at,
    fencing: row.fencing,
  };
}

/**
 * Takes a triggered run for this process and begins a new attempt with a BUILD_ID of its own; `undefined` when another
 * process was faster or the run was aborted meanwhile.
 */
export async function claimRun(
  store: Store,
  clock: Clock,
  owner: string,
  leaseMs: number,
  run: Run,
): Promise<{ readonly buildId: string; readonly fencing: number; readonly startedAt: number } | undefined> {
  return await store.transaction(async (trx) => {
    const now = clock.now();
    const last = await trx
      .selectFrom("attempts")
      .select("build_id")
      .orderBy((eb) => eb.fn("length", ["build_id"]), "desc")
      .orderBy("build_id", "desc")
      .limit(1)
      .executeTakeFirst();
    const buildId = nextBuildId(now, last?.build_id);
    const claimed = await trx
      .updateTable("runs")
      .set({
        state: "pending",
        description: "running",
        build_id: buildId,
        attempt: run.attempt + 1,
        started_at: now,
        lease_owner: owner,
        lease_until: now + leaseMs,
        fencing: run.fencing + 1,
      })
      .where("id", "=", run.id)
      .where("state", "=", "triggered")
      .where("fencing", "=", run.fencing)
      .executeTakeFirst();
    if (claimed.numUpdatedRows !== 1n) return undefined;
    await trx
      .insertInto("attempts")
      .values({
        build_id: buildId,
        run_id: run.id,
        attempt: run.attempt + 1,
        started_at: now,
        finished_at: null,
        exit_code: null,
        outcome: null,
      })
      .execute();
    await appendFeed(store, trx, [
      { at: now, topic: "run", component: run.component, subject: run.id, state: "pending" },
    ]);
    return { buildId, fencing: run.fencing + 1, startedAt: now };
  });
}

export async function renewLease(
  store: Store,
  clock: Clock,
  leaseMs: number,
  id: string,
  fencing: number,
): Promise<boolean> {
  const kept = await store.db
    .updateTable("runs")
    .set({ lease_until: clock.now() + leaseMs })
    .where("id", "=", id)
    .where("fencing", "=", fencing)
    .where("state", "=", "pending")
    .executeTakeFirst();
  return kept.numUpdatedRows === 1n;
}

/**
 * Records how an attempt ended, its images and the event that follows, in one transaction. False when the lease was
 * lost: then nothing is recorded.
 */
export async function finishRun(
  store: Store,
  clock: Clock,
  ids: { uuid(): string },
  run: Run,
  claim: { readonly buildId: string; readonly fencing: number },
  end: RunEnd,
): Promise<boolean> {
  return await store.transaction(async (trx) => {
    const now = clock.now();
    await store.orderAppends(trx);
    const kept = await trx
      .updateTable("runs")
      .set({
        state: end.state,
        description: end.description,
        not_run_need: end.notRunNeed ?? null,
        tested_commit: end.testedCommit ?? null,
        tested_tree: end.testedTree ?? null,
        tests: end.tests ?? null,
        finished_at: now,
        lease_owner: null,
        lease_until: null,
      })
      .where("id", "=", run.id)
      .where("fencing", "=", claim.fencing)
      .where("state", "=", "pending")
      .executeTakeFirst();
    if (kept.numUpdatedRows !== 1n) return false;
    await trx
      .updateTable("attempts")
      .set({ finished_at: now, exit_code: end.exitCode ?? null, outcome: end.state })
      .where("build_id", "=", claim.buildId)
      .execute();
    for (const image of end.images) {
      await trx
        .insertInto("built_images")
        .values({
          run_id: run.id,
          name: image.name,
          digest: image.digest,
          media_type: image.mediaType,
          size: image.size,
          platforms: image.platforms,
          warnings: JSON.stringify(image.warnings),
          making: image.making,
          at: now,
        })
        .onConflict((oc) => oc.columns(["run_id", "name"]).doNothing())
        .execute();
    }
    await insertRunEvent(trx, ids, now, run);
    await appendFeed(store, trx, [
      { at: now, topic: "run", component: run.component, subject: run.id, state: end.state },
    ]);
    return true;
  });
}

/** A finished run is an event like any other: what follows from it is decided in order with the rest. */
export async function insertRunEvent(
  trx: Trx,
  ids: { uuid(): string },
  at: number,
  run: { readonly id: string; readonly component: string },
): Promise<void> {
  await trx
    .insertInto("events")
    .values({
      id: ids.uuid(),
      component: run.component,
      kind: "run",
      body: JSON.stringify({ kind: "run", component: run.component, runId: run.id }),
      at,
      state: "new",
      decided_at: null,
    })
    .execute();
}

/**
 * Runs that a dead process left pending go back into the queue; their attempt is marked as lost. Where others may
 * work on the database, only those whose lease ran out.
 */
export async function requeueLost(
  store: Store,
  clock: Clock,
  alone: boolean,
): Promise<readonly { id: string; component: string }[]> {
  return await store.transaction(async (trx) => {
    const now = clock.now();
    let query = trx.selectFrom("runs").select(["id", "component", "build_id"]).where("state", "=", "pending");
    if (!alone) query = query.where("lease_until", "<", now);
    const lost = await query.execute();
    for (const run of lost) {
      await trx
        .updateTable("runs")
        .set({
          state: "triggered",
          description: "started again: the server died during the last attempt",
          lease_owner: null,
        })
        .where("id", "=", run.id)
        .execute();
      await trx
        .updateTable("attempts")
        .set({ finished_at: now, outcome: "lost: the server died" })
        .where("run_id", "=", run.id)
        .where("finished_at", "is", null)
        .execute();
    }
    await appendFeed(
      store,
      trx,
      lost.map((run) => ({
        at: now,
        topic: "run" as const,
        component: run.component,
        subject: run.id,
        state: "triggered",
      })),
    );
    return lost.map(({ id, component }) => ({ id, component }));
  });
}

/**
 * A run whose attempt its surroundings ended goes back into the queue, unless it was to be aborted meanwhile. False when
 * the lease was lost: then nothing is recorded.
 */
export async function requeueStopped(
  store: Store,
  clock: Clock,
  run: Run,
  claim: { readonly buildId: string; readonly fencing: number },
  why: string,
): Promise<boolean> {
  return await store.transaction(async (trx) => {
    const now = clock.now();
    await store.orderAppends(trx);
    const kept = await trx
      .updateTable("runs")
      .set({ state: "triggered", description: `started again: ${why}`, lease_owner: null, lease_until: null })
      .where("id", "=", run.id)
      .where("fencing", "=", claim.fencing)
      .where("state", "=", "pending")
      .where("abort_reason", "is", null)
      .executeTakeFirst();
    if (kept.numUpdatedRows !== 1n) return false;
    await trx
      .updateTable("attempts")
      .set({ finished_at: now, outcome: `lost: ${why}` })
      .where("build_id", "=", claim.buildId)
      .execute();
    await appendFeed(store, trx, [
      { at: now, topic: "run", component: run.component, subject: run.id, state: "triggered" },
    ]);
    return true;
  });
}

/** Aborts a run that has not started; for one under way writes the reason down and leaves ending it to its supervisor. */
export async function requestAbort(
  store: Store,
  trx: Trx,
  ids: { uuid(): string },
  at: number,
  runId: string,
  reason: string,
): Promise<void> {
  await trx
    .updateTable("runs")
    .set({ abort_reason: reason })
    .where("id", "=", runId)
    .where("state", "in", ["triggered", "pending"])
    .execute();
  const ended = await trx
    .updateTable("runs")
    .set({ state: "aborted", description: reason, finished_at: at })
    .where("id", "=", runId)
    .where("state", "=", "triggered")
    .returning("component")
    .executeTakeFirst();
  if (!ended) return;
  await insertRunEvent(trx, ids, at, { id: runId, component: ended.component });
  await appendFeed(store, trx, [{ at, topic: "run", component: ended.component, subject: runId, state: "aborted" }]);
}

/** Runs under way whose abort was asked for. */
export async function abortsAsked(store: Store): Promise<readonly { id: string; reason: string }[]> {
  const rows = await store.db
    .selectFrom("runs")
    .select(["id", "abort_reason"])
    .where("state", "=", "pending")
    .where("abort_reason", "is not", null)
    .execute();
  return rows.map((row) => ({ id: row.id, reason: row.abort_reason ?? "" }));
}
