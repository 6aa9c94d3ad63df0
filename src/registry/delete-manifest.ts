import { looksLikeVersion } from "../family/index.ts";
import {
  type BlobStore,
  indexTypes,
  isDigest,
  largestManifest,
  type ManifestDocument,
  parseManifest,
  referredTo,
} from "../oci/index.ts";
import { registryError } from "./errors.ts";
import { isReservedTag } from "./policy.ts";
import { deleteManifestRow, deleteTag, holderOf, manifestsIn, tagsMeaning } from "./records.ts";
import type { DoorVisit } from "./visit.ts";

/**
 * OCI: content management. A manifest takes the tags that mean it along. What a version, a canary, an index, a release or
 * a run refers to stays.
 */
export async function deleteManifest(visit: DoorVisit, reference: string): Promise<Response> {
  const { options, repository } = visit;
  const { store } = options;
  if (!isDigest(reference)) {
    const refused = await visit.refuse({ action: "delete", tag: reference });
    if (refused) return refused;
    return (await deleteTag(store.db, repository, reference))
      ? new Response(null, { status: 202 })
      : registryError(404, "MANIFEST_UNKNOWN", `there is no tag ${reference}`);
  }
  const refused = await visit.refuse({ action: "delete" });
  if (refused) return refused;
  const kept = options.family().name === repository.split("/")[0];
  const seen = new Set<string>();
  for (;;) {
    // Indexes are read outside the transaction; one that came meanwhile is read in the next round.
    for (const index of await indexesIn(store.db, repository)) {
      if (seen.has(index)) continue;
      seen.add(index);
      if (index !== reference && (await children(options.blobs, index)).includes(reference))
        return registryError(403, "DENIED", `the index ${index} refers to this manifest`);
    }
    const outcome = await store.transaction(async (trx) => {
      if ((await indexesIn(trx, repository)).some((index) => !seen.has(index))) return "again";
      const tags = await tagsMeaning(trx, repository, reference);
      const lasting = tags.find((tag) => kept && (looksLikeVersion(tag) || isReservedTag(tag)));
      if (lasting !== undefined) return { holder: `the tag ${lasting} means this manifest` };
      const holder = await holderOf(trx, reference);
      if (holder !== undefined) return { holder };
      for (const tag of tags) await deleteTag(trx, repository, tag);
      return (await deleteManifestRow(trx, repository, reference)) ? "gone" : "absent";
    });
    if (outcome === "again") continue;
    if (outcome === "gone") return new Response(null, { status: 202 });
    if (outcome === "absent") return registryError(404, "MANIFEST_UNKNOWN", `there is no manifest ${reference}`);
    return registryError(403, "DENIED", outcome.holder);
  }
}

async function indexesIn(db: Parameters<typeof manifestsIn>[0], repository: string): Promise<readonly string[]> {
  return (await manifestsIn(db, repository))
    .filter((manifest) => indexTypes.includes(manifest.media_type))
    .map((manifest) => manifest.digest);
}

async function children(blobs: BlobStore, index: string): Promise<readonly string[]> {
  const parsed = await readManifest(blobs, index);
  return parsed ? referredTo(parsed).manifests.map((child) => child.digest) : [];
}

/** A manifest as it is stored; `undefined` where it cannot be read. */
export async function readManifest(blobs: BlobStore, digest: string): Promise<ManifestDocument | undefined> {
  const bytes = await blobs.readAll(digest, largestManifest);
  const parsed = bytes.ok ? parseManifest(bytes.value, undefined) : bytes;
  return parsed.ok ? parsed.value : undefined;
}
