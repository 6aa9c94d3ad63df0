import { referredTo } from "../oci/index.ts";
import { readManifest } from "./delete-manifest.ts";
import { registryError } from "./errors.ts";
import { manifestsIn, unlinkBlob } from "./records.ts";
import type { DoorVisit } from "./visit.ts";

/**
 * OCI: deleting a blob. It leaves the repository, unless a manifest there refers to it; its bytes go when nothing anywhere
 * refers to them any more.
 */
export async function deleteBlob(visit: DoorVisit, digest: string): Promise<Response> {
  const { options, repository } = visit;
  const { store } = options;
  const refused = await visit.refuse({ action: "delete" });
  if (refused) return refused;
  const seen = new Set<string>();
  for (;;) {
    // Manifests are read outside the transaction; one that came meanwhile is read in the next round.
    for (const manifest of await manifestsIn(store.db, repository)) {
      if (seen.has(manifest.digest)) continue;
      seen.add(manifest.digest);
      const parsed = await readManifest(options.blobs, manifest.digest);
      if (!parsed) return registryError(503, "UNAVAILABLE", `the stored manifest ${manifest.digest} cannot be read`);
      if (referredTo(parsed).blobs.some((blob) => blob.digest === digest))
        return registryError(403, "DENIED", `the manifest ${manifest.digest} refers to this blob; delete that first`);
    }
    const outcome = await store.transaction(async (trx) => {
      if ((await manifestsIn(trx, repository)).some((manifest) => !seen.has(manifest.digest))) return "again";
      return (await unlinkBlob(trx, repository, digest)) ? "gone" : "absent";
    });
    if (outcome === "again") continue;
    if (outcome === "gone") return new Response(null, { status: 202 });
    return registryError(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}`);
  }
}
