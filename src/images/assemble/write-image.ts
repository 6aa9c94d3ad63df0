import { ok, type Result } from "../../core/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type Digest,
  type ImageConfig,
  mediaTypes,
  type Platform,
} from "../../oci/index.ts";
import type { Compression } from "../layers/compression.ts";
import { writeLayer } from "../layers/layer.ts";
import { windowsEntries } from "../layers/windows.ts";
import type { Draft } from "./draft.ts";

export interface Writing {
  readonly blobs: BlobStore;
  readonly compression: Compression;
  readonly platform: Platform;
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number;
}

export interface WrittenImage {
  readonly manifest: Descriptor;
  readonly diffIds: readonly Digest[];
}

/** Layers, configuration, manifest: in the base's family of media types, members in a fixed order, no white space. */
export async function writeImage(writing: Writing, draft: Draft): Promise<Result<WrittenImage>> {
  const { blobs, platform, compression, epoch } = writing;
  const { docker } = draft;
  const layers: Descriptor[] = [];
  const diffIds: Digest[] = [];
  const layerType = docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip;
  for (const layer of draft.layers) {
    if (layer.kind === "base") {
      layers.push(layer.descriptor);
      diffIds.push(layer.diffId);
      continue;
    }
    const entries = platform.os === "windows" ? windowsEntries(layer.entries) : layer.entries;
    const written = await writeLayer(blobs, compression, entries, layerType, Math.floor(epoch / 1000));
    if (!written.ok) return { ok: false, error: { ...written.error, place: written.error.place ?? layer.place } };
    layers.push(written.value.descriptor);
    diffIds.push(written.value.diffId);
  }
  const document: ImageConfig = {
    ...draft.original,
    created: timeOf(epoch),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    ...(platform["os.version"] === undefined ? {} : { "os.version": platform["os.version"] }),
    config: { ...draft.config, Labels: sorted({ ...draft.config.Labels, ...writing.labels }) },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: draft.history,
  };
  const config = await blobs.write(Buffer.from(JSON.stringify(document)));
  if (!config.ok) return config;
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const { base } = draft;
  const annotations =
    docker || base === undefined
      ? {}
      : {
          annotations: {
            "org.opencontainers.image.base.digest": base.digest,
            "org.opencontainers.image.base.name": base.reference,
          },
        };
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, ...config.value },
    layers,
    ...annotations,
  };
  const stored = await blobs.write(Buffer.from(JSON.stringify(manifest)));
  return stored.ok ? ok({ manifest: { mediaType, ...stored.value }, diffIds }) : stored;
}

/** Seconds, as every tool prints them. */
export function timeOf(epoch: number): string {
  return new Date(epoch).toISOString().replace(/\.\d{3}Z$/, "Z");
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
