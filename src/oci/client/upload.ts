import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import type { Descriptor } from "../documents.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { endpoint } from "./hosts.ts";

/** Opens the blob, or the inclusive range of it. */
export type BlobOpener = (range?: {
  readonly start: number;
  readonly end: number;
}) => Promise<Result<ReadableStream<Uint8Array>>>;

export interface Upload {
  readonly host: string;
  readonly repository: string;
  readonly blob: Pick<Descriptor, "digest" | "size">;
  readonly open: BlobOpener;
  /** Repository of the same host that may have it: mounted from there, no byte is sent. */
  readonly mountFrom?: string | undefined;
}

/** How often an upload goes on, or begins anew, after something broke. */
const mostAttempts = 5;
/** Proxies in front of registries refuse bodies that are larger than they like: then in pieces. */
const usualChunk = 16 * 1024 * 1024;
const smallestChunk = 256 * 1024;

/** Answers how the blob came to be there. Faults: `corrupt` when the registry shows that it stored something else. */
export async function uploadBlob(
  exchange: Exchange,
  upload: Upload,
): Promise<Result<"present" | "mounted" | "uploaded">> {
  const present = await isThere(exchange, upload);
  if (!present.ok) return present;
  if (present.value) return ok("present");
  const session = createSession(exchange, upload);
  let mount = upload.mountFrom === upload.repository ? undefined : upload.mountFrom;
  let last: Fault | undefined;
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    if (last) await exchange.pause(attempt);
    if (!session.open) {
      const begun = await session.begin(mount);
      if (!begun.ok && mount !== undefined) {
        // What may not be read at the other place is sent.
        mount = undefined;
        continue;
      }
      if (!begun.ok) return begun;
      if (begun.value === "mounted") {
        const mounted = await isThere(exchange, upload);
        if (mounted.ok && !mounted.value) {
          // It said so, and it is not there: sent as if nothing had been said.
          mount = undefined;
          continue;
        }
        return mounted.ok ? ok("mounted") : mounted;
      }
    } else {
      const found = await session.findOffset();
      if (!found.ok) return found;
      if (found.value === "gone") continue;
    }
    const sent = await session.send();
    if (sent.ok) return (await mustBeThere(exchange, upload)) ?? ok("uploaded");
    if (sent.error.code !== "unavailable" || isFinal(sent.error)) return sent;
    last = sent.error;
  }
  return err(last ?? fault("unavailable", `${upload.host} keeps losing the upload of ${upload.blob.digest}`));
}

/** Everything that is neither the session's nor the network's fault would be answered the same again. */
function isFinal({ facts }: Fault): boolean {
  const status = facts?.["status"];
  if (typeof status !== "number") return false;
  return status >= 400 && status < 500 && ![404, 408, 416, 429].includes(status);
}

