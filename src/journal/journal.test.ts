import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { turns, until } from "../../test/fixtures/until.ts";
import { countingIds, err, type FaultCode, fault, ManualClock, ok, type Result } from "../core/index.ts";
import { openStore, type Store, type Trx } from "../store/index.ts";
import { createJournal } from "./journal.ts";
import type { EffectHandler, Journal, JournalEntry } from "./model.ts";

const start = Date.UTC(2026, 0, 1);
let store: Store;
let clock: ManualClock;
let journal: Journal;
let bugs: unknown[];
const ids = countingIds();

beforeEach(async () => {
  store = await openStore("sqlite::memory:");
  clock = new ManualClock(start);
  bugs = [];
  journal = make();
});
afterEach(async () => {
  await journal.stop();
  await store.close();
});

function make(over: { owner?: string; parallel?: number } = {}): Journal {
  return createJournal({ store, clock, ids, owner: "me", alone: true, onBug: (error) => bugs.push(error), ...over });
}

type Recorded = (trx: Trx) => Promise<void>;

/** A handler of entries named `effect`; what it did, and what it was told, is noted by the entry's body. */
function handler(perform: (name: string, entry: JournalEntry<string>) => Promise<Result<Recorded>>) {
  const told: string[] = [];
  const made: EffectHandler<string> = {
    kind: "effect",
    perform: (entry) => perform(entry.body, entry),
    onFailure: async (entry, message) => void told.push(`failed ${entry.body}: ${message}`),
    onRetry: async (entry, message) => void told.push(`later ${entry.body}: ${message}`),
  };
  return { made, told };
}

const nothingMore: Result<Recorded> = ok(async () => undefined);
const failure = (code: FaultCode) => err(fault(code, `is ${code}`));

async function write(...entries: readonly (readonly [subject: string, name: string, notBefore?: number])[]) {
  await store.transaction(async (trx) => {
    for (const [subject, body, notBefore] of entries)
      await journal.write(trx, { kind: "effect", subject, body, ...(notBefore === undefined ? {} : { notBefore }) });
  });
}

const rows = () => store.db.selectFrom("journal").selectAll().orderBy("seq").execute();
const allClosed = async () => (await journal.openEntries()) === 0;

