import { sql } from "kysely";
import { err, fault, ok, type Result } from "../core/index.ts";
import { first } from "./migrations/0001-first.ts";
import { maintenance } from "./migrations/0002-maintenance.ts";
import { verdicts } from "./migrations/0003-verdicts.ts";
import { purposes } from "./migrations/0004-purposes.ts";
import { audits } from "./migrations/0005-audits.ts";
import { proof } from "./migrations/0006-proof.ts";
import type { Store } from "./store.ts";

/** In order and never edited once released; forward only. The schema's version is how many of them were applied. */
const migrations = [first, maintenance, verdicts, purposes, audits, proof] as const;

/**
 * Brings the schema up to date, each migration in a transaction of its own. `beforeUpgrade` runs before the first one
 * that changes a schema already in use. A schema newer than this program is refused: an older program could damage it.
 */
export async function migrate(store: Store, beforeUpgrade: (from: number) => Promise<void>): Promise<Result<void>> {
  await sql`create table if not exists schema_version (version integer not null)`.execute(store.db);
  const found = await sql<{ version: number }>`select version from schema_version`.execute(store.db);
  const version = found.rows[0]?.version ?? 0;
  if (version > migrations.length) {
    return err(
      fault(
        "refused",
        `this home was written by a newer Fairlead (schema ${version}, this program knows ${migrations.length})`,
        {
          hint: "use that version, or restore the backup it made before the upgrade",
        },
      ),
    );
  }
  if (version > 0 && version < migrations.length) await beforeUpgrade(version);
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    await store.transaction(async (trx) => {
      await migration(trx, store.engine === "sqlite" ? "integer" : "bigserial");
      await sql`delete from schema_version`.execute(trx);
      await sql`insert into schema_version (version) values (${index + 1})`.execute(trx);
    });
  }
  return ok(undefined);
}
