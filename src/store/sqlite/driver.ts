import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import Libsql from "libsql";

/**
 * SQLite through libsql: one process, one connection, every transaction immediate. Kysely's own dialect sends a plain
 * `begin`, with which two writers fail on each other instead of waiting.
 */
export class ImmediateSqliteDialect implements Dialect {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#path);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}

class ImmediateSqliteDriver implements Driver {
  readonly #path: string;
  #connection: SqliteConnection | undefined;
  /** Settles when the connection is free again; each taker chains itself behind the one before. */
  #turn: Promise<void> = Promise.resolve();
  #release: (() => void) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    this.#connection = new SqliteConnection(this.#path);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn;
    let release: () => void = () => undefined;
    this.#turn = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    this.#release = release;
    if (!this.#connection) throw new Error("the database is closed");
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async destroy(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

type Statement = ReturnType<Libsql.Database["prepare"]>;

/** Prepared statements kept; the program's set of distinct queries is far smaller. */
const keptStatements = 500;

class SqliteConnection implements DatabaseConnection {
  readonly #path: string;
  #db: Libsql.Database;
  #statements = new Map<string, Statement>();

  constructor(path: string) {
    this.#path = path;
    this.#db = open(path);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      return this.#run<R>(query);
    } catch (cause) {
      // A connection that saw BUSY answers the next COMMIT with "SQL statements in progress": it is opened anew.
      if (
        cause instanceof Error &&
        /SQLITE_BUSY|database is locked/.test(`${Reflect.get(cause, "code")} ${cause.message}`)
      ) {
        this.close();
        this.#db = open(this.#path);
      }
      throw cause;
    }
  }

  #run<R>(query: CompiledQuery): QueryResult<R> {
    const statement = this.#prepare(query.sql);
    const parameters = [...query.parameters];
    if (statement.reader) {
      const rows: R[] = [];
      for (const row of statement.all(parameters)) rows.push(plain<R>(row));
      return { rows };
    }
    const { changes } = statement.run(parameters);
    return { numAffectedRows: BigInt(changes), rows: [] };
  }

  #prepare(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    if (this.#statements.size >= keptStatements) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}

/** The one place where a row becomes what Kysely's query types promise; the schema and its migrations keep that true. */
function plain<R>(row: unknown): R;
function plain(row: unknown): unknown {
  return row;
}

function open(path: string): Libsql.Database {
  const db = new Libsql(path);
  // FULL: a commit has reached the disk when it is answered; NORMAL loses the last ones on a power cut.
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"]) {
    db.pragma(pragma);
  }
  return db;
}
