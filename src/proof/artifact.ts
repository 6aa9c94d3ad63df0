import { err, fault, ok, type Result, sha256Hex } from "../core/index.ts";
import { type BlobStore, type Descriptor, mediaTypes } from "../oci/index.ts";

/** OCI 1.1: what stands for a config or a layer that has nothing to say. */
const empty = Buffer.from("{}");
const emptyDescriptor: Descriptor = {
  mediaType: mediaTypes.ociEmpty,
  digest: `sha256:${sha256Hex(empty)}`,
  size: empty.length,
};

export interface ArtifactLayer {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Writes an OCI 1.1 artifact into the blob store: a manifest with an artifact type, the empty config and the layers, which
 * refers to `subject` if there is one. Nothing is pushed.
 */
export async function writeArtifact(
  blobs: BlobStore,
  artifact: {
    readonly artifactType: string;
    readonly layers: readonly ArtifactLayer[];
    readonly subject: Descriptor | undefined;
    readonly annotations: Readonly<Record<string, string>>;
  },
): Promise<Result<Descriptor>> {
  const config = await blobs.write(empty);
  if (!config.ok) return config;
  const layers: Descriptor[] = [];
  for (const { mediaType, bytes, annotations } of artifact.layers) {
    const stored = await blobs.write(bytes);
    if (!stored.ok) return stored;
    layers.push({ mediaType, ...stored.value, ...(annotations ? { annotations } : {}) });
  }
  const { subject } = artifact;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: artifact.artifactType,
      config: emptyDescriptor,
      layers: layers.length > 0 ? layers : [emptyDescriptor],
      ...(subject ? { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } } : {}),
      annotations: artifact.annotations,
    }),
  );
  const stored = await blobs.write(manifest);
  if (!stored.ok) return stored;
  if (stored.value.size > 4 * 1024 * 1024)
    return err(fault("limit", "the manifest of the release's files is larger than registries take"));
  return ok({ mediaType: mediaTypes.ociManifest, ...stored.value, artifactType: artifact.artifactType });
}
