import { canonicalJson, sha256Hex } from "../core/index.ts";
import type { Store, Trx } from "./store.ts";

/** What a check of the chain found. */
export interface RecordCheck {
  readonly ok: boolean;
  /** Links in the chain. */
  readonly entries: number;
  readonly head: string;
  /** Rows written since the chain last grew. */
  readonly unsealed: number;
  readonly detail: string;
}

/** Before the first link. */
const origin = "0".repeat(64);
const batch = 500;

/** Append-only tables, with the columns that never change after a row was written. */
const sources = {
  events: ["id", "component", "kind", "body", "at"],
  decisions: ["event_id", "component", "kind", "subject", "commit_id", "reason", "body", "config_hash", "at"],
  feed: ["at", "topic", "component", "subject", "state"],
  proofs: ["release_id", "image", "subject_digest", "kind", "digest", "key_id", "record_head", "at"],
} as const;
type Source = keyof typeof sources;
const sourceNames: readonly Source[] = ["events", "decisions", "feed", "proofs"];

interface NumberedRow {
  readonly seq: number;
  readonly text: string;
}

/**
 * Takes every row into the chain that is not in it yet, and answers the head. Under the lock of appends, so no row can
 * become visible later with a smaller number. Bounded work a transaction: others write in between.
 */
export async function sealRecord(store: Store): Promise<{ readonly entries: number; readonly head: string }> {
  for (;;) {
    const grown = await store.transaction(async (trx) => {
      await store.orderAppends(trx);
      let added = 0;
      for (const source of sourceNames) added += await sealSome(trx, source);
      return added;
    });
    if (grown === 0) return await headOf(store.db);
  }
}

async function sealSome(trx: Trx, source: Source): Promise<number> {
  const rows = await rowsAfter(trx, source, await lastSealed(trx, source), batch);
  if (rows.length === 0) return 0;
  let { head } = await headOf(trx);
  const links = rows.map((row) => {
    head = linkHash(head, source, row);
    return { source, row_seq: row.seq, hash: head };
  });
  await trx.insertInto("record_chain").values(links).execute();
  return rows.length;
}

/** Whether a head, as a provenance names it, is a link of this record. */
export async function recordHolds(db: Store["db"], head: string): Promise<boolean> {
  if (head === origin) return true;
  return (
    (await db.selectFrom("record_chain").select("seq").where("hash", "=", head).limit(1).executeTakeFirst()) !==
    undefined
  );
}

/** Computes every link again and names the first that does not fit. */
export async function checkRecord(db: Store["db"]): Promise<RecordCheck> {
  let head = origin;
  let entries = 0;
  let last = 0;
  const reached: Record<Source, number> = { events: 0, decisions: 0, feed: 0, proofs: 0 };
  const broken = (detail: string): RecordCheck => ({ ok: false, entries, head, unsealed: 0, detail });
  for (;;) {
    const links = await db
      .selectFrom("record_chain")
      .selectAll()
      .where("seq", ">", last)
      .orderBy("seq")
      .limit(batch)
      .execute();
    if (links.length === 0) break;
    const rows = new Map<string, NumberedRow>();
    for (const source of sourceNames) {
      const mine = links.filter((link) => link.source === source);
      const end = Math.max(reached[source], ...mine.map((link) => link.row_seq));
      const found = await rowsAfter(db, source, reached[source], batch + 1, end);
      const expected = new Set(mine.map((link) => link.row_seq));
      const stranger = found.find((row) => !expected.has(row.seq));
      if (stranger) return broken(`row ${stranger.seq} of ${source} was put in after the record was sealed`);
      for (const row of found) rows.set(`${source} ${row.seq}`, row);
      reached[source] = end;
    }
    for (const link of links) {
      const source = sourceNames.find((name) => name === link.source);
      const row = rows.get(`${link.source} ${link.row_seq}`);
      if (!source || !row) return broken(`row ${link.row_seq} of ${link.source} is gone`);
      head = linkHash(head, source, row);
      if (head !== link.hash) return broken(`row ${link.row_seq} of ${link.source} was changed, or a link before it`);
      entries += 1;
      last = link.seq;
    }
  }
  const named = await db.selectFrom("proofs").select(["release_id", "record_head"]).distinct().execute();
  for (const { release_id, record_head } of named)
    if (!(await recordHolds(db, record_head)))
      return broken(`the provenance of ${release_id} names a head that this record never had: its end was cut off`);
  let unsealed = 0;
  for (const source of sourceNames) unsealed += (await rowsAfter(db, source, reached[source], 10_000)).length;
  return { ok: true, entries, head, unsealed, detail: `${entries} rows are as they were written` };
}

async function headOf(db: Store["db"] | Trx): Promise<{ readonly entries: number; readonly head: string }> {
  const last = await db.selectFrom("record_chain").select("hash").orderBy("seq", "desc").limit(1).executeTakeFirst();
  const { n } = await db
    .selectFrom("record_chain")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return { entries: Number(n), head: last?.hash ?? origin };
}

async function lastSealed(trx: Trx, source: Source): Promise<number> {
  const row = await trx
    .selectFrom("record_chain")
    .select((eb) => eb.fn.max("row_seq").as("last"))
    .where("source", "=", source)
    .executeTakeFirst();
  return Number(row?.last ?? 0);
}

async function rowsAfter(
  db: Store["db"] | Trx,
  source: Source,
  after: number,
  limit: number,
  upTo?: number,
): Promise<readonly NumberedRow[]> {
  let query = db
    .selectFrom(source)
    .select("seq")
    .select((eb) => sources[source].map((column) => eb.ref(column).as(column)))
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit);
  if (upTo !== undefined) query = query.where("seq", "<=", upTo);
  return (await query.execute()).map(({ seq, ...columns }) => ({ seq: Number(seq), text: canonicalJson(columns) }));
}

function linkHash(before: string, source: Source, row: NumberedRow): string {
  return sha256Hex(`${before}\n${source}\n${row.seq}\n${row.text}`);
}
