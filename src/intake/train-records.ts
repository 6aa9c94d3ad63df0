import type { Selectable, Updateable } from "kysely";
import type { Principal } from "../family/index.ts";
import { endedStops, type TrainStop } from "../policy/index.ts";
import { appendFeed, type Store, type TrainRow, type TrainStopRow, type Trx } from "../store/index.ts";

export type StoredTrain = Selectable<TrainRow>;
export type StoredStop = Selectable<TrainStopRow>;

export interface NewStop {
  readonly component: string;
  readonly version: string;
  readonly commit: string | undefined;
  readonly after: readonly string[];
}

/** Answers its id: `t1`, `t2`, … */
export async function insertTrain(
  store: Store,
  trx: Trx,
  train: {
    readonly by: Principal;
    readonly stops: readonly NewStop[];
    readonly configHash: string;
    readonly at: number;
  },
): Promise<string> {
  await store.orderAppends(trx);
  const { n } = await trx
    .selectFrom("trains")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  const id = `t${Number(n) + 1}`;
  const { by, at } = train;
  await trx
    .insertInto("trains")
    .values({ id, actor: JSON.stringify(by), state: "going", reason: "", started_at: at, ended_at: null })
    .execute();
  for (const [place, stop] of train.stops.entries())
    await trx
      .insertInto("train_stops")
      .values({
        train_id: id,
        place,
        component: stop.component,
        version: stop.version,
        commit_id: stop.commit ?? null,
        after_stops: JSON.stringify(stop.after),
        state: "waiting",
        reason: "",
        release_id: null,
        change_number: null,
        began_at: null,
        ended_at: null,
      })
      .execute();
  await trx
    .insertInto("decisions")
    .values(
      train.stops.map((stop) => ({
        event_id: "",
        component: stop.component,
        kind: "train",
        subject: `${stop.component}@${stop.version}`,
        commit_id: stop.commit ?? null,
        reason: `${by.user} put it into train ${id}${stop.after.length === 0 ? "" : `, after ${stop.after.join(", ")}`}`,
        body: JSON.stringify({ train: id, tokenId: by.tokenId }),
        config_hash: train.configHash,
        at,
      })),
    )
    .execute();
  await feed(store, trx, train.stops[0]?.component ?? "", id, "going", at);
  return id;
}

export async function findTrain(store: Store, id: string): Promise<StoredTrain | undefined> {
  return await store.db.selectFrom("trains").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function goingTrains(store: Store): Promise<readonly StoredTrain[]> {
  return await store.db
    .selectFrom("trains")
    .selectAll()
    .where("state", "=", "going")
    .orderBy("started_at")
    .orderBy("id")
    .execute();
}

export async function stopsOf(store: Store, train: string): Promise<readonly StoredStop[]> {
  return await store.db.selectFrom("train_stops").selectAll().where("train_id", "=", train).orderBy("place").execute();
}

export function stopOf(row: StoredStop): TrainStop {
  return {
    component: row.component,
    version: row.version,
    after: JSON.parse(row.after_stops),
    state: row.state,
  };
}

/** Moves a stop that still stands where it was read; nothing is written where nothing differs. */
export async function moveStop(
  store: Store,
  stop: StoredStop,
  change: Pick<Updateable<TrainStopRow>, "state" | "reason" | "release_id" | "change_number">,
  at: number,
): Promise<void> {
  const state = change.state ?? stop.state;
  const same = Object.entries(change).every(([name, value]) =>
    Object.entries(stop).some(([key, old]) => key === name && old === value),
  );
  if (same) return;
  const ended = endedStops.includes(state);
  await store.transaction(async (trx) => {
    const moved = await trx
      .updateTable("train_stops")
      .set({
        ...change,
        ...(stop.began_at === null && state === "releasing" ? { began_at: at } : {}),
        ...(ended ? { ended_at: at } : {}),
      })
      .where("train_id", "=", stop.train_id)
      .where("place", "=", stop.place)
      .where("state", "=", stop.state)
      .executeTakeFirst();
    if (moved.numUpdatedRows === 1n) await feed(store, trx, stop.component, stop.train_id, state, at);
  });
}

/** A train with no stop left to come is over. */
export async function endTrain(store: Store, id: string, state: "ended" | "stopped", reason: string, at: number) {
  await store.transaction(async (trx) => {
    const moved = await trx
      .updateTable("trains")
      .set({ state, reason, ended_at: at })
      .where("id", "=", id)
      .where("state", "=", "going")
      .executeTakeFirst();
    if (moved.numUpdatedRows === 1n) await feed(store, trx, "", id, state, at);
  });
}

/** May the token still act? One that was revoked, or that ran out, starts nothing more. */
export async function tokenHolds(store: Store, tokenId: string, now: number): Promise<boolean> {
  const row = await store.db
    .selectFrom("tokens")
    .select(["revoked_at", "expires_at"])
    .where("id", "=", tokenId)
    .executeTakeFirst();
  return !row || (row.revoked_at === null && (row.expires_at === null || row.expires_at > now));
}

async function feed(store: Store, trx: Trx, component: string, subject: string, state: string, at: number) {
  await appendFeed(store, trx, [{ at, topic: "train", component, subject, state }]);
}
