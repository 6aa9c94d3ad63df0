import { z } from "zod";
import { err, fault, ok } from "../core/index.ts";
import type { BlobStore } from "../oci/index.ts";
import { filesOfRelease, type Keyring, type PinReader, storedAt, traceSubject } from "../proof/index.ts";
import { checkRecord, recordHolds, type Store } from "../store/index.ts";
import { acting, type Route, reading } from "./routes.ts";

/** What the proof of releases is told from. */
export interface ProofParts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly keyring: Keyring;
  readonly pins: PinReader;
}

/** Keys, the record and what is known about an image or a commit. */
export function proofRoutes(parts: ProofParts): readonly Route[] {
  const { store, keyring } = parts;
  return [
    reading("/trace", "Commits, tags, runs, images, pins and registries of an image or a commit.", ({ query }) =>
      traceSubject(store.db, parts.pins, query.get("subject") ?? ""),
    ),
    reading("/keys", "The public keys of the family, the current one and earlier ones.", async () =>
      ok({ items: await keyring.list() }),
    ),
    reading(
      "/record",
      "Computes the hash chain of the record again; with `head` also whether it is a link of it.",
      async ({ query }) => {
        const head = query.get("head");
        const checked = await checkRecord(store.db);
        if (head === null || !checked.ok || (await recordHolds(store.db, head))) return ok(checked);
        return ok({ ...checked, ok: false, detail: `${head.slice(0, 12)} is no head that this record ever had` });
      },
    ),
    reading(
      "/proofs/:digest",
      "When the record took in a signed statement, by the digest of its artifact.",
      async ({ params }) => {
        const at = await storedAt(store.db, params["digest"] ?? "");
        return at === undefined ? err(fault("not-found", "the record does not know this statement")) : ok({ at });
      },
    ),
    acting(
      "POST",
      "/keys/rotate",
      "Signs with a new key from now on; what the old one signed stays trusted.",
      "administrator",
      z.object({}),
      ({ principal }) => keyring.rotate(principal.user),
    ),
    acting(
      "POST",
      "/keys/revoke",
      "What a key signed from a date on is trusted no more; the current key is followed by a new one.",
      "administrator",
      z.object({ from: z.iso.datetime({ offset: true }), key: z.string().min(8).max(64).optional() }),
      ({ body, principal }) => keyring.revoke(body.key, Date.parse(body.from), principal.user),
    ),
  ];
}

/** `/files/<component>/<version>/<path>`: an auxiliary file of a published release, the same bytes for ever. */
export async function serveReleaseFile(parts: ProofParts, path: string): Promise<Response> {
  const [component = "", version = "", ...rest] = path.split("/");
  const files = await filesOfRelease(parts.store.db, component, version);
  const wanted = files.find((file) => file.path === rest.join("/"));
  const missing = (text: string) => new Response(`${text}\n`, { status: 404, headers: plain });
  if (files.length === 0) return missing(`no release ${version} of ${component} was published with files`);
  if (rest.join("/") === "") return new Response(`${files.map((file) => file.path).join("\n")}\n`, { headers: plain });
  if (!wanted) return missing(`it has no such file; it has ${files.map((file) => file.path).join(", ")}`);
  const bytes = await parts.blobs.read(wanted.digest);
  if (!bytes.ok) return missing(bytes.error.message);
  return new Response(bytes.value, {
    headers: {
      ...plain,
      "content-length": String(wanted.size),
      "content-security-policy": "sandbox; default-src 'none'",
      "cache-control": "public, max-age=31536000, immutable",
      etag: `"${wanted.digest}"`,
      digest: `sha-256=${Buffer.from(wanted.digest.replace("sha256:", ""), "hex").toString("base64")}`,
    },
  });
}

const plain = { "content-type": "text/plain; charset=utf-8" };
