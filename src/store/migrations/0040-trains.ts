import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Trains: several releases that one request asked for, each with where it stands. */
export async function trains(db: Kysely<Database>): Promise<void> {
  const statements = [
    `create table trains (id text primary key, actor text not null, state text not null, reason text not null,
       started_at bigint not null, ended_at bigint)`,
    `create index trains_by_state on trains (state, started_at)`,
    `create table train_stops (train_id text not null, place integer not null, component text not null,
       version text not null, commit_id text, after_stops text not null, state text not null, reason text not null,
       release_id text, change_number integer, began_at bigint, ended_at bigint, primary key (train_id, place))`,
    `create index train_stops_by_version on train_stops (component, version)`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
