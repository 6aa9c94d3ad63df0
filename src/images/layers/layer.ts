import { createHash } from "node:crypto";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { BlobStore, Descriptor, Digest } from "../../oci/index.ts";
import type { Compression } from "./compression.ts";
import { LayerInputError, type TarEntry, tarBytes } from "./tar.ts";

export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed bytes. */
  readonly diffId: Digest;
}

/** Writes a layer straight into the blob store: both digests in one pass, memory independent of its size. */
export async function writeLayer(
  blobs: BlobStore,
  compression: Compression,
  entries: readonly TarEntry[],
  mediaType: string,
  seconds: number,
): Promise<Result<Layer>> {
  const plain = createHash("sha256");
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tarBytes(entries, seconds)) {
      plain.update(chunk);
      yield chunk;
    }
  }
  try {
    const stored = await blobs.write(compression.compress(hashed()));
    if (!stored.ok)
      return stored.error.cause instanceof LayerInputError
        ? err(fault("bad-input", stored.error.cause.message))
        : stored;
    const { digest, size } = stored.value;
    return ok({ descriptor: { mediaType, digest, size }, diffId: `sha256:${plain.digest("hex")}` });
  } catch (error) {
    if (error instanceof LayerInputError) return err(fault("bad-input", error.message));
    throw error;
  }
}
