import { isDigest, mediaTypes } from "../oci/index.ts";
import { registryError } from "./errors.ts";
import { referrersOf, type StoredManifest, tagsOf } from "./records.ts";
import type { DoorVisit } from "./visit.ts";

const pageOfTags = 1000;
const pageOfReferrers = 500;
/** OCI: answers are index manifests, so a page stays below the size of one. */
const pageBytes = 3 * 1024 * 1024;

/** OCI: content discovery, in the order of bytes, with `n`, `last` and a Link to the next page. */
export async function listTags(visit: DoorVisit): Promise<Response> {
  const { options, repository, url } = visit;
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  if (visit.request.method !== "GET" && visit.request.method !== "HEAD")
    return registryError(405, "UNSUPPORTED", "GET lists tags");
  const asked = url.searchParams.get("n");
  const n = asked === null ? pageOfTags : Number(asked);
  if (asked === "" || !Number.isSafeInteger(n) || n < 0) return registryError(400, "UNSUPPORTED", "n is not a count");
  const limit = Math.min(n, pageOfTags);
  const found = await tagsOf(options.store, repository, url.searchParams.get("last") ?? undefined, limit + 1);
  if (!found) return registryError(404, "NAME_UNKNOWN", `there is no repository ${repository}`);
  const tags = found.slice(0, limit);
  const last = tags.at(-1);
  const more = found.length > limit && last !== undefined;
  const link = `</v2/${repository}/tags/list?n=${limit}&last=${encodeURIComponent(last ?? "")}>; rel="next"`;
  return Response.json({ name: repository, tags }, { headers: more ? { link } : {} });
}

/** OCI: who refers to a digest, known here or not, filtered by `artifactType`, in pages. */
export async function listReferrers(visit: DoorVisit, digest: string): Promise<Response> {
  const { options, repository, url } = visit;
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  if (!isDigest(digest)) return registryError(400, "DIGEST_INVALID", "not a digest");
  const artifactType = url.searchParams.get("artifactType");
  const last = url.searchParams.get("last") ?? undefined;
  const rows = await referrersOf(options.store, repository, digest, { artifactType, last, limit: pageOfReferrers + 1 });
  const page = pageOf(rows);
  const query = new URLSearchParams({
    ...(artifactType === null ? {} : { artifactType }),
    last: page.at(-1)?.digest ?? "",
  });
  return Response.json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: page.map(descriptorOf) },
    {
      headers: {
        "content-type": mediaTypes.ociIndex,
        ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
        ...(page.length < rows.length
          ? { link: `</v2/${repository}/referrers/${digest}?${query.toString()}>; rel="next"` }
          : {}),
      },
    },
  );
}

/** As many as fit, one at least: its annotations are a part of a manifest, so they are smaller than one. */
function pageOf(rows: readonly StoredManifest[]): readonly StoredManifest[] {
  let bytes = 0;
  const fitting = rows.slice(0, pageOfReferrers).findIndex((row, index) => {
    bytes += 300 + (row.annotations?.length ?? 0);
    return index > 0 && bytes > pageBytes;
  });
  return rows.slice(0, fitting < 0 ? pageOfReferrers : fitting);
}

function descriptorOf(row: StoredManifest) {
  return {
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) }),
  };
}
