import { open } from "node:fs/promises";
import { deleteBlob } from "./delete-blob.ts";
import { registryError } from "./errors.ts";
import { hasBlob } from "./records.ts";
import { sendFile } from "./send-file.ts";
import { type DoorVisit, faultResponse } from "./visit.ts";

const immutable = { "cache-control": "private, max-age=31536000, immutable" };

/** OCI: pulling a blob, whole or a range. Only through a repository that has it. */
export async function blobRoute(visit: DoorVisit, digest: string): Promise<Response> {
  const { request, options, repository } = visit;
  if (request.method === "DELETE") return await deleteBlob(visit, digest);
  if (request.method !== "GET" && request.method !== "HEAD")
    return registryError(405, "UNSUPPORTED", "GET, HEAD or DELETE");
  const refused = await visit.refuse({ action: "pull" });
  if (refused) return refused;
  const size = (await hasBlob(options.store.db, repository, digest)) ? await options.blobs.sizeOf(digest) : undefined;
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
  const sent = range ? range.end - range.start + 1 : size;
  const status = range ? 206 : 200;
  const all = {
    ...headers,
    "content-length": String(sent),
    ...(range ? { "content-range": `bytes ${range.start}-${range.end}/${size}` } : {}),
  };
  if (!visit.connection) {
    const read = await options.blobs.read(digest, range);
    return read.ok ? new Response(read.value, { status, headers: all }) : faultResponse(read.error, "BLOB_UNKNOWN");
  }
  const { outgoing } = visit.connection;
  // Open from here on: the collector may take its name away, not its bytes.
  const file = await open(options.blobs.pathOf(digest)).catch(() => undefined);
  if (!file) return registryError(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}`);
  try {
    outgoing.writeHead(status, all);
    await sendFile(file, range?.start ?? 0, sent, outgoing);
  } finally {
    await file.close();
  }
  return alreadySent();
}

/** `@hono/node-server`: an answer that went out over the connection itself. */
function alreadySent(): Response {
  return new Response(null, { headers: { "x-hono-already-sent": "true" } });
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
