import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ManualClock, nextBuildId, ok, systemIds } from "../../src/core/index.ts";
import { createJournal, type EffectHandler } from "../../src/journal/index.ts";
import { insertRelease, releasesOf } from "../../src/release/index.ts";
import {
  appendFeed,
  checkRecord,
  lockHome,
  openStore,
  readFeed,
  type Store,
  sealRecord,
  tryOpenStore,
} from "../../src/store/index.ts";
import { type PrivatePostgres, postgresPrograms, startPostgres } from "../fixtures/postgres.ts";
import { programPath, run } from "../fixtures/programs.ts";
import { turns, until } from "../fixtures/until.ts";

let root: string;
let postgres: PrivatePostgres | undefined;
const programs = postgresPrograms();
let databases = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "store-"));
  if (programs) postgres = await startPostgres(programs);
});
afterAll(async () => {
  await postgres?.stop();
  await rm(root, { recursive: true, force: true });
});

function freshUrl(engine: "sqlite" | "postgres"): string {
  const name = `db${++databases}`;
  if (engine === "sqlite") return `sqlite:${join(root, `${name}.db`)}`;
  if (!postgres) throw new Error("no PostgreSQL");
  postgres.createDatabase(name);
  return postgres.url(name);
}

const noted = (seq: number) => ({ at: seq, topic: "run" as const, component: "c", subject: String(seq), state: "s" });

