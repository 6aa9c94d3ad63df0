import { CompiledQuery, Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import { err, fault, ok, type Result } from "../core/index.ts";
import { migrate } from "./migrate.ts";
import type { Database } from "./schema.ts";
import { ImmediateSqliteDialect } from "./sqlite/driver.ts";

export type Trx = Transaction<Database>;

/** One database, SQLite or PostgreSQL, behind the same queries. */
export interface Store {
  readonly engine: "sqlite" | "postgres";
  readonly db: Kysely<Database>;
  /** Nothing but database calls of `trx` inside: on SQLite everybody else waits for it. */
  transaction<T>(work: (trx: Trx) => Promise<T>): Promise<T>;
  /**
   * Taken first by a transaction that appends to an ordered table (events, feed, decisions): on PostgreSQL sequence
   * numbers would otherwise become visible out of order and readers of `seq > last` would lose rows.
   */
  orderAppends(trx: Trx): Promise<void>;
  /** A consistent copy of a SQLite database while it is in use; fault `bad-input` on PostgreSQL (use pg_dump). */
  copyTo(file: string): Promise<Result<void>>;
  close(): Promise<void>;
}

const appendLock = 0x666c6472;

export function engineOf(url: string): Store["engine"] {
  return url.startsWith("postgres") ? "postgres" : "sqlite";
}

/** A database's address as it may be shown: without its password. */
function withoutPassword(url: string): string {
  return url.replace(/:[^:@/]*@/, ":***@");
}

/**
 * Opens `sqlite:<path>`, `sqlite::memory:` or `postgres://…` and brings its schema up to date. Faults: `refused` when a
 * newer program wrote it, `unavailable` when it cannot be opened.
 */
export async function tryOpenStore(
  url: string,
  beforeMigration: (from: number, copyTo: (file: string) => Promise<void>) => Promise<void> = async () => undefined,
): Promise<Result<Store>> {
  const engine = engineOf(url);
  try {
    const store = engine === "postgres" ? openPostgres(url) : openSqlite(url.replace(/^sqlite:/, ""));
    const migrated = await migrate(store, (from) =>
      beforeMigration(from, async (file) => {
        const copied = await store.copyTo(file);
        if (!copied.ok) throw new Error(copied.error.message);
      }),
    );
    if (!migrated.ok) {
      await store.close();
      return migrated;
    }
    return ok(store);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return err(fault("unavailable", `the database ${withoutPassword(url)} cannot be opened: ${why}`, { cause }));
  }
}

/** As `tryOpenStore`; throws where that fails. */
export async function openStore(url: string): Promise<Store> {
  const opened = await tryOpenStore(url);
  if (opened.ok) return opened.value;
  throw new Error(opened.error.message, { cause: opened.error.cause });
}

function openSqlite(path: string): Store {
  const db = new Kysely<Database>({ dialect: new ImmediateSqliteDialect(path) });
  return {
    engine: "sqlite",
    db,
    transaction: (work) => db.transaction().execute(work),
    orderAppends: async () => undefined,
    copyTo: async (file) => {
      await db.executeQuery(CompiledQuery.raw("vacuum into ?", [file]));
      return ok(undefined);
    },
    close: () => db.destroy(),
  };
}

function openPostgres(url: string): Store {
  const int8 = 20;
  const types: pg.CustomTypesConfig = {
    getTypeParser: (oid: number, format?: "text" | "binary") =>
      oid === int8 ? Number : pg.types.getTypeParser(oid, format === "binary" ? "binary" : "text"),
  };
  const pool = new pg.Pool({ connectionString: url, max: 10, types });
  // An idle connection that the database closed is made anew by the next query, which says so if it cannot.
  pool.on("error", () => {});
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  return {
    engine: "postgres",
    db,
    transaction: (work) => db.transaction().execute(work),
    orderAppends: async (trx) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(appendLock)})`.execute(trx);
    },
    copyTo: async () =>
      err(
        fault("bad-input", "a PostgreSQL database is backed up by its own tools", {
          hint: "run pg_dump --format=custom",
        }),
      ),
    close: () => db.destroy(),
  };
}
