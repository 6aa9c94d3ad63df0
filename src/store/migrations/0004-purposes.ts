import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Changes that Fairlead opened itself: one for each component, branch and purpose, updated in place. */
export async function purposes(db: Kysely<Database>): Promise<void> {
  await sql.raw("alter table changes add column purpose text").execute(db);
}
