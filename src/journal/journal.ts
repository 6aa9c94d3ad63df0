import type { Selectable } from "kysely";
import { type Clock, type Fault, type Ids, isRetryable } from "../core/index.ts";
import type { JournalRow, Store, Trx } from "../store/index.ts";
import type { EffectHandler, Journal, JournalEntry } from "./model.ts";

export interface JournalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Name of this process among those that share the database. */
  readonly owner: string;
  /** Effects under way at once. Entries of one subject are always done one after another, in order. */
  readonly parallel?: number;
  /** Nobody else works on this database: leases of others are of the dead and need not run out. */
  readonly alone: boolean;
  /** Told about throws: bugs of ours. */
  readonly onBug: (error: unknown) => void;
}

const leaseMs = 60_000;
const firstRetryMs = 500;
const longestRetryMs = 5 * 60_000;

/** The journal over the database: entries are claimed by leases whose fencing number is compared when recording. */
export function createJournal(options: JournalOptions): Journal {
  const { store, clock, ids, owner } = options;
  const parallel = options.parallel ?? 4;
  const handlers = new Map<string, EffectHandler>();
  const busySubjects = new Set<string>();
  const underway = new Set<Promise<void>>();
  let running = false;
  let cancelTimer: (() => void) | undefined;
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  function poke(): void {
    if (!running) return;
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = look()
      .catch(options.onBug)
      .finally(() => {
        looking = undefined;
        if (lookAgain) {
          lookAgain = false;
          poke();
        }
      });
  }

  async function look(): Promise<void> {
    cancelTimer?.();
    cancelTimer = undefined;
    const open = await store.db
      .selectFrom("journal")
      .selectAll()
      .where("state", "=", "written")
      .orderBy("seq")
      .limit(200)
      .execute();
    const seen = new Set<string>(busySubjects);
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const row of open) {
      // The first open entry of a subject holds back the later ones.
      if (seen.has(row.subject)) continue;
      seen.add(row.subject);
      const now = clock.now();
      const heldElsewhere = row.lease_owner !== null && row.lease_owner !== owner && (row.lease_until ?? 0) > now;
      const ready = Math.max(row.not_before, heldElsewhere ? (row.lease_until ?? 0) : 0);
      if (ready > now) {
        wakeAt = Math.min(wakeAt, ready);
        continue;
      }
      if (!running || underway.size >= parallel) return;
      const claimed = await claim(row);
      if (claimed) begin(row, row.fencing + 1);
    }
    if (running && wakeAt < Number.POSITIVE_INFINITY) {
      cancelTimer = clock.after(Math.max(wakeAt - clock.now(), 1), poke);
    }
  }

  async function claim(row: Selectable<JournalRow>): Promise<boolean> {
    const result = await store.db
      .updateTable("journal")
      .set({ lease_owner: owner, lease_until: clock.now() + leaseMs, fencing: row.fencing + 1 })
      .where("id", "=", row.id)
      .where("state", "=", "written")
      .where("fencing", "=", row.fencing)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  }

  function begin(row: Selectable<JournalRow>, fencing: number): void {
    busySubjects.add(row.subject);
    const work = perform(row, fencing)
      .catch(async (error: unknown) => {
        options.onBug(error);
        await postpone(row, fencing, "Fairlead itself failed at this; the server's log has the details");
      })
      .catch(options.onBug)
      .finally(() => {
        busySubjects.delete(row.subject);
        underway.delete(work);
        poke();
      });
    underway.add(work);
  }

  async function perform(row: Selectable<JournalRow>, fencing: number): Promise<void> {
    const handler = handlers.get(row.kind);
    if (!handler) throw new Error(`no handler for journal entries of kind ${row.kind}`);
    const entry: JournalEntry = {
      id: row.id,
      kind: row.kind,
      subject: row.subject,
      body: JSON.parse(row.body),
      tries: row.tries,
      writtenAt: row.written_at,
    };
    const renew = () => {
      void store.db
        .updateTable("journal")
        .set({ lease_until: clock.now() + leaseMs })
        .where("id", "=", row.id)
        .where("fencing", "=", fencing)
        .execute()
        .catch(options.onBug);
      cancelRenewal = clock.after(leaseMs / 3, renew);
    };
    let cancelRenewal = clock.after(leaseMs / 3, renew);
    try {
      const outcome = await handler.perform(entry);
      if (outcome.ok) await record(row, fencing, "done", "", outcome.value);
      else await recordFailure(row, fencing, handler, entry, outcome.error);
    } finally {
      cancelRenewal();
    }
  }

  async function recordFailure(
    row: Selectable<JournalRow>,
    fencing: number,
    handler: EffectHandler,
    entry: JournalEntry,
    failure: Fault,
  ): Promise<void> {
    if (!isRetryable(failure)) {
      await record(row, fencing, "failed", failure.message, (trx) => handler.onFailure(entry, failure.message, trx));
      return;
    }
    await postpone(row, fencing, failure.message, async (trx) => handler.onRetry?.(entry, failure.message, trx));
  }

  /** Tried again later, each time after twice as long. */
  async function postpone(
    row: Selectable<JournalRow>,
    fencing: number,
    message: string,
    alsoRecord: (trx: Trx) => Promise<void> = async () => {},
  ): Promise<void> {
    const delay = Math.min(firstRetryMs * 2 ** Math.min(row.tries, 20), longestRetryMs);
    await store.transaction(async (trx) => {
      const kept = await trx
        .updateTable("journal")
        .set({ tries: row.tries + 1, not_before: clock.now() + delay, last_error: message, lease_owner: null })
        .where("id", "=", row.id)
        .where("fencing", "=", fencing)
        .executeTakeFirst();
      if (kept.numUpdatedRows === 1n) await alsoRecord(trx);
    });
  }

  async function record(
    row: Selectable<JournalRow>,
    fencing: number,
    state: "done" | "failed",
    message: string,
    alsoRecord: (trx: Trx) => Promise<void>,
  ): Promise<void> {
    await store.transaction(async (trx) => {
      const kept = await trx
        .updateTable("journal")
        .set({ state, last_error: message, done_at: clock.now(), tries: row.tries + 1, lease_owner: null })
        .where("id", "=", row.id)
        .where("fencing", "=", fencing)
        .executeTakeFirst();
      // Another process holds the lease by now: it records what it finds, this one nothing.
      if (kept.numUpdatedRows === 1n) await alsoRecord(trx);
    });
  }

  return {
    write: async (trx, entry) => {
      const id = ids.uuid();
      await trx
        .insertInto("journal")
        .values({
          id,
          kind: entry.kind,
          subject: entry.subject,
          body: JSON.stringify(entry.body),
          state: "written",
          tries: 0,
          not_before: entry.notBefore ?? 0,
          last_error: "",
          written_at: clock.now(),
          done_at: null,
          lease_owner: null,
          lease_until: null,
          fencing: 0,
        })
        .execute();
      return id;
    },
    poke,
    start: async (all) => {
      for (const handler of all) handlers.set(handler.kind, handler);
      if (options.alone) {
        await store.db.updateTable("journal").set({ lease_owner: null }).where("state", "=", "written").execute();
      }
      running = true;
      poke();
    },
    stop: async () => {
      running = false;
      cancelTimer?.();
      await looking;
      await Promise.all(underway);
    },
    isOpen: async (trx, subject) => {
      const row = await trx
        .selectFrom("journal")
        .select("id")
        .where("subject", "=", subject)
        .where("state", "=", "written")
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
    hasten: async (trx, subject) => {
      await trx
        .updateTable("journal")
        .set({ not_before: 0 })
        .where("subject", "=", subject)
        .where("state", "=", "written")
        .execute();
    },
    openEntries: async () => {
      const row = await store.db
        .selectFrom("journal")
        .select((eb) => eb.fn.countAll<number>().as("n"))
        .where("state", "=", "written")
        .executeTakeFirstOrThrow();
      return Number(row.n);
    },
  };
}
