import { createHash } from "node:crypto";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { type Descriptor, type Digest, mediaTypes } from "../documents.ts";
import { largestManifest, parseManifest } from "../image-contents.ts";
import type { Exchange } from "./exchange.ts";
import { endpoint } from "./hosts.ts";
import { readManifest, writeManifest } from "./manifests.ts";
import { nextPage } from "./paging.ts";
import { readBounded } from "./read-bounded.ts";

const mostPages = 20;
const mostRaces = 5;

/** OCI: the tag of the index that stands in where a registry has no referrers API: `sha256-<hex>`. */
export function fallbackTag(subject: Digest): string {
  const [algorithm = "", hex = ""] = subject.split(":");
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

/**
 * OCI distribution 1.1, "listing referrers": from the API with all its pages, else from the fallback tag. Filtered here
 * too: a registry may not know the filter. Nothing attached is an empty list.
 */
export async function listReferrers(
  exchange: Exchange,
  host: string,
  repository: string,
  subject: Digest,
  artifactType?: string,
): Promise<Result<readonly Descriptor[]>> {
  const found: Descriptor[] = [];
  const url = endpoint(host, `${repository}/referrers/${subject}`);
  if (artifactType !== undefined) url.searchParams.set("artifactType", artifactType);
  let page: URL | undefined = url;
  for (let count = 0; page && count < mostPages; count++) {
    const answer = await exchange.ask({
      host,
      method: "GET",
      url: page,
      headers: { accept: mediaTypes.ociIndex },
      scopes: [`repository:${repository}:pull`],
    });
    if (!answer.ok) return answer;
    const { response } = answer.value;
    if (response.status === 404 && count === 0) {
      await response.body?.cancel();
      return await fromFallback(exchange, host, repository, subject, artifactType);
    }
    if (response.status !== 200) return err(await exchange.unexpected(host, response));
    const bytes = await readBounded(response, largestManifest);
    if (!bytes.ok) return bytes;
    const parsed = parseManifest(bytes.value, mediaTypes.ociIndex);
    if (!parsed.ok || parsed.value.kind !== "index")
      return err(fault("corrupt", `${host}/${repository}: what refers to ${subject} is no index`));
    found.push(...parsed.value.document.manifests);
    page = nextPage(host, answer.value);
  }
  return ok(ofType(found, artifactType));
}

function ofType(all: readonly Descriptor[], artifactType: string | undefined): readonly Descriptor[] {
  return artifactType === undefined ? all : all.filter((each) => each.artifactType === artifactType);
}

async function fromFallback(
  exchange: Exchange,
  host: string,
  repository: string,
  subject: Digest,
  artifactType: string | undefined,
): Promise<Result<readonly Descriptor[]>> {
  const tagged = await readManifest(exchange, host, repository, fallbackTag(subject));
  if (!tagged.ok) return tagged;
  if (tagged.value?.parsed.kind !== "index") return ok([]);
  return ok(ofType(tagged.value.parsed.document.manifests, artifactType));
}

/**
 * Where a registry did not index a subject, its referrer is listed in the fallback index. Several writers race there, and
 * the specification leaves that to them: the list is read again after it was written, and whoever was overwritten adds
 * itself anew; `If-Match` is used where the registry offers entity tags.
 */
export async function addToFallback(
  exchange: Exchange,
  host: string,
  repository: string,
  subject: Digest,
  referrer: Descriptor,
): Promise<Result<void>> {
  const tag = fallbackTag(subject);
  for (let race = 0; race < mostRaces; race++) {
    if (race > 0) await exchange.pause(race);
    const now = await readManifest(exchange, host, repository, tag);
    if (!now.ok) return now;
    if (now.value && now.value.parsed.kind !== "index")
      return err(fault("refused", `${host}/${repository}:${tag} is an image, where the list of referrers belongs`));
    const listed = now.value?.parsed.kind === "index" ? now.value.parsed.document.manifests : [];
    if (listed.some((each) => each.digest === referrer.digest)) return ok(undefined);
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...listed, referrer] };
    const bytes = Buffer.from(JSON.stringify(index));
    const written = await writeManifest(exchange, {
      host,
      repository,
      reference: tag,
      mediaType: mediaTypes.ociIndex,
      bytes,
      ifMatch: now.value?.etag,
    });
    // Another writer's list in place of ours is no lie of the registry's: both are joined in the next round.
    if (!written.ok && written.error.code !== "conflict" && written.error.code !== "corrupt") return written;
  }
  const last = await readManifest(exchange, host, repository, tag);
  if (!last.ok) return last;
  const listed = last.value?.parsed.kind === "index" ? last.value.parsed.document.manifests : [];
  if (listed.some((each) => each.digest === referrer.digest)) return ok(undefined);
  return err(fault("unavailable", `${host}/${repository}:${tag} is written by others all the time`));
}

/** How a manifest with a subject is listed: its type is the artifact's, else its configuration's. */
export function asReferrer(
  bytes: Uint8Array,
  mediaType: string,
): Result<{ subject: Digest; referrer: Descriptor } | undefined> {
  const parsed = parseManifest(bytes, mediaType);
  if (!parsed.ok) return parsed;
  const { document, kind } = parsed.value;
  if (!document.subject) return ok(undefined);
  const configType = kind === "manifest" ? parsed.value.document.config.mediaType : undefined;
  const artifactType = document.artifactType ?? configType;
  return ok({
    subject: document.subject.digest,
    referrer: {
      mediaType,
      digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(document.annotations ? { annotations: document.annotations } : {}),
    },
  });
}
