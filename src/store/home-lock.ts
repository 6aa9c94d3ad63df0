import Libsql from "libsql";
import { err, fault, ok, type Result } from "../core/index.ts";

/**
 * Holds a home for one process: an exclusive transaction on `lock.db`, which the system ends with the process however it
 * dies. Fault `conflict` when another process holds it.
 */
export function lockHome(file: string): Result<{ release(): void }> {
  const db = new Libsql(file);
  try {
    db.pragma("busy_timeout = 0");
    db.exec("begin exclusive");
  } catch (cause) {
    db.close();
    return err(fault("conflict", "another Fairlead works on this home", { cause, hint: "stop it, or use its server" }));
  }
  return ok({
    release: () => {
      db.exec("rollback");
      db.close();
    },
  });
}
