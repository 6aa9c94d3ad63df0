import type { Selectable } from "kysely";
import type { Descriptor } from "../oci/index.ts";
import type { RegistryManifestRow, Store, Trx } from "../store/index.ts";
import { stagingRunOf } from "./staging-names.ts";

type Db = Store["db"] | Trx;
export type StoredManifest = Selectable<RegistryManifestRow>;

export interface NewManifest {
  readonly repository: string;
  readonly descriptor: Descriptor;
  readonly subject: string | undefined;
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Blobs that it refers to and that are kept with it. */
  readonly blobs: readonly string[];
  readonly at: number;
}

export async function insertManifest(trx: Trx, manifest: NewManifest): Promise<void> {
  const { repository, descriptor } = manifest;
  await trx
    .insertInto("registry_manifests")
    .values({
      repository,
      digest: descriptor.digest,
      media_type: descriptor.mediaType,
      size: descriptor.size,
      subject: manifest.subject ?? null,
      artifact_type: manifest.artifactType ?? null,
      annotations: manifest.annotations === undefined ? null : JSON.stringify(manifest.annotations),
      pushed_at: manifest.at,
    })
    .onConflict((oc) => oc.columns(["repository", "digest"]).doNothing())
    .execute();
  for (const digest of manifest.blobs) await linkBlob(trx, repository, digest);
}

