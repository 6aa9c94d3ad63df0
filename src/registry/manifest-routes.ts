import { createHash } from "node:crypto";
import {
  isDigest,
  largestManifest,
  type ManifestDocument,
  mediaTypes,
  parseManifest,
  referredTo,
} from "../oci/index.ts";
import { deleteManifest } from "./delete-manifest.ts";
import { registryError } from "./errors.ts";
import { digestOfTag, findManifest, hasManifests, insertManifest, referrersOf, tagsOf } from "./records.ts";
import { judgeTagWrite } from "./tag-write.ts";
import { type DoorVisit, faultResponse } from "./visit.ts";

export async function manifestRoute(visit: DoorVisit, reference: string): Promise<Response> {
  switch (visit.request.method) {
    case "GET":
    case "HEAD":
      return await serveManifest(visit, reference);
    case "PUT":
      return await putManifest(visit, reference);
    case "DELETE":
      return await deleteManifest(visit, reference);
    default:
      return registryError(405, "UNSUPPORTED", "GET, HEAD, PUT or DELETE");
  }
}

async function serveManifest(visit: DoorVisit, reference: string): Promise<Response> {
  const { options, repository, request } = visit;
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  const digest = isDigest(reference) ? reference : await digestOfTag(options.store.db, repository, reference);
  const row = digest === undefined ? undefined : await findManifest(options.store, repository, digest);
  if (!row) return registryError(404, "MANIFEST_UNKNOWN", `manifest for ${repository}:${reference} not found`);
  const bytes = await options.blobs.readAll(row.digest, largestManifest);
  if (!bytes.ok) return faultResponse(bytes.error, "MANIFEST_UNKNOWN");
  return new Response(request.method === "HEAD" ? null : Uint8Array.from(bytes.value), {
    headers: {
      "content-type": row.media_type,
      "content-length": String(row.size),
      "docker-content-digest": row.digest,
      etag: `"${row.digest}"`,
    },
  });
}

/** OCI: exact bytes are kept; what the manifest refers to must be there. */
async function putManifest(visit: DoorVisit, reference: string): Promise<Response> {
  const { options, repository, request } = visit;
  const early = await visit.refuse({ action: "push" });
  if (early) return early;
  const bytes = await readAll(request);
  if (!bytes) return registryError(413, "SIZE_INVALID", `a manifest has at most ${largestManifest} bytes`);
  const declared = request.headers.get("content-type")?.split(";")[0]?.trim();
  const parsed = parseManifest(bytes, declared === "" ? undefined : declared);
  if (!parsed.ok) return registryError(400, "MANIFEST_INVALID", parsed.error.message);
  const algorithm = reference.startsWith("sha512:") ? "sha512" : "sha256";
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (isDigest(reference) && reference !== digest)
    return registryError(400, "DIGEST_INVALID", `the bytes are ${digest}, not ${reference}`);
  const tag = isDigest(reference) ? undefined : reference;
  if (tag !== undefined) {
    const refused = await visit.refuse({ action: "tag", tag, digest });
    if (refused) return refused;
  }
  const needs = referredTo(parsed.value);
  for (const blob of needs.blobs) {
    const size = await options.blobs.sizeOf(blob.digest);
    if (size === undefined || size !== blob.size)
      return registryError(404, "MANIFEST_BLOB_UNKNOWN", `${blob.digest} was not pushed, or is not ${blob.size} bytes`);
  }
  for (const child of needs.manifests) {
    if (!(await findManifest(options.store, repository, child.digest)))
      return registryError(404, "MANIFEST_UNKNOWN", `${child.digest} is in the index, but was not pushed`);
  }
  const kept = await options.blobs.write(bytes, { digest, size: bytes.length });
  if (!kept.ok) return faultResponse(kept.error, "MANIFEST_INVALID");
  const at = options.clock.now();
  const subject = parsed.value.document.subject?.digest;
  const outcome = await options.store.transaction(async (trx) => {
    const wanted = needs.manifests.map((child) => child.digest);
    if (!(await hasManifests(trx, repository, wanted))) return "childless";
    await insertManifest(trx, {
      repository,
      descriptor: { mediaType: parsed.value.mediaType, digest, size: bytes.length },
      subject,
      artifactType: artifactTypeOf(parsed.value),
      annotations: parsed.value.document.annotations,
      blobs: needs.blobs.map((blob) => blob.digest),
      at,
    });
    if (tag === undefined) return "kept";
    return (await judgeTagWrite(trx, repository, tag, digest, at)) ? "kept" : "beaten";
  });
  if (outcome === "childless")
    return registryError(404, "MANIFEST_UNKNOWN", "a manifest of the index was just deleted");
  if (outcome === "beaten") return registryError(403, "DENIED", `${tag} was published with other bytes meanwhile`);
  return new Response(null, {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      "docker-content-digest": digest,
      ...(subject === undefined ? {} : { "oci-subject": subject }),
    },
  });
}

/** OCI: without `artifactType` a referrer is listed under its config's media type. */
function artifactTypeOf(manifest: ManifestDocument): string | undefined {
  if (manifest.document.artifactType !== undefined) return manifest.document.artifactType;
  return manifest.kind === "manifest" ? manifest.document.config.mediaType : undefined;
}

/** OCI: content discovery, in the order of bytes, with `n`, `last` and a Link to the next page. */
export async function listTags(visit: DoorVisit): Promise<Response> {
  const { options, repository, url } = visit;
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  const asked = url.searchParams.get("n");
  const n = asked === null ? 1000 : Number(asked);
  if (!Number.isSafeInteger(n) || n < 0) return registryError(400, "UNSUPPORTED", "n is not a count");
  const limit = Math.min(n, 1000);
  const found = await tagsOf(options.store, repository, url.searchParams.get("last") ?? undefined, limit + 1);
  if (!found) return registryError(404, "NAME_UNKNOWN", `there is no repository ${repository}`);
  const tags = found.slice(0, limit);
  const last = tags.at(-1);
  const more = found.length > limit && last !== undefined;
  const link = `</v2/${repository}/tags/list?n=${limit}&last=${encodeURIComponent(last ?? "")}>; rel="next"`;
  return Response.json({ name: repository, tags }, { headers: more ? { link } : {} });
}

export async function referrers(visit: DoorVisit, digest: string): Promise<Response> {
  const { options, repository, url } = visit;
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  if (!isDigest(digest)) return registryError(400, "DIGEST_INVALID", "not a digest");
  const filter = url.searchParams.get("artifactType");
  const rows = await referrersOf(options.store, repository, digest);
  const manifests = rows
    .filter((row) => filter === null || row.artifact_type === filter)
    .map((row) => ({
      mediaType: row.media_type,
      digest: row.digest,
      size: row.size,
      ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
      ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) }),
    }));
  return Response.json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    {
      headers: {
        "content-type": mediaTypes.ociIndex,
        ...(filter === null ? {} : { "oci-filters-applied": "artifactType" }),
      },
    },
  );
}

async function readAll(request: Request): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > largestManifest) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
