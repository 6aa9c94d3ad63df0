import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type Digest,
  type ImageConfig,
  largestManifest,
  mediaTypes,
  type Platform,
  parseManifest,
} from "../../oci/index.ts";
import type { LayerReader } from "../layers/read-layer.ts";
import type { BaseSource } from "../model.ts";
import { type Draft, emptyDraft } from "./draft.ts";
import { applyLayer, emptyTree, type ImageTree } from "./image-tree.ts";

export interface BaseReading {
  readonly blobs: BlobStore;
  readonly bases: BaseSource;
  readonly layers: LayerReader;
  /** Resolved once per build, whichever platform asks first. */
  readonly resolveBase: (reference: string) => Promise<Result<Descriptor>>;
}

/** A stage as its base begins it, with what is odd about that base. */
export async function draftFrom(
  reading: BaseReading,
  reference: string,
  platform: Platform,
): Promise<Result<{ readonly draft: Draft; readonly warnings: readonly Fault[] }>> {
  const windows = platform.os === "windows";
  if (reference === "scratch") return ok({ draft: emptyDraft(windows), warnings: [] });
  const root = await reading.resolveBase(reference);
  if (!root.ok) return root;
  const fetched = await reading.bases.fetch(reference, root.value, platform);
  if (!fetched.ok) return fetched;
  const draft = await draftOfManifest(reading, reference, fetched.value.manifest, platform);
  if (!draft.ok) return draft;
  const warnings: Fault[] = [];
  const { os, architecture } = draft.value.original;
  if (os !== platform.os || architecture !== platform.architecture)
    warnings.push(
      fault(
        "bad-input",
        `${reference} is for ${os}/${architecture}, the image for ${platform.os}/${platform.architecture}`,
      ),
    );
  if (!draft.value.tree.complete)
    warnings.push(
      fault("bad-input", `the files of ${reference} cannot all be read here, so paths in it are not checked`),
    );
  return ok({ draft: { ...draft.value, base: { reference, digest: root.value.digest } }, warnings });
}

/** What an image in the blob store is: its configuration, its layers and the files that they make together. */
export async function draftOfManifest(
  reading: Pick<BaseReading, "blobs" | "layers">,
  name: string,
  manifest: { readonly digest: Digest; readonly mediaType?: string },
  platform: Platform,
): Promise<Result<Draft>> {
  const windows = platform.os === "windows";
  const document = await reading.blobs.readAll(manifest.digest, largestManifest);
  if (!document.ok) return document;
  const parsed = parseManifest(document.value, manifest.mediaType);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind !== "manifest") return err(fault("bad-input", `${name} is an index of indexes`));
  const { config: configDescriptor, layers } = parsed.value.document;
  const bytes = await reading.blobs.readAll(configDescriptor.digest, largestManifest);
  if (!bytes.ok) return bytes;
  const original = readConfig(bytes.value);
  if (!original.ok) return original;
  const diffIds = original.value.rootfs.diff_ids;
  if (diffIds.length !== layers.length)
    return err(fault("corrupt", `${name} has ${layers.length} layers, its configuration ${diffIds.length}`));
  const kept = layers.flatMap((descriptor, index) => {
    const diffId = diffIds[index];
    return diffId === undefined ? [] : [{ kind: "base" as const, descriptor, diffId }];
  });
  const tree = await treeOf(reading.layers, kept, windows);
  if (!tree.ok) return tree;
  return ok({
    ...emptyDraft(windows),
    config: original.value.config ?? {},
    layers: [...kept],
    history: [...historyOf(original.value, kept.length)],
    tree: tree.value,
    original: original.value,
    docker: parsed.value.mediaType === mediaTypes.dockerManifest,
  });
}

/** OCI config: as many entries that made a layer as there are layers, or none at all; a base that breaks it loses its own. */
function historyOf(config: ImageConfig, layers: number) {
  const history = config.history ?? [];
  const made = history.filter((entry) => entry.empty_layer !== true).length;
  if (made === layers) return history;
  return Array.from({ length: layers }, () => ({ created: config.created, comment: "a layer of the base" }));
}

async function treeOf(
  reader: LayerReader,
  layers: readonly { readonly descriptor: Descriptor; readonly diffId: string }[],
  windows: boolean,
): Promise<Result<ImageTree>> {
  const tree = emptyTree(windows);
  let complete = true;
  for (const { descriptor, diffId } of layers) {
    const listed = await reader.list(descriptor, diffId);
    if (!listed.ok) return listed;
    if (listed.value === undefined) {
      complete = false;
      continue;
    }
    const entries = windows ? listed.value.flatMap((entry) => belowFiles(entry)) : listed.value;
    const applied = applyLayer(tree, entries, (entry) => () => reader.open(descriptor, entry.ordinal));
    if (!applied.ok) return applied;
  }
  return ok({ ...tree, complete });
}

/** OCI image-spec: the files of a Windows layer are below `Files/`. */
function belowFiles<T extends { readonly path: string; readonly target: string }>(entry: T): readonly T[] {
  const inner = (path: string) => path.replace(/^\/?Files\//, "");
  return entry.path.startsWith("Files/") ? [{ ...entry, path: inner(entry.path), target: inner(entry.target) }] : [];
}

function readConfig(bytes: Uint8Array): Result<ImageConfig> {
  try {
    const value: ImageConfig = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const list: unknown = value?.rootfs?.diff_ids;
    if (Array.isArray(list) && list.every((each) => typeof each === "string")) return ok(value);
  } catch {
    // Told below.
  }
  return err(fault("corrupt", "the base image's configuration cannot be read"));
}
