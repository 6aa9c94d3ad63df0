import type { Result } from "../core/index.ts";
import type { Descriptor, Digest } from "./documents.ts";

/**
 * Blobs by digest, on disk below `<home>/blobs/<algorithm>/<2 hex>/<hex>`: one store for the assembler and the built-in
 * registry, so that publishing an image here moves no bytes. Content is checked on write, written beside and renamed.
 */
export interface BlobStore {
  /** Size in bytes; `undefined` when absent. Asking touches the blob: it then stays for the collector's grace. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** The whole blob or the inclusive range; fault `not-found`. */
  read(
    digest: Digest,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Result<ReadableStream<Uint8Array>>>;
  readAll(digest: Digest, limit: number): Promise<Result<Uint8Array>>;
  /** Writes and answers the digest. With `expected`, a difference is fault `corrupt` and nothing stays. Full disk: `disk-full`. */
  write(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    expected?: { readonly digest?: Digest | undefined; readonly size?: number | undefined },
  ): Promise<Result<{ readonly digest: Digest; readonly size: number }>>;
  /** Takes in a file of the same file system whose digest was computed while it was written; the file stays. */
  adopt(file: string, digest: Digest): Promise<Result<void>>;
  delete(digest: Digest): Promise<void>;
  /** Absolute path of the blob's file, for hard-linking and sendfile; exists only if `sizeOf` answered. */
  pathOf(digest: Digest): string;
}

/** A blob store from which unused blobs can be removed while others write to it. */
export interface SweepableBlobStore extends BlobStore {
  /** Every blob, with when it was last written or asked for by `sizeOf`. */
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number; readonly touchedAt: number }>;
  /** Deletes unless touched at or after `before`; whoever was told a size in the meantime keeps the blob. */
  deleteUntouched(digest: Digest, before: number): Promise<boolean>;
}

/** An image on its way: everything `root` refers to is in the blob store. */
export interface StoredImage {
  /** Descriptor of the manifest or index. */
  readonly root: Descriptor;
}

/** Where images are read from and written to; one adapter for the built-in registry, one for every other. */
export interface ImageRegistry {
  /** `builtin`, or `host/path`. */
  readonly name: string;
  /** What the tag means now; `undefined` when there is none. Faults: `unavailable`, `forbidden`. */
  resolve(repository: string, tag: string): Promise<Result<Descriptor | undefined>>;
  /** Every tag of the repository; none where there is no such repository. */
  tags(repository: string): Promise<Result<readonly string[]>>;
  /** What is attached to a manifest: signatures, provenance, lists of contents. */
  referrers(repository: string, subject: Digest): Promise<Result<readonly Descriptor[]>>;
  /** Blobs, children, then the manifest by digest. Idempotent. Nothing is tagged. */
  push(repository: string, image: StoredImage): Promise<Result<void>>;
  /**
   * Points the tag at a manifest already pushed. `immutable`: same digest again is fine, another is fault `refused` and
   * changes nothing.
   */
  tag(repository: string, tag: string, root: Descriptor, how: "immutable" | "moving"): Promise<Result<void>>;
}