describe("the journal", () => {
  it("does what was committed, and nothing of a transaction that failed", async () => {
    const done: string[] = [];
    const { made } = handler(async (name) => {
      done.push(name);
      return nothingMore;
    });
    const failing = store.transaction(async (trx) => {
      await journal.write(trx, { kind: "effect", subject: "s", body: "never" });
      throw new Error("undecided");
    });
    await expect(failing).rejects.toThrow("undecided");
    await write(["s", "once"]);
    await journal.start([made]);
    await until(allClosed);
    journal.poke();
    await journal.stop();
    expect(done).toEqual(["once"]);
    expect(await rows()).toEqual([
      expect.objectContaining({ state: "done", tries: 1, done_at: start, last_error: "" }),
    ]);
  });

  it("does a subject's entries in order, one at a time, while other subjects go on", async () => {
    const done: string[] = [];
    let open: () => void = () => undefined;
    const opened = new Promise<void>((go) => {
      open = go;
    });
    const { made } = handler(async (name) => {
      if (name === "a1") await opened;
      done.push(name);
      return nothingMore;
    });
    await write(["a", "a1"], ["a", "a2"], ["b", "b1"], ["b", "b2"]);
    await journal.start([made]);
    await until(() => done.length === 2);
    expect(done).toEqual(["b1", "b2"]);
    open();
    await until(allClosed);
    expect(done).toEqual(["b1", "b2", "a1", "a2"]);
  });

  it("has no more effects under way than it may", async () => {
    await journal.stop();
    journal = make({ parallel: 2 });
    let underWay = 0;
    let most = 0;
    const { made } = handler(async () => {
      most = Math.max(most, ++underWay);
      await turns(5);
      underWay -= 1;
      return nothingMore;
    });
    await write(...Array.from({ length: 9 }, (_, index) => [`s${index}`, `e${index}`] as const));
    await journal.start([made]);
    await until(allClosed);
    expect(most).toBe(2);
  });

  it("tries again what may pass, each time after twice as long, and holds back what follows", async () => {
    const tried: number[] = [];
    const { made, told } = handler(async (name) => {
      tried.push(clock.now() - start);
      return name === "first" && tried.length <= 4 ? failure("unavailable") : nothingMore;
    });
    await write(["s", "first"], ["s", "second"]);
    await journal.start([made]);
    for (const [index, wait] of [500, 1000, 2000, 4000].entries()) {
      await until(() => told.length === index + 1);
      await until(async () => (await rows())[0]?.tries === index + 1);
      const due = (await rows())[0]?.not_before ?? 0;
      expect(due - clock.now()).toBe(wait);
      clock.advance(wait - 1);
      journal.poke();
      await turns(10);
      expect(tried).toHaveLength(index + 1);
      clock.advance(1);
      journal.poke();
      await until(() => tried.length > index + 1);
    }
    await until(allClosed);
    expect(tried).toEqual([0, 500, 1500, 3500, 7500, 7500]);
    expect(told).toEqual(Array.from({ length: 4 }, () => "later first: is unavailable"));
    expect((await rows()).map((row) => [row.state, row.tries])).toEqual([
      ["done", 5],
      ["done", 1],
    ]);
  });

  it("wakes by itself when an entry falls due, never waiting longer than five minutes between tries", async () => {
    let tries = 0;
    const { made } = handler(async () => (++tries < 14 ? failure("timeout") : nothingMore));
    await write(["s", "slow"]);
    await journal.start([made]);
    let longest = 0;
    for (let round = 1; round < 14; round++) {
      await until(async () => (await rows())[0]?.tries === round);
      longest = Math.max(longest, ((await rows())[0]?.not_before ?? 0) - clock.now());
      await until(() => {
        if (tries > round) return true;
        clock.advance(1000);
        return false;
      });
    }
    await until(allClosed);
    expect(longest).toBe(300_000);
  });

  it("ends what cannot pass, records why, and goes on with what follows", async () => {
    const { made, told } = handler(async (name) => (name === "bad" ? failure("refused") : nothingMore));
    await write(["s", "bad"], ["s", "good"]);
    await journal.start([made]);
    await until(allClosed);
    expect(told).toEqual(["failed bad: is refused"]);
    expect((await rows()).map((row) => [row.state, row.last_error])).toEqual([
      ["failed", "is refused"],
      ["done", ""],
    ]);
  });

  it("tells of bugs, and keeps the entry", async () => {
    let broken = true;
    const { made } = handler(async () => {
      if (broken) throw new Error("a bug");
      return nothingMore;
    });
    await write(["s", "x"]);
    await journal.start([made]);
    await until(async () => (await rows())[0]?.tries === 1);
    expect(bugs).toEqual([expect.objectContaining({ message: "a bug" })]);
    expect(await journal.openEntries()).toBe(1);
    broken = false;
    clock.advance(500);
    journal.poke();
    await until(allClosed);
  });

  it("does nothing before its time", async () => {
    const done: number[] = [];
    const { made } = handler(async () => {
      done.push(clock.now());
      return nothingMore;
    });
    await write(["s", "later", start + 1000], ["t", "now"]);
    await journal.start([made]);
    await until(() => done.length === 1);
    await until(() => {
      clock.advance(100);
      return done.length === 2;
    });
    expect(done[0]).toBe(start);
    expect(done[1]).toBeGreaterThanOrEqual(start + 1000);
  });

  it("records nothing when another process took the entry over meanwhile", async () => {
    let recorded = false;
    let performed = false;
    const { made } = handler(async (_name, entry) => {
      await store.db
        .updateTable("journal")
        .set({ fencing: 99, lease_owner: "other", lease_until: start + 60_000 })
        .where("id", "=", entry.id)
        .execute();
      performed = true;
      return ok(async () => {
        recorded = true;
      });
    });
    await write(["s", "x"]);
    await journal.start([made]);
    await until(() => performed);
    await journal.stop();
    expect(recorded).toBe(false);
    expect(await rows()).toEqual([expect.objectContaining({ state: "written", fencing: 99, lease_owner: "other" })]);
  });

  it("renews its lease while an effect takes long", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((go) => {
      open = go;
    });
    let begun = false;
    const { made } = handler(async () => {
      begun = true;
      await opened;
      return nothingMore;
    });
    await write(["s", "long"]);
    await journal.start([made]);
    await until(() => begun);
    clock.advance(50_000);
    await until(async () => ((await rows())[0]?.lease_until ?? 0) > start + 60_000);
    open();
    await until(allClosed);
  });

  it("takes over at once what a dead process held", async () => {
    await write(["s", "x"]);
    await store.db
      .updateTable("journal")
      .set({ lease_owner: "dead", lease_until: start + 60_000, fencing: 3 })
      .execute();
    const { made } = handler(async () => nothingMore);
    await journal.start([made]);
    await until(allClosed);
    expect((await rows())[0]?.fencing).toBe(4);
  });

  it("stops when what is under way has ended, and begins nothing more", async () => {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((go) => {
      open = go;
    });
    const done: string[] = [];
    const { made } = handler(async (name) => {
      if (name === "a1") await opened;
      done.push(name);
      return nothingMore;
    });
    await write(["a", "a1"], ["a", "a2"]);
    await journal.start([made]);
    await until(async () => (await rows())[0]?.fencing === 1);
    const stopped = journal.stop();
    open();
    await stopped;
    expect(done).toEqual(["a1"]);
    expect((await rows()).map((row) => row.state)).toEqual(["done", "written"]);
  });
});
