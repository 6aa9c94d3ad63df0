import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../core/index.ts";
import { engineOf } from "../store/index.ts";
import { type Home, writePrivate } from "./home.ts";

/**
 * Which database belongs to a home. A home whose record lies in PostgreSQL remembers that, not how to get in: started
 * without it, it would begin an empty record beside repositories and images that have one. `given`: from `--database` or
 * FAIRLEAD_DATABASE. Fault `refused` when it is of another kind than the home's.
 */
export async function databaseOf(home: Home, given: string | undefined): Promise<Result<string>> {
  const file = join(home.root, "database");
  const remembered = await readFile(file, "utf8").catch(() => "");
  const engine = engineOf(given ?? "");
  if (engine === "sqlite" && remembered.trim() === "postgres")
    return err(
      fault("refused", `the record of ${home.root} is in PostgreSQL`, {
        hint: "say where: --database postgres://…, or FAIRLEAD_DATABASE",
      }),
    );
  if (engine === "sqlite" || given === undefined) return ok(given ?? `sqlite:${home.database}`);
  if (await stat(home.database).catch(() => undefined))
    return err(
      fault("refused", `the record of ${home.root} is in its own SQLite database; PostgreSQL would begin another`, {
        hint: "serve it without --database, or use a home of its own for PostgreSQL",
      }),
    );
  if (remembered === "") await writePrivate(file, "postgres\n");
  return ok(given);
}
