import type { Selectable } from "kysely";
import { appendFeed, type Store, type Trx, type UpkeepRow } from "../store/index.ts";

export type StoredUpkeep = Selectable<UpkeepRow>;

export async function upkeepOf(store: Store, component: string | undefined): Promise<readonly StoredUpkeep[]> {
  let query = store.db.selectFrom("upkeep").selectAll();
  if (component !== undefined) query = query.where("component", "=", component);
  return await query.orderBy("component").orderBy("kind").execute();
}

export async function runningUpkeep(store: Store): Promise<readonly StoredUpkeep[]> {
  return await store.db.selectFrom("upkeep").selectAll().where("outcome", "=", "running").execute();
}

export async function recordUpkeep(store: Store, trx: Trx, row: StoredUpkeep): Promise<void> {
  await trx.deleteFrom("upkeep").where("component", "=", row.component).where("kind", "=", row.kind).execute();
  await trx.insertInto("upkeep").values(row).execute();
  if (row.outcome === "opened" || row.outcome === "updated" || row.outcome === "failed")
    await appendFeed(store, trx, [
      { at: row.at, topic: "component", component: row.component, subject: row.component, state: "maintained" },
    ]);
}

/** A change of the purpose that was closed, not merged, while its branch was where it is now: somebody said no. */
export async function refusedOn(
  store: Store,
  component: string,
  purpose: string,
  head: string,
): Promise<number | undefined> {
  const row = await store.db
    .selectFrom("changes")
    .select(["number", "state", "base_sha"])
    .where("component", "=", component)
    .where("purpose", "=", purpose)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.state === "closed" && row.base_sha === head ? row.number : undefined;
}
