import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Extract, extract } from "tar-stream";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { BlobStore, Descriptor } from "../oci/index.ts";
import { type GoBuildInfo, readGoBuildInfo } from "./go-build-info.ts";

/** A regular file of an image, with its sums as hex digits. */
export interface ImageFile {
  /** Without a leading `/`. */
  readonly path: string;
  readonly size: number;
  readonly sha1: string;
  readonly sha256: string;
  readonly go: GoBuildInfo | undefined;
}

export interface ImageFiles {
  /** In the order of their paths. */
  readonly files: readonly ImageFile[];
  /** What was not looked into, for people. */
  readonly leftOut: readonly string[];
}

const mostFiles = 50_000;
const mostBytes = 32 * 1024 ** 3;
const largestBinary = 512 * 1024 ** 2;
const whiteout = ".wh.";

type Entry = Extract extends AsyncIterable<infer Member> ? Member : never;

/**
 * The files that some layers of an image leave, later layers over earlier ones, with sums and what Go binaries say of
 * themselves. Fault `corrupt` for a layer that is no tar, `limit` for one that unpacks to more than 32 GiB.
 */
export async function readImageFiles(blobs: BlobStore, layers: readonly Descriptor[]): Promise<Result<ImageFiles>> {
  const files = new Map<string, ImageFile>();
  const leftOut: string[] = [];
  for (const layer of layers) {
    const { mediaType } = layer;
    if (!/[.]tar([+.]gzip)?$/.test(mediaType) || /foreign|nondistributable/.test(mediaType)) {
      leftOut.push(`layer ${layer.digest} (${mediaType}) is not read here`);
      continue;
    }
    const stored = await blobs.read(layer.digest);
    if (!stored.ok) return stored;
    try {
      for await (const entry of membersOf(Readable.from(stored.value), mediaType.endsWith("gzip")))
        await takeIn(entry, files, leftOut);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return err(fault("corrupt", `layer ${layer.digest} cannot be read: ${why}`, { cause }));
    }
  }
  const sorted = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  return ok({ files: sorted, leftOut });
}

async function takeIn(entry: Entry, files: Map<string, ImageFile>, leftOut: string[]): Promise<void> {
  const path = entry.header.name
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/");
  const name = path.slice(path.lastIndexOf("/") + 1);
  const folder = path.slice(0, path.length - name.length);
  if (name.startsWith(whiteout)) {
    const gone = name === ".wh..wh..opq" ? folder : `${folder}${name.slice(whiteout.length)}`;
    for (const known of files.keys())
      if (known === gone || known.startsWith(gone.endsWith("/") ? gone : `${gone}/`)) files.delete(known);
    entry.resume();
    return;
  }
  const { type, size, linkname } = entry.header;
  if (type === "link") {
    const target = files.get((linkname ?? "").replace(/^\.?\//, ""));
    if (target) files.set(path, { ...target, path });
    entry.resume();
    return;
  }
  if (type !== "file" && type !== "contiguous-file") {
    if (type !== "directory") files.delete(path);
    entry.resume();
    return;
  }
  if (files.size >= mostFiles && !files.has(path)) {
    if (leftOut.at(-1) !== tooMany) leftOut.push(tooMany);
    entry.resume();
    return;
  }
  const read = await readFile(entry, size);
  if (read.unread) leftOut.push(`${path} is larger than 512 MiB: what it is made of was not read`);
  files.set(path, { path, size, ...read.file });
}

const tooMany = `files beyond the first ${mostFiles} are not listed`;

async function readFile(
  entry: Entry,
  size: number,
): Promise<{ readonly file: Omit<ImageFile, "path" | "size">; readonly unread: boolean }> {
  const sha1 = createHash("sha1");
  const sha256 = createHash("sha256");
  let kept: Uint8Array[] | undefined;
  let binary: boolean | undefined;
  for await (const chunk of entry) {
    if (!(chunk instanceof Uint8Array)) continue;
    sha1.update(chunk);
    sha256.update(chunk);
    binary ??= isExecutable(chunk);
    if (binary && size <= largestBinary) {
      kept ??= [];
      kept.push(chunk);
    }
  }
  const go = kept && readGoBuildInfo(Buffer.concat(kept));
  return {
    file: { sha1: sha1.digest("hex"), sha256: sha256.digest("hex"), go },
    unread: binary === true && size > largestBinary,
  };
}

/** ELF, PE or Mach-O by its first bytes. */
function isExecutable(head: Uint8Array): boolean {
  const first = Buffer.from(head.subarray(0, 4)).toString("hex");
  return first === "7f454c46" || first.startsWith("4d5a") || first === "cffaedfe" || first === "cefaedfe";
}

async function* membersOf(stored: Readable, packed: boolean): AsyncGenerator<Entry> {
  const gunzip = packed ? createGunzip({ chunkSize: 256 * 1024 }) : undefined;
  // A failing source destroys what unpacks it, and whoever reads that meets the error.
  if (gunzip) pipeline(stored, gunzip, () => undefined);
  const plain = gunzip ?? stored;
  async function* bounded(): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const chunk of plain) {
      size += chunk.length;
      if (size > mostBytes) throw new Error("it unpacks to more than 32 GiB");
      yield chunk;
    }
  }
  const source = Readable.from(bounded());
  const reader = extract();
  source.on("error", (error) => reader.destroy(error));
  source.pipe(reader);
  try {
    yield* reader;
  } finally {
    source.destroy();
    reader.destroy();
  }
}