describe.each(["sqlite", "postgres"] as const)("the store on %s", (engine) => {
  const unavailable = engine === "postgres" && !programs;
  const test = unavailable ? it.skip : it;
  const skipped = unavailable ? " (skipped: PostgreSQL is not installed)" : "";

  async function withStore(work: (store: Store, url: string) => Promise<void>): Promise<void> {
    const url = freshUrl(engine);
    const store = await openStore(url);
    try {
      await work(store, url);
    } finally {
      await store.close();
    }
  }

  test(`chains the record while several append to it${skipped}`, async () => {
    await withStore(async (store, url) => {
      const other = engine === "postgres" ? await openStore(url) : store;
      const append = async (by: Store, start: number) => {
        for (let seq = start; seq < start + 40; seq++) await by.transaction((trx) => appendFeed(by, trx, [noted(seq)]));
      };
      await Promise.all([append(store, 0), append(other, 100), sealRecord(store), sealRecord(other)]);
      const { entries, head } = await sealRecord(store);
      expect(await checkRecord(other.db)).toMatchObject({ ok: true, entries, head, unsealed: 0 });
      expect(entries).toBe(80);
      await sql`update feed set state = 'other' where subject = '105'`.execute(store.db);
      expect(await checkRecord(store.db)).toMatchObject({ ok: false });
      if (other !== store) await other.close();
    });
  });

  test(`makes its schema once and opens it again${skipped}`, () =>
    withStore(async (store, url) => {
      await store.db.insertInto("meta").values({ key: "k", value: "v" }).execute();
      if (engine === "sqlite") return;
      const again = await openStore(url);
      expect(await again.db.selectFrom("meta").selectAll().where("key", "=", "k").execute()).toEqual([
        { key: "k", value: "v" },
      ]);
      await again.close();
    }));

  test(`refuses a home that a newer program wrote${skipped}`, () =>
    withStore(async (store, url) => {
      await sql`update schema_version set version = 999`.execute(store.db);
      await store.close();
      const opened = await tryOpenStore(url);
      expect(!opened.ok && [opened.error.code, opened.error.message]).toEqual([
        "refused",
        expect.stringMatching(/newer/),
      ]);
    }));

  test(`compares text by its bytes, whatever language the database speaks${skipped}`, () =>
    withStore(async (store) => {
      const names = ["Z", "_a", "a", "a-1", "a.1", "a/b", "a0", "b", "z"];
      const row = { digest: "d", updated_at: 0, tag: "t" };
      const shuffled = [...names].reverse();
      await store.db
        .insertInto("registry_tags")
        .values(shuffled.map((repository) => ({ ...row, repository })))
        .execute();
      const found = await store.db.selectFrom("registry_tags").select("repository").orderBy("repository").execute();
      expect(found.map((each) => each.repository)).toEqual(names);
      const below = store.db.selectFrom("registry_tags").select("repository");
      const range = await below.where("repository", ">=", "a/").where("repository", "<", "a0").execute();
      expect(range.map((each) => each.repository)).toEqual(["a/b"]);
    }));

  test(`keeps 19-digit build ids as they are${skipped}`, () =>
    withStore(async (store) => {
      const id = nextBuildId(Date.UTC(2026, 5, 1), "9007199254740992");
      await store.db.insertInto("meta").values({ key: "build", value: id }).execute();
      const row = await store.db
        .selectFrom("meta")
        .select("value")
        .where("key", "=", "build")
        .executeTakeFirstOrThrow();
      expect(row.value).toBe(id);
      expect(id).toHaveLength(19);
    }));

  test(`rolls a failed transaction back whole and goes on${skipped}`, () =>
    withStore(async (store) => {
      const failing = store.transaction(async (trx) => {
        await trx.insertInto("meta").values({ key: "half", value: "1" }).execute();
        throw new Error("in the middle");
      });
      await expect(failing).rejects.toThrow("in the middle");
      expect(await store.db.selectFrom("meta").selectAll().where("key", "=", "half").execute()).toEqual([]);
      await store.transaction((trx) => trx.insertInto("meta").values({ key: "half", value: "2" }).execute());
    }));

  test(`shows a reader of the feed every entry, in order, whoever writes at once${skipped}`, () =>
    withStore(async (store) => {
      const writers = Array.from({ length: 8 }, (_, writer) =>
        (async () => {
          for (let n = 0; n < 25; n++)
            await store.transaction((trx) => appendFeed(store, trx, [noted(writer * 1000 + n)]));
        })(),
      );
      const seen: number[] = [];
      let last = 0;
      let writing = true;
      const finished = Promise.all(writers).then(() => {
        writing = false;
      });
      while (writing || seen.length < 200) {
        const entries = await readFeed(store, last, 50);
        for (const entry of entries) {
          expect(entry.seq).toBeGreaterThan(last);
          last = entry.seq;
          seen.push(Number(entry.subject));
        }
      }
      await finished;
      expect(new Set(seen).size).toBe(200);
    }));

  test(`gives a release that comes again an id of its own${skipped}`, () =>
    withStore(async (store) => {
      const release = {
        component: "c",
        version: "v1.0.0",
        tagObject: "a".repeat(40),
        commit: "b".repeat(40),
        state: "quarantined" as const,
        prerelease: false,
        findings: [],
        unchecked: [],
        configHash: "h",
        reason: "r",
        requestedBy: "u",
        runId: undefined,
        at: 1,
      };
      for (let n = 0; n < 2; n++) await store.transaction((trx) => insertRelease(store, trx, release));
      expect((await releasesOf(store, "c")).map((row) => row.id).sort()).toEqual(["c@v1.0.0", "c@v1.0.0~2"]);
    }));

  test(`does each journal entry once, in the order of its subject, again after a fault that may pass${skipped}`, () =>
    withStore(async (store) => {
      const clock = new ManualClock();
      const done: string[] = [];
      let failures = 2;
      let finish: (error?: unknown) => void = () => {};
      const finished = new Promise<void>((done, failed) => {
        finish = (error) => (error === undefined ? done() : failed(error));
      });
      const handler: EffectHandler<{ name: string }> = {
        kind: "test",
        perform: async (entry) => {
          if (entry.body.name === "a1" && failures-- > 0) {
            setImmediate(() => clock.advance(60_000));
            return { ok: false, error: { code: "unavailable", message: "later" } };
          }
          done.push(entry.body.name);
          return ok(async () => {
            if (done.length === 4) finish();
          });
        },
        onFailure: async () => undefined,
      };
      const journal = createJournal({
        store,
        clock,
        ids: systemIds,
        owner: "me",
        alone: true,
        onBug: finish,
      });
      await store.transaction(async (trx) => {
        for (const [subject, name] of [
          ["a", "a1"],
          ["a", "a2"],
          ["b", "b1"],
          ["b", "b2"],
        ] as const)
          await journal.write(trx, { kind: "test", subject, body: { name } });
      });
      await journal.start([handler]);
      const nudge = setInterval(() => clock.advance(1000), 5);
      await finished;
      clearInterval(nudge);
      await journal.stop();
      expect(done.filter((name) => name.startsWith("a"))).toEqual(["a1", "a2"]);
      expect(done.filter((name) => name.startsWith("b"))).toEqual(["b1", "b2"]);
      expect(await journal.openEntries()).toBe(0);
    }));

  test(`gives an entry to one of several workers${skipped}`, () =>
    withStore(async (store) => {
      const clock = new ManualClock();
      const done: string[] = [];
      const bugs: unknown[] = [];
      const workers = ["one", "two", "three"].map((owner) =>
        createJournal({ store, clock, ids: systemIds, owner, alone: false, onBug: (error) => bugs.push(error) }),
      );
      const handler: EffectHandler<string> = {
        kind: "test",
        perform: async (entry) => {
          done.push(entry.body);
          await turns(3);
          return ok(async () => undefined);
        },
        onFailure: async () => undefined,
      };
      for (const worker of workers) await worker.start([handler]);
      const names = Array.from({ length: 30 }, (_, index) => `e${index}`);
      await store.transaction(async (trx) => {
        for (const body of names) await workers[0]?.write(trx, { kind: "test", subject: body, body });
      });
      await until(async () => {
        for (const worker of workers) worker.poke();
        return (await workers[0]?.openEntries()) === 0;
      });
      for (const worker of workers) await worker.stop();
      expect(bugs).toEqual([]);
      expect(done.sort()).toEqual(names.sort());
    }));
});

