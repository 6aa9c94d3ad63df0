import { err, fault, ok, type Result } from "../core/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  mediaTypes,
} from "../oci/index.ts";

export interface Expected {
  readonly commit: string;
  readonly version: string;
}

const documentLimit = 4 * 1024 * 1024;

/**
 * Reads an assembled image back from the blob store and compares what it says about itself with the release: every
 * platform must carry the labels of this commit and this version, and all its bytes must be there.
 */
export async function verifyImage(
  blobs: BlobStore,
  name: string,
  root: Descriptor,
  expected: Expected,
): Promise<Result<void>> {
  const manifests = await manifestsOf(blobs, root);
  if (!manifests.ok) return manifests;
  for (const descriptor of manifests.value) {
    const manifest = await readDocument<ImageManifest>(blobs, descriptor.digest);
    if (!manifest.ok) return manifest;
    for (const layer of manifest.value.layers) {
      if ((await blobs.sizeOf(layer.digest)) !== layer.size && layer.urls === undefined) {
        return err(fault("corrupt", `image ${name}: layer ${layer.digest} is missing or cut short`));
      }
    }
    const config = await readDocument<ImageConfig>(blobs, manifest.value.config.digest);
    if (!config.ok) return config;
    const wrong = wrongLabel(config.value, expected);
    if (wrong) return err(fault("refused", `image ${name}: ${wrong}`));
  }
  return ok(undefined);
}

async function manifestsOf(blobs: BlobStore, root: Descriptor): Promise<Result<readonly Descriptor[]>> {
  if (root.mediaType !== mediaTypes.ociIndex && root.mediaType !== mediaTypes.dockerIndex) return ok([root]);
  const index = await readDocument<ImageIndex>(blobs, root.digest);
  return index.ok ? ok(index.value.manifests) : index;
}

function wrongLabel(config: ImageConfig, expected: Expected): string | undefined {
  const labels = config.config?.Labels ?? {};
  const wanted: readonly [string, string][] = [
    ["org.opencontainers.image.revision", expected.commit],
    ["org.opencontainers.image.version", expected.version],
  ];
  for (const [label, value] of wanted) {
    if (labels[label] !== value) return `its label ${label} says ${labels[label] ?? "nothing"}, not ${value}`;
  }
  return undefined;
}

async function readDocument<T>(blobs: BlobStore, digest: string): Promise<Result<T>> {
  const bytes = await blobs.readAll(digest, documentLimit);
  if (!bytes.ok) return bytes;
  try {
    const parsed: T = JSON.parse(Buffer.from(bytes.value).toString("utf8"));
    return ok(parsed);
  } catch (cause) {
    return err(fault("corrupt", `${digest} is no JSON document`, { cause }));
  }
}
