import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import type { BlobStore, Digest, Platform } from "../../oci/index.ts";
import { draftOfManifest } from "../assemble/base-image.ts";
import { binaryKind } from "../assemble/binaries.ts";
import { entrypointFile, entrypointWarnings, headOf } from "../assemble/entrypoint.ts";
import { createLayerReader } from "../layers/read-layer.ts";

/** The program that an image starts, as it lies in its layers. */
export interface EntrypointFile {
  /** As the configuration names it. */
  readonly name: string;
  readonly size: number;
  /** Linux binaries alone, by the architecture names of images. */
  readonly elf: string | undefined;
  open(): Promise<Result<AsyncIterable<Uint8Array>>>;
}

/** Looks into images of the blob store, however they were made. Every layer read is compared with its diff id. */
export interface ImageInspector {
  /** Why the image would not start: its entrypoint is missing, cannot be executed or is for another machine. */
  troubles(manifest: Digest, platform: Platform): Promise<Result<readonly Fault[]>>;
  /** `undefined` where it starts nothing that is in it. */
  entrypoint(manifest: Digest, platform: Platform): Promise<Result<EntrypointFile | undefined>>;
  /** The first path in which two images of one platform differ, and how; `undefined`: their files are the same. */
  difference(one: Digest, other: Digest, platform: Platform): Promise<Result<string | undefined>>;
}

export function createImageInspector(blobs: BlobStore): ImageInspector {
  const layers = createLayerReader(blobs);
  const draftOf = (digest: Digest, platform: Platform) =>
    draftOfManifest({ blobs, layers }, "the image", { digest }, platform);

  return {
    troubles: async (manifest, platform) => {
      const draft = await draftOf(manifest, platform);
      if (!draft.ok) return draft;
      const { Entrypoint, Cmd } = draft.value.config;
      const starts = (Entrypoint ?? []).length + (Cmd ?? []).length > 0;
      return ok(starts ? await entrypointWarnings(draft.value, platform) : []);
    },
    entrypoint: async (manifest, platform) => {
      const draft = await draftOf(manifest, platform);
      if (!draft.ok) return draft;
      const found = entrypointFile(draft.value, platform);
      if (found?.node?.kind !== "file") return ok(undefined);
      const { node } = found;
      const kind = binaryKind(await headOf(node));
      const elf = kind?.format === "ELF" ? kind.architecture : undefined;
      return ok({ name: found.program, size: node.size, elf, open: node.open });
    },
    difference: async (one, other, platform) => {
      const [a, b] = [await draftOf(one, platform), await draftOf(other, platform)];
      if (!a.ok) return a;
      if (!b.ok) return b;
      const [before, after] = [a.value.layers, b.value.layers];
      if (before.length !== after.length) return ok(`it has ${before.length} layers, then ${after.length}`);
      for (const [index, layer] of before.entries()) {
        const twin = after[index];
        if (layer.kind !== "base" || twin?.kind !== "base" || layer.diffId === twin.diffId) continue;
        const [mine, theirs] = [
          await layers.list(layer.descriptor, layer.diffId),
          await layers.list(twin.descriptor, twin.diffId),
        ];
        if (!mine.ok) return mine;
        if (!theirs.ok) return theirs;
        if (!mine.value || !theirs.value) return ok(`layer ${index + 1} differs, and cannot be read here`);
        const there = new Map(theirs.value.map((entry) => [entry.path, entry]));
        for (const entry of mine.value) {
          const same = there.get(entry.path);
          there.delete(entry.path);
          if (!same) return ok(`/${entry.path} is there only the first time`);
          for (const what of ["kind", "mode", "uid", "gid", "size", "target"] as const)
            if (entry[what] !== same[what]) return ok(`/${entry.path}: ${what} is ${entry[what]}, then ${same[what]}`);
          if (entry.kind !== "file") continue;
          const at = await firstByte(
            await layers.open(layer.descriptor, entry.ordinal),
            await layers.open(twin.descriptor, same.ordinal),
          );
          if (!at.ok) return at;
          if (at.value !== undefined) return ok(`/${entry.path}: byte ${at.value} of ${entry.size} differs`);
        }
        const [extra] = there.keys();
        return ok(
          extra === undefined ? `layer ${index + 1}: times of files` : `/${extra} is there only the second time`,
        );
      }
      return ok(undefined);
    },
  };
}

type Opened = Result<AsyncIterable<Uint8Array>>;

async function firstByte(one: Opened, other: Opened): Promise<Result<number | undefined>> {
  if (!one.ok) return one;
  if (!other.ok) return other;
  const theirs = other.value[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  let at = 0;
  for await (const chunk of one.value) {
    for (let from = 0; from < chunk.length; ) {
      if (rest.length === 0) {
        const next = await theirs.next();
        if (next.done) return err(fault("corrupt", "a file is shorter than its size says"));
        rest = next.value;
        continue;
      }
      const length = Math.min(rest.length, chunk.length - from);
      const [a, b] = [chunk.subarray(from, from + length), rest.subarray(0, length)];
      if (Buffer.compare(a, b) !== 0) {
        const offset = a.findIndex((byte, index) => byte !== b[index]);
        return ok(at + offset);
      }
      at += length;
      from += length;
      rest = rest.subarray(length);
    }
  }
  await theirs.return?.();
  return ok(undefined);
}