/** The repository has the blob from now on; false if it had it before. */
export async function linkBlob(db: Db, repository: string, digest: string): Promise<boolean> {
  const linked = await db
    .insertInto("registry_repository_blobs")
    .values({ repository, digest })
    .onConflict((oc) => oc.columns(["repository", "digest"]).doNothing())
    .executeTakeFirst();
  return (linked.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function unlinkBlob(db: Db, repository: string, digest: string): Promise<boolean> {
  const gone = await db
    .deleteFrom("registry_repository_blobs")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

export async function hasBlob(db: Db, repository: string, digest: string): Promise<boolean> {
  const row = await db
    .selectFrom("registry_repository_blobs")
    .select("digest")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row !== undefined;
}

/** Those of the digests that the repository has no blob of. */
export async function lackedBlobs(db: Db, repository: string, digests: readonly string[]): Promise<readonly string[]> {
  const known = new Set<string>();
  for (let from = 0; from < digests.length; from += 500) {
    const rows = await db
      .selectFrom("registry_repository_blobs")
      .select("digest")
      .where("repository", "=", repository)
      .where("digest", "in", digests.slice(from, from + 500))
      .execute();
    for (const { digest } of rows) known.add(digest);
  }
  return digests.filter((digest) => !known.has(digest));
}

/** Repositories that hold the blob, a few of them. */
export async function repositoriesWith(db: Db, digest: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("registry_repository_blobs")
    .select("repository")
    .where("digest", "=", digest)
    .orderBy("repository")
    .limit(50)
    .execute();
  return rows.map((row) => row.repository);
}

/** Distinct blobs of a repository, or, where `scope` ends in a slash, of all whose names begin with it. */
export async function blobsOf(db: Db, scope: string): Promise<readonly string[]> {
  const query = db.selectFrom("registry_repository_blobs").select("digest").distinct();
  const rows = await (scope.endsWith("/")
    ? query.where("repository", ">=", scope).where("repository", "<", after(scope))
    : query.where("repository", "=", scope)
  ).execute();
  return rows.map((row) => row.digest);
}

/** Bytes of the distinct manifests of a repository, or of all whose names begin with `scope`, as above. */
export async function manifestBytesOf(db: Db, scope: string): Promise<number> {
  const query = db.selectFrom("registry_manifests").select(["digest", "size"]).distinct();
  const rows = await (scope.endsWith("/")
    ? query.where("repository", ">=", scope).where("repository", "<", after(scope))
    : query.where("repository", "=", scope)
  ).execute();
  return rows.reduce((bytes, row) => bytes + row.size, 0);
}

/** The first text behind all that begin with `prefix`, which ends in a slash: its next character in ASCII is a zero. */
function after(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

export async function findManifest(db: Db, repository: string, digest: string): Promise<StoredManifest | undefined> {
  return await db
    .selectFrom("registry_manifests")
    .selectAll()
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
}

export async function digestOfTag(db: Db, repository: string, tag: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("registry_tags")
    .select("digest")
    .where("repository", "=", repository)
    .where("tag", "=", tag)
    .executeTakeFirst();
  return row?.digest;
}

/** Writes the tag if it is free, and answers what it means then. */
export async function claimTag(
  trx: Trx,
  repository: string,
  tag: string,
  digest: string,
  at: number,
): Promise<string | undefined> {
  await trx
    .insertInto("registry_tags")
    .values({ repository, tag, digest, updated_at: at })
    .onConflict((oc) => oc.columns(["repository", "tag"]).doNothing())
    .execute();
  return await digestOfTag(trx, repository, tag);
}

export async function moveTag(trx: Trx, repository: string, tag: string, digest: string, at: number): Promise<void> {
  await trx
    .insertInto("registry_tags")
    .values({ repository, tag, digest, updated_at: at })
    .onConflict((oc) => oc.columns(["repository", "tag"]).doUpdateSet({ digest, updated_at: at }))
    .execute();
}

/** Tags after `last` in the order of their bytes; `undefined` when the repository is unknown. */
export async function tagsOf(
  store: Store,
  repository: string,
  last: string | undefined,
  limit: number,
): Promise<readonly string[] | undefined> {
  const known = await store.db
    .selectFrom("registry_manifests")
    .select("digest")
    .where("repository", "=", repository)
    .limit(1)
    .executeTakeFirst();
  if (!known) return undefined;
  let query = store.db.selectFrom("registry_tags").select("tag").where("repository", "=", repository);
  if (last !== undefined) query = query.where("tag", ">", last);
  const rows = await query.orderBy("tag").limit(limit).execute();
  return rows.map((row) => row.tag);
}

/** Manifests with this subject, by digest, after `last`. */
export async function referrersOf(
  store: Store,
  repository: string,
  subject: string,
  page: { readonly artifactType: string | null; readonly last: string | undefined; readonly limit: number },
): Promise<readonly StoredManifest[]> {
  let query = store.db
    .selectFrom("registry_manifests")
    .selectAll()
    .where("repository", "=", repository)
    .where("subject", "=", subject);
  if (page.artifactType !== null) query = query.where("artifact_type", "=", page.artifactType);
  if (page.last !== undefined) query = query.where("digest", ">", page.last);
  return await query.orderBy("digest").limit(page.limit).execute();
}

/** What keeps a manifest besides tags and indexes, as a sentence; `undefined`: nothing. */
export async function holderOf(db: Db, digest: string): Promise<string | undefined> {
  for (const table of ["publications", "canaries", "built_images", "proofs", "pin_set_images"] as const) {
    const row = await db.selectFrom(table).select("digest").where("digest", "=", digest).executeTakeFirst();
    if (row) return table === "built_images" ? "a run built this manifest" : "a release or canary is this manifest";
  }
  return undefined;
}

export async function tagsMeaning(db: Db, repository: string, digest: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("registry_tags")
    .select("tag")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .orderBy("tag")
    .execute();
  return rows.map((row) => row.tag);
}

/** The version as which an image was released from this digest; `undefined`: it was not. */
export async function releasedAs(db: Db, digest: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("publications")
    .select(["image", "tag"])
    .where("digest", "=", digest)
    .orderBy("tag")
    .executeTakeFirst();
  return row && `${row.image}:${row.tag}`;
}

/** Digests that were released under an image name, with their tags. */
export async function publishedOf(db: Db, image: string): Promise<readonly { digest: string; tag: string }[]> {
  return await db.selectFrom("publications").select(["digest", "tag"]).distinct().where("image", "=", image).execute();
}

export async function manifestsIn(
  db: Db,
  repository: string,
): Promise<readonly { digest: string; media_type: string }[]> {
  return await db
    .selectFrom("registry_manifests")
    .select(["digest", "media_type"])
    .where("repository", "=", repository)
    .execute();
}

export async function deleteTag(db: Db, repository: string, tag: string): Promise<boolean> {
  const gone = await db
    .deleteFrom("registry_tags")
    .where("repository", "=", repository)
    .where("tag", "=", tag)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Tags below `prefix`, which ends in a slash, with what they mean. */
export async function stagedTags(db: Db, prefix: string) {
  return await db
    .selectFrom("registry_tags as t")
    .innerJoin("registry_manifests as m", (join) =>
      join.onRef("m.repository", "=", "t.repository").onRef("m.digest", "=", "t.digest"),
    )
    .select(["t.repository", "t.tag", "m.digest", "m.media_type", "m.size"])
    .where("t.repository", ">=", prefix)
    .where("t.repository", "<", after(prefix))
    .orderBy("t.repository")
    .orderBy("t.tag")
    .limit(5000)
    .execute();
}

/** Runs that have staging names. */
export async function stagingRuns(db: Db): Promise<readonly string[]> {
  const runs = new Set<string>();
  for (const table of ["registry_manifests", "registry_tags", "registry_repository_blobs"] as const) {
    const rows = await db
      .selectFrom(table)
      .select("repository")
      .distinct()
      .where("repository", ">=", "staging/")
      .where("repository", "<", after("staging/"))
      .execute();
    for (const { repository } of rows) {
      const run = stagingRunOf(repository);
      if (run !== undefined) runs.add(run);
    }
  }
  return [...runs];
}

/** Every row of the repositories below `prefix`, which ends in a slash. */
export async function forgetRepositories(trx: Trx, prefix: string): Promise<void> {
  for (const table of ["registry_tags", "registry_manifests", "registry_repository_blobs"] as const)
    await trx.deleteFrom(table).where("repository", ">=", prefix).where("repository", "<", after(prefix)).execute();
}

/** True if all are stored in the repository. */
export async function hasManifests(trx: Trx, repository: string, digests: readonly string[]): Promise<boolean> {
  for (const digest of digests) {
    const row = await trx
      .selectFrom("registry_manifests")
      .select("digest")
      .where("repository", "=", repository)
      .where("digest", "=", digest)
      .executeTakeFirst();
    if (!row) return false;
  }
  return true;
}

export async function deleteManifestRow(trx: Trx, repository: string, digest: string): Promise<boolean> {
  const gone = await trx
    .deleteFrom("registry_manifests")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Digests that rows refer to; what these manifests refer to in turn is in their bytes. */
export async function digestsInRecords(
  store: Store,
): Promise<readonly { readonly digest: string; readonly stored: boolean }[]> {
  const stored = await store.db.selectFrom("registry_manifests").select("digest").distinct().execute();
  const known = stored.map(({ digest }) => ({ digest, stored: true }));
  for (const table of ["publications", "canaries", "built_images", "proofs", "pin_set_images"] as const) {
    const rows = await store.db.selectFrom(table).select("digest").distinct().execute();
    for (const { digest } of rows) known.push({ digest, stored: false });
  }
  return known;
}

/** The component that last published an image under this name, where the family file does not say. */
export async function publisherOf(store: Store, image: string): Promise<string | undefined> {
  const published = await store.db
    .selectFrom("publications")
    .select("component")
    .where("image", "=", image)
    .limit(1)
    .executeTakeFirst();
  if (published) return published.component;
  const canary = await store.db
    .selectFrom("canaries")
    .select("component")
    .where("image", "=", image)
    .limit(1)
    .executeTakeFirst();
  return canary?.component;
}
