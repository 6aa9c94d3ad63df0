import type { Store, Trx } from "./store.ts";

export interface FeedEntry {
  readonly at: number;
  readonly topic: "run" | "change" | "release" | "canary" | "train" | "component";
  readonly component: string;
  readonly subject: string;
  readonly state: string;
}

/** Appends to the stream that pages and `/api/v1/events` follow; part of the transaction that made the news. */
export async function appendFeed(store: Store, trx: Trx, entries: readonly FeedEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await store.orderAppends(trx);
  await trx
    .insertInto("feed")
    .values([...entries])
    .execute();
}

/** Entries after `seq`, oldest first, at most `limit`. */
export async function readFeed(
  store: Store,
  seq: number,
  limit: number,
): Promise<readonly (FeedEntry & { seq: number })[]> {
  const rows = await store.db
    .selectFrom("feed")
    .selectAll()
    .where("seq", ">", seq)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ ...row, topic: topicOf(row.topic) }));
}

function topicOf(text: string): FeedEntry["topic"] {
  switch (text) {
    case "run":
    case "change":
    case "release":
    case "canary":
    case "train":
      return text;
    default:
      return "component";
  }
}
