import { createHash } from "node:crypto";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Descriptor } from "../documents.ts";
import { indexTypes, largestManifest, type ManifestDocument, manifestTypes, parseManifest } from "../image-contents.ts";
import type { Exchange } from "./exchange.ts";
import { endpoint } from "./hosts.ts";
import { readBounded } from "./read-bounded.ts";
import { notAs } from "./upload.ts";

export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly parsed: ManifestDocument;
  /** For a write that takes the place of exactly this one, where the registry offers it. */
  readonly etag?: string | undefined;
}

export interface ManifestWrite {
  readonly host: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** RFC 9110 13.1.1: refused by a registry that knows entity tags when something else stands there by now. */
  readonly ifMatch?: string | undefined;
}

/** By tag or digest, its bytes compared with the digest asked for. `undefined`: there is none. */
export async function readManifest(
  exchange: Exchange,
  host: string,
  repository: string,
  reference: string,
): Promise<Result<RemoteManifest | undefined>> {
  const answer = await exchange.ask({
    host,
    method: "GET",
    url: endpoint(host, `${repository}/manifests/${reference}`),
    headers: { accept: [...manifestTypes, ...indexTypes].join(", ") },
    scopes: [`repository:${repository}:pull`],
  });
  if (!answer.ok) return answer;
  const { response } = answer.value;
  if (response.status === 404) {
    await response.body?.cancel();
    return ok(undefined);
  }
  if (response.status !== 200) return err(await exchange.unexpected(host, response));
  const bytes = await readBounded(response, largestManifest);
  if (!bytes.ok) return bytes;
  const declared = response.headers.get("content-type")?.split(";")[0]?.trim();
  const parsed = parseManifest(bytes.value, declared === "" ? undefined : declared);
  if (!parsed.ok) return err(fault("corrupt", `${host}/${repository}: ${parsed.error.message}`));
  const algorithm = reference.startsWith("sha512:") ? "sha512" : "sha256";
  const digest = `${algorithm}:${createHash(algorithm).update(bytes.value).digest("hex")}`;
  if (reference.includes(":") && reference !== digest)
    return err(fault("corrupt", `${host}/${repository}@${reference} answered other bytes (${digest})`));
  const said = response.headers.get("docker-content-digest");
  if (said?.startsWith(`${algorithm}:`) && said !== digest)
    return err(fault("corrupt", `${host}/${repository}:${reference} says ${said.slice(0, 140)} and sends ${digest}`));
  const descriptor = { mediaType: parsed.value.mediaType, digest, size: bytes.value.length };
  const etag = response.headers.get("etag") ?? undefined;
  return ok({ descriptor, bytes: bytes.value, parsed: parsed.value, etag });
}

/**
 * Writes a manifest and reads it back: a registry that stored something else, or nothing, is found out now. Answers
 * whether the registry says that it indexed the subject (OCI: `OCI-Subject`). Fault `conflict`: `ifMatch` did not hold.
 */
export async function writeManifest(
  exchange: Exchange,
  write: ManifestWrite,
): Promise<Result<{ readonly indexedSubject: boolean }>> {
  const { host, repository, reference, mediaType, bytes, ifMatch } = write;
  const sent = await exchange.ask({
    host,
    method: "PUT",
    url: endpoint(host, `${repository}/manifests/${reference}`),
    headers: { "content-type": mediaType, ...(ifMatch === undefined ? {} : { "if-match": ifMatch }) },
    body: async () => ok(bytes),
    scopes: [`repository:${repository}:pull,push`],
  });
  if (!sent.ok) return sent;
  const { response } = sent.value;
  if (response.status === 412) {
    await response.body?.cancel();
    return err(fault("conflict", `${host}/${repository}:${reference} was changed in between`));
  }
  if (response.status !== 201) return err(await exchange.unexpected(host, response));
  await response.body?.cancel();
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const wrong = notAs(host, digest, response);
  if (wrong) return wrong;
  const back = await readManifest(exchange, host, repository, reference);
  if (!back.ok) return back;
  if (!back.value)
    return err(fault("unavailable", `${host} took ${repository}:${reference}, and now does not have it`));
  if (!Buffer.from(back.value.bytes).equals(bytes))
    return err(
      fault(
        "corrupt",
        `${host}/${repository}:${reference} is ${back.value.descriptor.digest} after ${digest} was written`,
      ),
    );
  return ok({ indexedSubject: response.headers.has("oci-subject") });
}
