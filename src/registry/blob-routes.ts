import { isDigest } from "../oci/index.ts";
import { registryError } from "./errors.ts";
import { hasBlob, linkBlob } from "./records.ts";
import { type DoorVisit, faultResponse } from "./visit.ts";

const immutable = { "cache-control": "private, max-age=31536000, immutable" };

/** OCI: pulling a blob, whole or a range. Only through a repository that has it. */
export async function serveBlob(visit: DoorVisit, digest: string): Promise<Response> {
  const { request, options, repository } = visit;
  if (request.method === "DELETE")
    return registryError(405, "UNSUPPORTED", "blobs go by themselves when nothing refers to them any more");
  if (request.method !== "GET" && request.method !== "HEAD") return registryError(405, "UNSUPPORTED", "GET or HEAD");
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  const size = (await hasBlob(options.store, repository, digest)) ? await options.blobs.sizeOf(digest) : undefined;
  if (size === undefined) return registryError(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}`);
  const headers = {
    ...immutable,
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
  };
  if (request.method === "HEAD")
    return new Response(null, { status: 200, headers: { ...headers, "content-length": String(size) } });
  const range = rangeOf(request.headers.get("range"), size);
  if (range === "outside")
    return registryError(416, "SIZE_INVALID", `the blob has ${size} bytes`, { "content-range": `bytes */${size}` });
  const read = await options.blobs.read(digest, range);
  if (!read.ok) return faultResponse(read.error, "BLOB_UNKNOWN");
  const sent = range ? range.end - range.start + 1 : size;
  return new Response(read.value, {
    status: range ? 206 : 200,
    headers: {
      ...headers,
      "content-length": String(sent),
      ...(range ? { "content-range": `bytes ${range.start}-${range.end}/${size}` } : {}),
    },
  });
}

/** One range; several, or what is no range, are answered with the whole, as RFC 9110 allows. */
function rangeOf(header: string | null, size: number): { start: number; end: number } | "outside" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (!match) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const last = Number(to);
    return last === 0 || size === 0 ? "outside" : { start: Math.max(size - last, 0), end: size - 1 };
  }
  const start = Number(from);
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return start >= size || end < start ? "outside" : { start, end };
}

/** OCI: pushing a blob: monolithic, in chunks, resumed, cancelled, or mounted from another repository. */
export async function uploadRoute(visit: DoorVisit, id: string | undefined): Promise<Response> {
  const { request, options, repository, url } = visit;
  const refused = await visit.refuse({ action: "push" });
  if (refused) return refused;
  const user = visit.principal?.tokenId ?? "";
  const digest = url.searchParams.get("digest");
  if (digest !== null && !isDigest(digest)) return registryError(400, "DIGEST_INVALID", "not a digest");
  if (id === undefined) {
    if (request.method !== "POST") return registryError(405, "UNSUPPORTED", "POST begins an upload");
    const mounted = await mount(visit);
    if (mounted) return mounted;
    const fresh = await options.uploads.begin(repository, user);
    return digest === null ? progress(visit, fresh, 0, 202) : await complete(visit, fresh, digest);
  }
  const size = options.uploads.sizeOf(id, repository, user);
  if (size === undefined) return registryError(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; begin again");
  switch (request.method) {
    case "GET":
    case "HEAD":
      return progress(visit, id, size, 204);
    case "DELETE":
      await options.uploads.cancel(id);
      return new Response(null, { status: 204 });
    case "PATCH": {
      const from = /^(?:bytes[ =])?(\d+)-(\d+)/.exec(request.headers.get("content-range") ?? "")?.[1];
      if (from !== undefined && Number(from) !== size)
        return registryError(416, "BLOB_UPLOAD_INVALID", `${size} bytes are here; send the rest`, rangeHeaders(size));
      const appended = await options.uploads.append(id, request.body ?? nothing());
      return appended.ok
        ? progress(visit, id, appended.value, 202)
        : faultResponse(appended.error, "BLOB_UPLOAD_INVALID");
    }
    case "PUT":
      if (digest === null) return registryError(400, "DIGEST_INVALID", "the digest is missing");
      return await complete(visit, id, digest);
    default:
      return registryError(405, "UNSUPPORTED", "GET, PATCH, PUT or DELETE");
  }
}

async function mount(visit: DoorVisit): Promise<Response | undefined> {
  const { url, options, repository } = visit;
  const digest = url.searchParams.get("mount");
  if (digest === null || !isDigest(digest)) return undefined;
  const from = url.searchParams.get("from");
  const there = from !== null && (await hasBlob(options.store, from, digest));
  if (!there || (await options.blobs.sizeOf(digest)) === undefined) return undefined;
  await linkBlob(options.store.db, repository, digest);
  return created(visit, digest);
}

async function complete(visit: DoorVisit, id: string, digest: string): Promise<Response> {
  const { request, options, repository } = visit;
  const appended = await options.uploads.append(id, request.body ?? nothing());
  if (!appended.ok) return faultResponse(appended.error, "BLOB_UPLOAD_INVALID");
  const finished = await options.uploads.finish(id, digest, options.blobs);
  if (!finished.ok) return faultResponse(finished.error, "BLOB_UPLOAD_INVALID");
  await linkBlob(options.store.db, repository, digest);
  return created(visit, digest);
}

function created(visit: DoorVisit, digest: string): Response {
  return new Response(null, {
    status: 201,
    headers: { location: `/v2/${visit.repository}/blobs/${digest}`, "docker-content-digest": digest },
  });
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

async function* nothing(): AsyncGenerator<Uint8Array> {}