describe("SQLite", () => {
  it("is held by one process at a time", () => {
    const file = join(root, "lock.db");
    const first = lockHome(file);
    expect(first.ok).toBe(true);
    const second = lockHome(file);
    expect(!second.ok && second.error.code).toBe("conflict");
    if (first.ok) first.value.release();
    const third = lockHome(file);
    expect(third.ok).toBe(true);
    if (third.ok) third.value.release();
  });

  const strace = programPath("strace");
  it.skipIf(!strace)("carries a commit to fsync (skipped where strace is not installed)", async () => {
    const script = join(root, "commit.mjs");
    const libsql = fileURLToPath(import.meta.resolve("libsql"));
    await writeFile(
      script,
      `import { createRequire } from "node:module";
       const Database = createRequire(import.meta.url)(${JSON.stringify(libsql)});
       const db = new Database(${JSON.stringify(join(root, "fsync.db"))});
       for (const pragma of ["journal_mode = wal", "synchronous = full"]) db.pragma(pragma);
       db.exec("create table t (a)");
       process.stderr.write("BEGIN-COMMIT\\n");
       db.exec("begin immediate; insert into t values (1); commit");
       process.stderr.write("END-COMMIT\\n");`,
    );
    const traced = await run(strace ?? "", ["-f", "-e", "trace=fsync,fdatasync,write", process.execPath, script]);
    const between = traced.stderr.slice(traced.stderr.indexOf('"BEGIN-COMMIT'), traced.stderr.indexOf('"END-COMMIT'));
    expect(between).toMatch(/f(data)?sync\(/);
  });

  it("is opened by the store with exactly these settings", async () => {
    const store = await openStore(`sqlite:${join(root, "settings.db")}`);
    const mode = await sql<{ journal_mode: string }>`pragma journal_mode`.execute(store.db);
    const synchronous = await sql<{ synchronous: number }>`pragma synchronous`.execute(store.db);
    expect([mode.rows[0]?.journal_mode, Number(synchronous.rows[0]?.synchronous)]).toEqual(["wal", 2]);
    await store.close();
  });
});
