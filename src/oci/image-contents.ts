import { err, fault, ok, type Result } from "../core/index.ts";
import { type Descriptor, type ImageIndex, type ImageManifest, mediaTypes } from "./documents.ts";
import { isDigest } from "./reference.ts";
import type { BlobStore } from "./store.ts";

/** OCI: registries take manifests of at least 4 MiB; more is refused here. */
export const largestManifest = 4 * 1024 * 1024;

export const manifestTypes: readonly string[] = [mediaTypes.ociManifest, mediaTypes.dockerManifest];
export const indexTypes: readonly string[] = [mediaTypes.ociIndex, mediaTypes.dockerIndex];

export type ManifestDocument =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly document: ImageManifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly document: ImageIndex };

/**
 * Reads a manifest or index strictly: `schemaVersion` 2, one kind only, every descriptor whole. The type is the
 * document's own, or `declared` where it has none (OCI image-spec: `mediaType` is reserved but may be left out).
 */
export function parseManifest(bytes: Uint8Array, declared: string | undefined): Result<ManifestDocument> {
  if (bytes.length > largestManifest) return err(fault("limit", `a manifest has at most ${largestManifest} bytes`));
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return err(fault("bad-input", "the manifest is not JSON"));
  }
  if (!isRecord(value)) return err(fault("bad-input", "the manifest is not a JSON object"));
  if (value["schemaVersion"] !== 2) return err(fault("bad-input", "schemaVersion is not 2"));
  const own = typeof value["mediaType"] === "string" ? value["mediaType"] : undefined;
  const mediaType = own ?? declared ?? ("manifests" in value ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  if (own !== undefined && declared !== undefined && own !== declared)
    return err(fault("bad-input", `the manifest says ${own}, its upload ${declared}`));
  const isIndex = indexTypes.includes(mediaType);
  if (!isIndex && !manifestTypes.includes(mediaType))
    return err(fault("bad-input", `${mediaType.slice(0, 100)} is no manifest type that is stored here`));
  if ("layers" in value && "manifests" in value)
    return err(fault("bad-input", "it has both layers and manifests: what it is depends on who reads it"));
  const subject = value["subject"] === undefined ? undefined : descriptorOf(value["subject"]);
  if (subject && !subject.ok) return subject;
  const shared = {
    ...value,
    schemaVersion: 2 as const,
    mediaType,
    artifactType: textOf(value["artifactType"]),
    annotations: annotationsOf(value["annotations"]),
    ...(subject ? { subject: subject.value } : {}),
  };
  if (isIndex) {
    const manifests = descriptorsOf(value["manifests"], "manifests");
    return manifests.ok
      ? ok({ kind: "index", mediaType, document: { ...shared, manifests: manifests.value } })
      : manifests;
  }
  const config = descriptorOf(value["config"]);
  if (!config.ok) return config;
  const layers = descriptorsOf(value["layers"] ?? [], "layers");
  if (!layers.ok) return layers;
  return ok({ kind: "manifest", mediaType, document: { ...shared, config: config.value, layers: layers.value } });
}

/** What a manifest needs to be there: blobs of an image, manifests of an index. Layers with foreign URLs need not be. */
export function referredTo(manifest: ManifestDocument): {
  readonly blobs: readonly Descriptor[];
  readonly manifests: readonly Descriptor[];
} {
  if (manifest.kind === "index") return { blobs: [], manifests: manifest.document.manifests };
  const layers = manifest.document.layers.filter((layer) => !isForeign(layer));
  return { blobs: [manifest.document.config, ...layers], manifests: [] };
}

/** OCI: without `artifactType` an image manifest is listed as a referrer under its config's media type, an index under none. */
export function artifactTypeOf(manifest: ManifestDocument): string | undefined {
  if (manifest.document.artifactType) return manifest.document.artifactType;
  return manifest.kind === "manifest" ? manifest.document.config.mediaType : undefined;
}

function isForeign(layer: Descriptor): boolean {
  return /\.foreign\.|\.nondistributable\./.test(layer.mediaType);
}

/** Every manifest of an image, children before their index, with its bytes. */
export async function manifestsOf(
  blobs: BlobStore,
  root: Descriptor,
): Promise<
  Result<readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array; readonly parsed: ManifestDocument }[]>
> {
  const bytes = await blobs.readAll(root.digest, largestManifest);
  if (!bytes.ok) return bytes;
  const parsed = parseManifest(bytes.value, root.mediaType);
  if (!parsed.ok) return parsed;
  const own = { descriptor: root, bytes: bytes.value, parsed: parsed.value };
  if (parsed.value.kind === "manifest") return ok([own]);
  const all = [];
  for (const child of parsed.value.document.manifests) {
    const inner = await manifestsOf(blobs, child);
    if (!inner.ok) return inner;
    all.push(...inner.value);
  }
  return ok([...all, own]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isRecord(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, text]) => (typeof text === "string" ? [[key, text]] : [])),
  );
}

function descriptorsOf(value: unknown, name: string): Result<readonly Descriptor[]> {
  if (!Array.isArray(value)) return err(fault("bad-input", `${name} is not a list`));
  if (value.length > 2000) return err(fault("limit", `${name} has more than 2,000 entries`));
  const all: Descriptor[] = [];
  for (const each of value) {
    const one = descriptorOf(each);
    if (!one.ok) return one;
    all.push(one.value);
  }
  return ok(all);
}

function descriptorOf(value: unknown): Result<Descriptor> {
  if (!isRecord(value)) return err(fault("bad-input", "a descriptor is missing"));
  const { mediaType, digest, size } = value;
  if (typeof mediaType !== "string" || typeof digest !== "string" || !isDigest(digest))
    return err(fault("bad-input", "a descriptor has no media type or no valid digest"));
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    return err(fault("bad-input", `the descriptor ${digest} has no valid size`));
  const platform = isRecord(value["platform"]) ? value["platform"] : undefined;
  return ok({
    mediaType,
    digest,
    size,
    ...(platform
      ? {
          platform: {
            os: textOf(platform["os"]) ?? "",
            architecture: textOf(platform["architecture"]) ?? "",
            variant: textOf(platform["variant"]),
            "os.version": textOf(platform["os.version"]),
          },
        }
      : {}),
    ...(isRecord(value["annotations"]) ? { annotations: annotationsOf(value["annotations"]) } : {}),
    ...(textOf(value["artifactType"]) === undefined ? {} : { artifactType: textOf(value["artifactType"]) }),
  });
}
