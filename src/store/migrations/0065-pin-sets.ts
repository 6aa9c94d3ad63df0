import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Which images were tested together, what a cluster really ran of them, and which runs judge a release. */
export async function pinSets(db: Kysely<Database>): Promise<void> {
  const statements = [
    `create table pin_sets (id text primary key, deployment text not null, body text not null, at bigint not null)`,
    `create index pin_sets_by_time on pin_sets (at)`,
    `create table pin_set_images (pin_set_id text not null, component text not null, commit_id text not null,
       version text not null, image text not null, digest text not null, primary key (pin_set_id, image))`,
    `create index pin_set_images_by_digest on pin_set_images (digest)`,
    `create table cluster_tests (build_id text primary key, run_id text not null, pin_set_id text not null,
       state text not null, evidence text not null, at bigint not null)`,
    `create index cluster_tests_by_run on cluster_tests (run_id)`,
    `create index cluster_tests_by_set on cluster_tests (pin_set_id)`,
    `create table release_lanes (release_id text not null, run_id text not null, job text not null, at bigint not null,
       primary key (release_id, run_id))`,
    `create index release_lanes_by_run on release_lanes (run_id)`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
