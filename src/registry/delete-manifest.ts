import { type BlobStore, isDigest, largestManifest, parseManifest, referredTo } from "../oci/index.ts";
import { registryError } from "./errors.ts";
import { deleteManifestRow, holderOf, indexesOf } from "./records.ts";
import type { DoorVisit } from "./visit.ts";

/** OCI: content management. What a tag, an index, a release or a run refers to stays. */
export async function deleteManifest(visit: DoorVisit, reference: string): Promise<Response> {
  const { options, repository } = visit;
  const { store } = options;
  if (!isDigest(reference)) {
    const refused = await visit.refuse({ action: "delete", tag: reference });
    if (refused) return refused;
    const gone = await store.db
      .deleteFrom("registry_tags")
      .where("repository", "=", repository)
      .where("tag", "=", reference)
      .executeTakeFirst();
    return gone.numDeletedRows > 0n
      ? new Response(null, { status: 202 })
      : registryError(404, "MANIFEST_UNKNOWN", `there is no tag ${reference}`);
  }
  const refused = await visit.refuse({ action: "delete" });
  if (refused) return refused;
  const seen = new Set<string>();
  for (;;) {
    // Indexes are read outside the transaction; one that came meanwhile is read in the next round.
    for (const index of await indexesOf(store.db, repository)) {
      if (seen.has(index)) continue;
      seen.add(index);
      if (index !== reference && (await children(options.blobs, index)).includes(reference))
        return registryError(403, "DENIED", `the index ${index} refers to this manifest`);
    }
    const outcome = await store.transaction(async (trx) => {
      if ((await indexesOf(trx, repository)).some((index) => !seen.has(index))) return "again";
      const holder = await holderOf(trx, repository, reference);
      if (holder !== undefined) return { holder };
      return (await deleteManifestRow(trx, repository, reference)) ? "gone" : "absent";
    });
    if (outcome === "again") continue;
    if (outcome === "gone") return new Response(null, { status: 202 });
    if (outcome === "absent") return registryError(404, "MANIFEST_UNKNOWN", `there is no manifest ${reference}`);
    return registryError(403, "DENIED", outcome.holder);
  }
}

async function children(blobs: BlobStore, index: string): Promise<readonly string[]> {
  const bytes = await blobs.readAll(index, largestManifest);
  const parsed = bytes.ok ? parseManifest(bytes.value, undefined) : bytes;
  return parsed.ok ? referredTo(parsed.value).manifests.map((child) => child.digest) : [];
}
