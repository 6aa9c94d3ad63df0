import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** What the auditor found in the registries. */
export async function audits(db: Kysely<Database>, serial: "integer" | "bigserial"): Promise<void> {
  await sql
    .raw(
      `create table audits (seq ${serial} primary key, started_at bigint not null, finished_at bigint not null,
         compared integer not null, unread text not null)`,
    )
    .execute(db);
  await sql
    .raw(
      `create table audit_findings (id text primary key, kind text not null, registry text not null,
         component text not null, image text not null, tag text not null, release_id text, expected text, found text,
         first_seen bigint not null, last_seen bigint not null, resolved_at bigint)`,
    )
    .execute(db);
  await sql`create index audit_findings_open on audit_findings (resolved_at, registry)`.execute(db);
}
