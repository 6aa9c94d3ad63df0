import type { Selectable } from "kysely";
import { type Descriptor, indexTypes } from "../oci/index.ts";
import type { RegistryManifestRow, Store, Trx } from "../store/index.ts";

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

export async function linkBlob(trx: Trx | Store["db"], repository: string, digest: string): Promise<void> {
  await trx
    .insertInto("registry_repository_blobs")
    .values({ repository, digest })
    .onConflict((oc) => oc.columns(["repository", "digest"]).doNothing())
    .execute();
}

export async function hasBlob(store: Store, repository: string, digest: string): Promise<boolean> {
  const row = await store.db
    .selectFrom("registry_repository_blobs")
    .select("digest")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row !== undefined;
}

export async function findManifest(
  store: Store,
  repository: string,
  digest: string,
): Promise<StoredManifest | undefined> {
  return await store.db
    .selectFrom("registry_manifests")
    .selectAll()
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .executeTakeFirst();
}

export async function digestOfTag(db: Store["db"] | Trx, repository: string, tag: string): Promise<string | undefined> {
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
  const rows = await store.db.selectFrom("registry_tags").select("tag").where("repository", "=", repository).execute();
  return rows
    .map((row) => row.tag)
    .sort()
    .filter((tag) => last === undefined || tag > last)
    .slice(0, limit);
}

export async function referrersOf(
  store: Store,
  repository: string,
  subject: string,
): Promise<readonly StoredManifest[]> {
  return await store.db
    .selectFrom("registry_manifests")
    .selectAll()
    .where("repository", "=", repository)
    .where("subject", "=", subject)
    .orderBy("digest")
    .limit(1000)
    .execute();
}

/** What keeps a manifest, as a sentence; `undefined`: it may go. Indexes are the caller's to read. */
export async function holderOf(trx: Trx, repository: string, digest: string): Promise<string | undefined> {
  const tag = await trx
    .selectFrom("registry_tags")
    .select("tag")
    .where("repository", "=", repository)
    .where("digest", "=", digest)
    .orderBy("tag")
    .executeTakeFirst();
  if (tag) return `the tag ${tag.tag} means this manifest`;
  for (const table of ["publications", "canaries", "built_images"] as const) {
    const row = await trx.selectFrom(table).select("digest").where("digest", "=", digest).executeTakeFirst();
    if (row) return table === "built_images" ? "a run built this manifest" : "a release or canary is this manifest";
  }
  return undefined;
}

export async function indexesOf(db: Store["db"] | Trx, repository: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("registry_manifests")
    .select("digest")
    .where("repository", "=", repository)
    .where("media_type", "in", [...indexTypes])
    .execute();
  return rows.map((row) => row.digest);
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
  for (const table of ["publications", "canaries", "built_images"] as const) {
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