/** OCI distribution 1.1, "pushing blobs": one upload session and how far it came. */
function createSession(exchange: Exchange, upload: Upload) {
  const { host, repository, blob } = upload;
  const scopes = [`repository:${repository}:pull,push`];
  let location: URL | undefined;
  let offset = 0;
  let chunk: number | undefined;
  let smallest = 0;
  let refusedAt: number | undefined;

  function moveTo(answer: Answer): Fault | undefined {
    const text = answer.response.headers.get("location");
    if (text === null) return undefined;
    if (!URL.canParse(text, answer.url.href) || text.length > 8000)
      return fault("unavailable", `${host} sends uploads to an address that is none`);
    location = new URL(text, answer.url);
    return undefined;
  }

  /** The session's own query stays as it is: registries keep its state there. */
  function closing(): URL {
    const url = new URL(location ?? endpoint(host, ""));
    url.search = `${url.search}${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(blob.digest)}`;
    return url;
  }

  async function rejected(answer: Answer): Promise<Result<never>> {
    const { status } = answer.response;
    const complaint = await exchange.unexpected(host, answer.response);
    if (status === 404) location = undefined;
    return err(complaint);
  }

  async function whole(): Promise<Result<void>> {
    const sent = await exchange.ask({
      host,
      method: "PUT",
      url: closing(),
      headers: { "content-type": "application/octet-stream", "content-length": String(blob.size) },
      body: () => upload.open(),
      scopes,
      once: true,
    });
    if (!sent.ok) return sent;
    const { status } = sent.value.response;
    if (status === 201) return await stored(sent.value);
    if (status === 413 || status === 411 || status === 501) {
      await sent.value.response.body?.cancel();
      chunk = usualChunk;
      return err(fault("unavailable", `${host} takes ${blob.digest} in pieces only (${status})`));
    }
    return await rejected(sent.value);
  }

  async function inChunks(): Promise<Result<void>> {
    while (offset < blob.size) {
      const length = Math.max(chunk ?? usualChunk, smallest);
      const end = Math.min(offset + length, blob.size) - 1;
      const start = offset;
      const sent = await exchange.ask({
        host,
        method: "PATCH",
        url: location ?? endpoint(host, ""),
        headers: {
          "content-type": "application/octet-stream",
          "content-length": String(end - start + 1),
          // OCI: `<start>-<end>`, inclusive, without a unit.
          "content-range": `${start}-${end}`,
        },
        body: () => upload.open({ start, end }),
        scopes,
        once: true,
      });
      if (!sent.ok) return sent;
      const { status } = sent.value.response;
      if (status === 413 && length > smallestChunk) {
        await sent.value.response.body?.cancel();
        chunk = Math.max(Math.floor(length / 4), smallestChunk);
        continue;
      }
      if (status === 416) {
        await sent.value.response.body?.cancel();
        // Told twice at the same place, the session is beyond repair.
        if (refusedAt === start) location = undefined;
        refusedAt = start;
        return err(fault("unavailable", `${host} has another part of ${blob.digest} than we thought`));
      }
      if (status !== 202) return await rejected(sent.value);
      await sent.value.response.body?.cancel();
      const wrong = moveTo(sent.value);
      if (wrong) return err(wrong);
      offset = end + 1;
    }
    const closed = await exchange.ask({
      host,
      method: "PUT",
      url: closing(),
      headers: { "content-type": "application/octet-stream", "content-length": "0" },
      scopes,
      once: true,
    });
    if (!closed.ok) return closed;
    return closed.value.response.status === 201 ? await stored(closed.value) : await rejected(closed.value);
  }

  async function stored(answer: Answer): Promise<Result<void>> {
    await answer.response.body?.cancel();
    location = undefined;
    return notAs(host, blob.digest, answer.response) ?? ok(undefined);
  }

  return {
    get open() {
      return location !== undefined;
    },
    begin: async (mount: string | undefined): Promise<Result<"session" | "mounted">> => {
      offset = 0;
      const url = endpoint(host, `${repository}/blobs/uploads/`);
      if (mount !== undefined) {
        url.searchParams.set("mount", blob.digest);
        url.searchParams.set("from", mount);
      }
      if (blob.digest.startsWith("sha512:")) url.searchParams.set("digest-algorithm", "sha512");
      const begun = await exchange.ask({
        host,
        method: "POST",
        url,
        headers: { "content-length": "0" },
        scopes: mount === undefined ? scopes : [...scopes, `repository:${mount}:pull`],
      });
      if (!begun.ok) return begun;
      const { response } = begun.value;
      if (response.status === 201 && mount !== undefined) {
        await response.body?.cancel();
        return ok("mounted");
      }
      if (response.status !== 202 || response.headers.get("location") === null)
        return err(await exchange.unexpected(host, response));
      await response.body?.cancel();
      const wrong = moveTo(begun.value);
      smallest = Math.min(Number(response.headers.get("oci-chunk-min-length") ?? "0") || 0, 1024 ** 3);
      return wrong ? err(wrong) : ok("session");
    },
    /** OCI: GET of the session answers 204 and `Range: 0-<last byte it has>`. */
    findOffset: async (): Promise<Result<"found" | "gone">> => {
      const url = location ?? endpoint(host, "");
      const asked = await exchange.ask({ host, method: "GET", url, scopes });
      if (!asked.ok) return asked;
      await asked.value.response.body?.cancel();
      const range = /^(?:bytes=)?0-(\d{1,15})$/.exec(asked.value.response.headers.get("range") ?? "")?.[1];
      const at = range === undefined || range === "0" ? 0 : Number(range) + 1;
      if (asked.value.response.status !== 204 || at > blob.size) {
        location = undefined;
        return ok("gone");
      }
      const wrong = moveTo(asked.value);
      if (wrong) return err(wrong);
      offset = at;
      if (offset > 0) chunk ??= usualChunk;
      return ok("found");
    },
    send: () => (chunk === undefined ? whole() : inChunks()),
  };
}

async function isThere(exchange: Exchange, upload: Upload): Promise<Result<boolean>> {
  const { host, repository, blob } = upload;
  const asked = await exchange.ask({
    host,
    method: "HEAD",
    url: endpoint(host, `${repository}/blobs/${blob.digest}`),
    scopes: [`repository:${repository}:pull,push`],
  });
  if (!asked.ok) return asked;
  const { response } = asked.value;
  await response.body?.cancel();
  if (response.status === 404) return ok(false);
  if (response.status !== 200) return err(await exchange.unexpected(host, response));
  const length = response.headers.get("content-length");
  if (length !== null && Number(length) !== blob.size)
    return err(
      fault("corrupt", `${host}/${repository} has ${length} bytes under ${blob.digest}, which has ${blob.size}`),
    );
  return notAs(host, blob.digest, response) ?? ok(true);
}

async function mustBeThere(exchange: Exchange, upload: Upload): Promise<Result<never> | undefined> {
  const there = await isThere(exchange, upload);
  if (!there.ok) return there;
  if (there.value) return undefined;
  return err(fault("unavailable", `${upload.host} took ${upload.blob.digest}, and now does not have it`));
}

/** OCI: `Docker-Content-Digest` is what the registry stored; when it says so, it has to be what was sent. */
export function notAs(host: string, digest: string, response: Response): Result<never> | undefined {
  const said = response.headers.get("docker-content-digest");
  if (said === null || said === digest || said.split(":")[0] !== digest.split(":")[0]) return undefined;
  return err(fault("corrupt", `${host} was given ${digest} and says that it stored ${said.slice(0, 140)}`));
}
