import { err, fault, ok, type Result } from "../core/index.ts";
import { type BlobStore, type Descriptor, type ImageConfig, type ImageManifest, manifestsOf } from "../oci/index.ts";

const largestConfig = 4 * 1024 * 1024;

export interface ConfiguredManifest {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** The manifest of one platform with its configuration. Faults: `not-found`, `corrupt`. */
export async function readConfig(blobs: BlobStore, platform: Descriptor): Promise<Result<ConfiguredManifest>> {
  const manifests = await manifestsOf(blobs, platform);
  if (!manifests.ok) return manifests;
  const parsed = manifests.value[0]?.parsed;
  if (parsed?.kind !== "manifest") return err(fault("corrupt", `${platform.digest} is no image of one platform`));
  const bytes = await blobs.readAll(parsed.document.config.digest, largestConfig);
  if (!bytes.ok) return bytes;
  try {
    const config: ImageConfig = JSON.parse(Buffer.from(bytes.value).toString("utf8"));
    return ok({ manifest: parsed.document, config });
  } catch (cause) {
    return err(fault("corrupt", `the configuration of ${platform.digest} is no JSON`, { cause }));
  }
}

/**
 * The layers that a build added: those above the longest of the named bases whose layers are the image's first ones, by
 * their uncompressed digests. Where no base is at hand any more: all layers.
 */
export async function layersAboveBases(
  blobs: BlobStore,
  image: ConfiguredManifest,
  bases: readonly { readonly digest: string }[],
): Promise<readonly Descriptor[]> {
  const own = image.config.rootfs.diff_ids;
  let below = 0;
  for (const base of bases) {
    for (const diffIds of await layersOfBase(blobs, base.digest)) {
      const isBelow = diffIds.length <= own.length && diffIds.every((diffId, index) => diffId === own[index]);
      if (isBelow) below = Math.max(below, diffIds.length);
    }
  }
  return image.manifest.layers.slice(below);
}

/** Of every platform of the base that is stored here. */
async function layersOfBase(blobs: BlobStore, digest: string): Promise<readonly (readonly string[])[]> {
  const bytes = await blobs.readAll(digest, largestConfig);
  if (!bytes.ok) return [];
  const root: { manifests?: readonly Descriptor[] } = JSON.parse(Buffer.from(bytes.value).toString("utf8"));
  const platforms = root.manifests ?? [{ mediaType: "", digest, size: bytes.value.length }];
  const all: (readonly string[])[] = [];
  for (const platform of platforms) {
    const mediaType = platform.mediaType || "application/vnd.oci.image.manifest.v1+json";
    const config =
      (await blobs.sizeOf(platform.digest)) === undefined
        ? undefined
        : await readConfig(blobs, { ...platform, mediaType });
    if (config?.ok) all.push(config.value.config.rootfs.diff_ids);
  }
  return all;
}
