import { type Kysely, sql } from "kysely";
import type { Database } from "../schema.ts";

/** Proof of releases: the record as a chain, keys, signed statements, auxiliary files, and how images were made. */
export async function proof(db: Kysely<Database>, serial: "integer" | "bigserial"): Promise<void> {
  const statements = [
    `create table record_chain (seq SERIAL primary key, source text not null, row_seq bigint not null, hash text not null)`,
    `create unique index record_chain_once on record_chain (source, row_seq)`,
    `create index record_chain_by_hash on record_chain (hash)`,
    `create table signing_keys (id text primary key, public_key text not null, custody text not null,
       created_at bigint not null, created_by text not null, retired_at bigint, revoked_from bigint, revoked_by text)`,
    `create table proofs (seq SERIAL primary key, release_id text not null, image text not null,
       subject_digest text not null, kind text not null, digest text not null, media_type text not null,
       size integer not null, key_id text not null, record_head text not null, at bigint not null)`,
    `create unique index proofs_once on proofs (release_id, image, subject_digest, kind)`,
    `create index proofs_by_subject on proofs (subject_digest)`,
    `create table release_files (release_id text not null, path text not null, digest text not null,
       size integer not null, primary key (release_id, path))`,
    `alter table built_images add column making text not null default '{}'`,
  ];
  for (const statement of statements) await sql.raw(statement.replaceAll("SERIAL", serial)).execute(db);
}
