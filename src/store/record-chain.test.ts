import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appendFeed } from "./feed.ts";
import { checkRecord, recordHolds, sealRecord } from "./record-chain.ts";
import { openStore, type Store } from "./store.ts";

let store: Store;

beforeEach(async () => {
  store = await openStore("sqlite::memory:");
  await write(1, 2, 3);
});
afterEach(async () => store.close());

async function write(...numbers: readonly number[]): Promise<void> {
  await store.transaction(async (trx) => {
    for (const number of numbers) {
      await appendFeed(store, trx, [{ at: number, topic: "run", component: "c", subject: `s${number}`, state: "x" }]);
      await trx
        .insertInto("events")
        .values({
          id: `e${number}`,
          component: "c",
          kind: "push",
          body: "{}",
          at: number,
          state: "new",
          decided_at: null,
        })
        .execute();
    }
  });
}

describe("the record's chain", () => {
  it("takes every row in once, and its head changes with each", async () => {
    const first = await sealRecord(store);
    expect(first).toEqual({ entries: 6, head: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await sealRecord(store)).toEqual(first);
    await write(4);
    expect(await checkRecord(store.db)).toMatchObject({ ok: true, entries: 6, unsealed: 2, head: first.head });
    const second = await sealRecord(store);
    expect([second.entries, second.head === first.head]).toEqual([8, false]);
    expect(await recordHolds(store.db, first.head)).toBe(true);
    expect(await recordHolds(store.db, "f".repeat(64))).toBe(false);
  });

  it("does not mind that an event is done, nor more rows than fit one batch", async () => {
    await write(...Array.from({ length: 700 }, (_, index) => index + 10));
    await sealRecord(store);
    await store.db.updateTable("events").set({ state: "done", decided_at: 9 }).execute();
    expect(await checkRecord(store.db)).toMatchObject({ ok: true, entries: 1406, unsealed: 0 });
  });

  it.each([
    ["a changed row", "update feed set state = 'y' where seq = 2", "row 2 of feed was changed"],
    ["a row taken out", "delete from events where seq = 2", "row 2 of events is gone"],
    ["a changed link", "update record_chain set hash = 'x' where seq = 3", "was changed, or a link before it"],
    ["a link taken out", "delete from record_chain where seq = 2", "was put in after the record was sealed"],
  ])("finds %s", async (_, damage, detail) => {
    await sealRecord(store);
    await sql.raw(damage).execute(store.db);
    expect(await checkRecord(store.db)).toMatchObject({ ok: false, detail: expect.stringContaining(detail) });
  });

  it("finds a row that was put in among sealed ones", async () => {
    await store.db.deleteFrom("feed").where("seq", "=", 2).execute();
    await sealRecord(store);
    await sql`insert into feed (seq, at, topic, component, subject, state) values (2, 2, 'run', 'c', 'other', 'x')`.execute(
      store.db,
    );
    expect(await checkRecord(store.db)).toMatchObject({
      ok: false,
      detail: "row 2 of feed was put in after the record was sealed",
    });
  });

  it("finds an end that was cut off after a provenance named it", async () => {
    const { head } = await sealRecord(store);
    await store.db
      .insertInto("proofs")
      .values({
        release_id: "c@v1.0.0",
        image: "i",
        subject_digest: "d",
        kind: "provenance",
        digest: "m",
        media_type: "t",
        size: 1,
        key_id: "k",
        record_head: head,
        at: 1,
      })
      .execute();
    expect(await checkRecord(store.db)).toMatchObject({ ok: true });
    await sql`delete from record_chain where seq > 4`.execute(store.db);
    expect(await checkRecord(store.db)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("its end was cut off"),
    });
  });
});
