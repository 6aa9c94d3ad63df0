import { sql } from "kysely";
import { err, fault, ok, type Result } from "../core/index.ts";
import { first } from "./migrations/0001-first.ts";
import { maintenance } from "./migrations/0002-maintenance.ts";
import { verdicts } from "./migrations/0003-verdicts.ts";
import { purposes } from "./migrations/0004-purposes.ts";
import { audits } from "./migrations/0005-audits.ts";
import { proof } from "./migrations/0006-proof.ts";
import { trains } from "./migrations/0040-trains.ts";
import { upkeep } from "./migrations/0041-upkeep.ts";
import { pinSets } from "./migrations/0065-pin-sets.ts";
import type { Store } from "./store.ts";

/** In order and never edited once released; forward only. The schema's version is how many of them were applied. */
const migrations = [first, maintenance, verdicts, purposes, audits, proof, trains, upkeep, pinSets] as const;

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
  if (store.engine === "postgres") await compareByBytes(store);
  return ok(undefined);
}

/**
 * SQLite compares text by its bytes, PostgreSQL in the language of the database: there `staging/` and what follows it is
 * no range, and pages of tags are in no order that a client knows. So every text column says how it is compared.
 */
async function compareByBytes(store: Store): Promise<void> {
  const columns = sql<{ table_name: string; column_name: string }>`
    select table_name, column_name from information_schema.columns
    where table_schema = current_schema() and data_type = 'text' and collation_name is distinct from 'C'
    order by table_name, column_name`;
  if ((await columns.execute(store.db)).rows.length === 0) return;
  await store.transaction(async (trx) => {
    for (const { table_name, column_name } of (await columns.execute(trx)).rows)
      await sql`alter table ${sql.table(table_name)} alter column ${sql.ref(column_name)} type text collate "C"`.execute(
        trx,
      );
  });
}
