import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** What the maintenance job last did for each component and kind of update. */
export async function upkeep(db: Kysely<Database>): Promise<void> {
  await sql
    .raw(
      `create table upkeep (component text not null, kind text not null, outcome text not null, detail text not null,
         change_number integer, run_id text, base_commit text not null, wanted text not null, at bigint not null,
         primary key (component, kind))`,
    )
    .execute(db);
}
