import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Freezes, changes marked for a release, and backports. */
export async function maintenance(db: Kysely<Database>): Promise<void> {
  const statements = [
    `create table freezes (id text primary key, component text not null, branch text not null, version text not null,
       reason text not null, by_user text not null, from_at bigint not null, until_at bigint, ended_at bigint,
       ended_by text, ended_reason text)`,
    `create index freezes_by_component on freezes (component, from_at)`,
    `alter table changes add column for_release text`,
    `alter table changes add column backport_of integer`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
