import pg from "pg";
import { type Clock, err, fault, type Millis, ok, type Result } from "../../core/index.ts";

/** Session lock of the one server that works on a database. */
const serverLock = [0x666c6472, 1] as const;
const tryEveryMs: Millis = 200;
/** A server that was killed a moment ago: its connection is closed by its machine, and the database notices. */
const patienceTries = 50;
const regainEveryMs: Millis = 1000;

/**
 * Holds a PostgreSQL database for one server, as `lockHome` does a home: a lock of a session, which ends with the process
 * however it dies. After the database was started again it is taken anew; `onLost` when another server was faster, and
 * from then on nothing may be done. Faults: `conflict`, another server holds it; `unavailable`.
 */
export async function holdDatabase(
  url: string,
  options: { readonly clock: Clock; readonly onLost: () => void },
): Promise<Result<{ release(): Promise<void> }>> {
  const { clock } = options;
  let session: pg.Client | undefined;
  let released = false;

  async function connect(): Promise<"held" | "taken"> {
    // A machine that vanished without a word is found out in half a minute.
    const settings = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4";
    const client = new pg.Client({ connectionString: url, keepAlive: true, options: settings });
    client.on("error", () => {});
    try {
      await client.connect();
      const asked = await client.query<{ held: boolean }>("select pg_try_advisory_lock($1, $2) as held", [
        ...serverLock,
      ]);
      if (asked.rows[0]?.held !== true) {
        await client.end();
        return "taken";
      }
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    session = client;
    client.once("end", () => {
      if (released || session !== client) return;
      session = undefined;
      regain();
    });
    return "held";
  }

  function regain(): void {
    clock.after(regainEveryMs, () => {
      if (released) return;
      connect().then(
        (outcome) => {
          if (outcome === "taken") options.onLost();
        },
        () => regain(),
      );
    });
  }

  try {
    for (let tries = 0; ; tries++) {
      if ((await connect()) === "held") break;
      if (tries >= patienceTries)
        return err(
          fault("conflict", "another Fairlead works on this database", {
            hint: "stop it, or use its server; a database serves one server",
          }),
        );
      await new Promise<void>((done) => clock.after(tryEveryMs, done));
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return err(fault("unavailable", `the database cannot be reached: ${why}`, { cause }));
  }
  return ok({
    release: async () => {
      released = true;
      await session?.end().catch(() => undefined);
    },
  });
}
