import { isDigest } from "../oci/index.ts";
import { registryError } from "./errors.ts";
import { hasBlob, linkBlob, repositoriesWith } from "./records.ts";
import { bodyOf, createdResponse, type DoorVisit, faultResponse, quotaResponse } from "./visit.ts";

/** OCI: pushing a blob: monolithic, in chunks, resumed, cancelled, or mounted from another repository. */
export async function uploadRoute(visit: DoorVisit, id: string | undefined): Promise<Response> {
  const { request, options, repository, url, caller } = visit;
  const refused = await visit.refuse({ action: "push" });
  if (refused) return refused;
  const digest = url.searchParams.get("digest");
  if (digest !== null && !isDigest(digest)) return registryError(400, "DIGEST_INVALID", "not a digest");
  if (id === undefined) {
    if (request.method !== "POST") return registryError(405, "UNSUPPORTED", "POST begins an upload");
    return await beginUpload(visit, digest);
  }
  const size = options.uploads.sizeOf(id, repository, caller);
  if (size === undefined) return registryError(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; begin again");
  switch (request.method) {
    case "GET":
    case "HEAD":
      return progress(visit, id, size, 204);
    case "DELETE":
      await options.uploads.cancel(id);
      return new Response(null, { status: 204 });
    case "PATCH": {
      const appended = await append(visit, id, size);
      return typeof appended === "number" ? progress(visit, id, appended, 202) : appended;
    }
    case "PUT":
      if (digest === null) return registryError(400, "DIGEST_INVALID", "the digest is missing");
      return await complete(visit, id, size, digest);
    default:
      return registryError(405, "UNSUPPORTED", "GET, PATCH, PUT or DELETE");
  }
}

async function beginUpload(visit: DoorVisit, digest: string | null): Promise<Response> {
  const { options, repository, url, caller } = visit;
  const algorithm = url.searchParams.get("digest-algorithm") ?? digest?.split(":")[0] ?? "sha256";
  if (algorithm !== "sha256" && algorithm !== "sha512")
    return registryError(400, "DIGEST_INVALID", "digests are sha256 or sha512 here");
  const mounted = await mount(visit);
  if (mounted) return mounted;
  const room = await options.quotas.room(repository);
  if (room && room.bytes === 0) return quotaResponse(room.reason);
  const fresh = await options.uploads.begin(repository, caller, algorithm);
  if (!fresh.ok) return registryError(429, "TOOMANYREQUESTS", fresh.error.message, { "retry-after": "60" });
  return digest === null ? progress(visit, fresh.value, 0, 202) : await complete(visit, fresh.value, 0, digest);
}

/**
 * OCI: mounts a blob that a repository holds which the caller may read; without `from`, any of them. Otherwise an upload
 * is begun, as if there were no such blob.
 */
async function mount(visit: DoorVisit): Promise<Response | undefined> {
  const { url, options, repository } = visit;
  const { db } = options.store;
  const digest = url.searchParams.get("mount");
  if (digest === null || !isDigest(digest)) return undefined;
  const from = url.searchParams.get("from");
  const holders = from === null ? await repositoriesWith(db, digest) : (await hasBlob(db, from, digest)) ? [from] : [];
  if (!holders.some((holder) => visit.mayRead(holder))) return undefined;
  const size = await options.blobs.sizeOf(digest);
  if (size === undefined) return undefined;
  const full = await options.quotas.refuse(repository, size);
  if (full !== undefined) return quotaResponse(full);
  if (await linkBlob(db, repository, digest)) options.quotas.added(repository, size);
  return createdResponse(repository, digest);
}

/** The size then, or the answer why not. OCI: a chunk that does not begin where the last one ended is answered 416. */
async function append(visit: DoorVisit, id: string, size: number): Promise<number | Response> {
  const { request, options, repository } = visit;
  const [, first, last] = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})/.exec(request.headers.get("content-range") ?? "") ?? [];
  if (first !== undefined && Number(first) !== size)
    return registryError(416, "BLOB_UPLOAD_INVALID", `${size} bytes are here; send the rest`, rangeHeaders(size));
  const room = await options.quotas.room(repository);
  const expected = first === undefined ? undefined : Number(last) - Number(first) + 1;
  const appended = await options.uploads.append(id, bodyOf(visit), { most: room?.bytes, expected });
  if (appended.ok) return appended.value;
  if (appended.error.code === "limit" && room) return quotaResponse(room.reason);
  return appended.error.code === "bad-input"
    ? registryError(400, "SIZE_INVALID", appended.error.message)
    : faultResponse(appended.error, "BLOB_UPLOAD_INVALID");
}

async function complete(visit: DoorVisit, id: string, size: number, digest: string): Promise<Response> {
  const { options, repository } = visit;
  const appended = await append(visit, id, size);
  if (typeof appended !== "number") return appended;
  const finished = await options.uploads.finish(id, digest, options.blobs);
  if (!finished.ok) return faultResponse(finished.error, "BLOB_UPLOAD_INVALID");
  if (await linkBlob(options.store.db, repository, digest)) options.quotas.added(repository, finished.value);
  return createdResponse(repository, digest);
}

function progress(visit: DoorVisit, id: string, size: number, status: number): Response {
  return new Response(null, {
    status,
    headers: {
      location: `/v2/${visit.repository}/blobs/uploads/${id}`,
      "docker-upload-uuid": id,
      ...rangeHeaders(size),
    },
  });
}

function rangeHeaders(size: number): Record<string, string> {
  return { range: `0-${Math.max(size - 1, 0)}` };
}
