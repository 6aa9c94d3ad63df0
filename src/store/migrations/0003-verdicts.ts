import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** What people say of a release after it was made: results of manual tests, and that it is not to be used. */
export async function verdicts(db: Kysely<Database>, serial: "integer" | "bigserial"): Promise<void> {
  const statements = [
    `create table release_notes (seq ${serial} primary key, release_id text not null, result text not null,
       text text not null, by_user text not null, at bigint not null)`,
    `create index release_notes_by_release on release_notes (release_id, seq)`,
    `alter table releases add column withdrawn_at bigint`,
    `alter table releases add column withdrawn_by text`,
    `alter table releases add column withdrawn_reason text`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
