import { createHash } from "node:crypto";
import { looksLikeVersion } from "../family/index.ts";
import { artifactTypeOf, isDigest, isTagName, largestManifest, parseManifest, referredTo } from "../oci/index.ts";
import { deleteManifest } from "./delete-manifest.ts";
import { registryError } from "./errors.ts";
import { digestOfTag, findManifest, hasManifests, insertManifest, lackedBlobs, moveTag } from "./records.ts";
import { bodyOf, type DoorVisit, faultResponse, quotaResponse } from "./visit.ts";

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
  const row = digest === undefined ? undefined : await findManifest(options.store.db, repository, digest);
  if (!row) return registryError(404, "MANIFEST_UNKNOWN", `manifest for ${asPulled(visit, reference)} not found`);
  const headers = {
    "content-type": row.media_type,
    "content-length": String(row.size),
    "docker-content-digest": row.digest,
    etag: `"${row.digest}"`,
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  const bytes = await options.blobs.readAll(row.digest, largestManifest);
  if (!bytes.ok) return faultResponse(bytes.error, "MANIFEST_UNKNOWN");
  return new Response(Uint8Array.from(bytes.value), { headers });
}

/** The name as whoever asked wrote it: scripts look for `manifest for HOST/NAME:TAG not found` in what docker prints. */
function asPulled(visit: DoorVisit, reference: string): string {
  const separator = isDigest(reference) ? "@" : ":";
  return `${visit.url.host}/${visit.repository}${separator}${reference}`;
}

const mostTags = 100;

/** OCI: exact bytes are kept; what the manifest refers to must be there. Spec main: tags beside a digest, all or none. */
async function putManifest(visit: DoorVisit, reference: string): Promise<Response> {
  const { options, repository, request, url } = visit;
  const { db } = options.store;
  const early = await visit.refuse({ action: "push" });
  if (early) return early;
  if (!isDigest(reference) && !isTagName(reference))
    return registryError(400, "MANIFEST_INVALID", "neither tag nor digest");
  const bytes = await readAll(bodyOf(visit));
  if (!bytes) return registryError(413, "SIZE_INVALID", `a manifest has at most ${largestManifest} bytes`);
  const declared = request.headers.get("content-type")?.split(";")[0]?.trim();
  const parsed = parseManifest(bytes, declared === "" ? undefined : declared);
  if (!parsed.ok) return registryError(400, "MANIFEST_INVALID", parsed.error.message);
  const algorithm = reference.startsWith("sha512:") ? "sha512" : "sha256";
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (isDigest(reference) && reference !== digest)
    return registryError(400, "DIGEST_INVALID", `the bytes are ${digest}, not ${reference}`);
  const tags = isDigest(reference) ? [...new Set(url.searchParams.getAll("tag"))] : [reference];
  if (tags.length > mostTags) return registryError(414, "UNSUPPORTED", `at most ${mostTags} tags at once`);
  for (const tag of tags) {
    if (!isTagName(tag)) return registryError(400, "MANIFEST_INVALID", "a tag is not valid");
    const refused = await visit.refuse({ action: "tag", tag, digest });
    if (refused) return refused;
  }
  const subject = parsed.value.document.subject?.digest;
  const unattached = subject === undefined ? undefined : await visit.refuse({ action: "refer", digest: subject });
  if (unattached) return unattached;
  const needs = referredTo(parsed.value);
  const blobs = needs.blobs.map((blob) => blob.digest);
  const missing = await lackedBlobs(db, repository, blobs);
  for (const blob of needs.blobs) {
    const size = missing.includes(blob.digest) ? undefined : await options.blobs.sizeOf(blob.digest);
    if (size === undefined)
      return registryError(404, "MANIFEST_BLOB_UNKNOWN", `${blob.digest} was not pushed to ${repository}`);
    if (size !== blob.size)
      return registryError(400, "SIZE_INVALID", `${blob.digest} has ${size} bytes, not ${blob.size}`);
  }
  for (const child of needs.manifests) {
    const row = await findManifest(db, repository, child.digest);
    if (!row) return registryError(404, "MANIFEST_BLOB_UNKNOWN", `${child.digest} is in the index, but was not pushed`);
    if (row.size !== child.size)
      return registryError(400, "SIZE_INVALID", `${child.digest} has ${row.size} bytes, not ${child.size}`);
  }
  const known = (await findManifest(db, repository, digest)) !== undefined;
  const full = known ? undefined : await options.quotas.refuse(repository, bytes.length);
  if (full !== undefined) return quotaResponse(full);
  const kept = await options.blobs.write(bytes, { digest, size: bytes.length });
  if (!kept.ok) return faultResponse(kept.error, "MANIFEST_INVALID");
  const lasting = await visit.lasting();
  const at = options.clock.now();
  const outcome = await options.store.transaction(async (trx) => {
    const wanted = needs.manifests.map((child) => child.digest);
    if (!(await hasManifests(trx, repository, wanted))) return { lost: "a manifest of the index" };
    if ((await lackedBlobs(trx, repository, blobs)).length > 0) return { lost: "a blob of the manifest" };
    // Judged before any is written: a transaction that answers keeps what it did.
    for (const tag of tags) {
      const now = await digestOfTag(trx, repository, tag);
      if (now !== undefined && now !== digest && looksLikeVersion(tag) && lasting) return { beaten: tag };
    }
    await insertManifest(trx, {
      repository,
      descriptor: { mediaType: parsed.value.mediaType, digest, size: bytes.length },
      subject,
      artifactType: artifactTypeOf(parsed.value),
      annotations: parsed.value.document.annotations,
      blobs: [],
      at,
    });
    for (const tag of tags) await moveTag(trx, repository, tag, digest, at);
    return "kept";
  });
  if (outcome !== "kept")
    return outcome.lost === undefined
      ? registryError(403, "DENIED", `${outcome.beaten} was published with other bytes meanwhile`)
      : registryError(404, "MANIFEST_BLOB_UNKNOWN", `${outcome.lost} was just deleted`);
  if (!known) options.quotas.added(repository, bytes.length);
  const headers = new Headers({
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
  });
  if (subject !== undefined) headers.set("oci-subject", subject);
  if (isDigest(reference)) for (const tag of tags) headers.append("oci-tag", tag);
  return new Response(null, { status: 201, headers });
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > largestManifest) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
