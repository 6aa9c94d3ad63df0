import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Extract, extract } from "tar-stream";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { BlobStore, Descriptor, Digest } from "../../oci/index.ts";

/** What a layer says of one path, as it stands in its tar. Paths have no leading `/` or `./`. */
export interface LayerEntry {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "hard-link" | "special";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly target: string;
  /** Which member of the tar it is. */
  readonly ordinal: number;
}

/** Reads layers of base images; a layer's list is kept, since the platforms of one image and the next build ask again. */
export interface LayerReader {
  /** `undefined`: packed in a way that cannot be read here (zstd), or not stored with the image (foreign). */
  list(layer: Descriptor, diffId: Digest): Promise<Result<readonly LayerEntry[] | undefined>>;
  /** The bytes of one member. Reads the layer up to it. */
  open(layer: Descriptor, ordinal: number): Promise<Result<AsyncIterable<Uint8Array>>>;
}

const mostMembers = 500_000;
const mostBytes = 32 * 1024 ** 3;
const longestPath = 4096;
const keepMembers = 300_000;

class Unusable extends Error {}

type Entry = Extract extends AsyncIterable<infer Member> ? Member : never;

export function createLayerReader(blobs: BlobStore): LayerReader {
  const kept = new Map<Digest, readonly LayerEntry[]>();
  let members = 0;

  function keep(digest: Digest, entries: readonly LayerEntry[]): void {
    if (members + entries.length > keepMembers) {
      kept.clear();
      members = 0;
    }
    if (entries.length > keepMembers) return;
    kept.set(digest, entries);
    members += entries.length;
  }

  return {
    list: async (layer, diffId) => {
      const known = kept.get(diffId);
      if (known) return ok(known);
      const bytes = await plainBytes(blobs, layer);
      if (!bytes.ok) return bytes;
      if (bytes.value === undefined) return ok(undefined);
      const hash = createHash("sha256");
      try {
        const entries: LayerEntry[] = [];
        for await (const entry of membersOf(bytes.value, (chunk) => hash.update(chunk))) {
          if (entries.length >= mostMembers) throw new Unusable(`it has more than ${mostMembers} members`);
          entries.push(describe(entry, entries.length));
          entry.resume();
        }
        const found = `sha256:${hash.digest("hex")}`;
        if (diffId.startsWith("sha256:") && found !== diffId)
          throw new Unusable(`its content is ${found}, the image's configuration says ${diffId}`);
        keep(diffId, entries);
        return ok(entries);
      } catch (error) {
        return err(unreadable(layer, error));
      }
    },
    open: async (layer, ordinal) => {
      const bytes = await plainBytes(blobs, layer);
      if (!bytes.ok) return bytes;
      if (bytes.value === undefined) return err(fault("bad-input", `the layer ${layer.digest} cannot be read here`));
      return ok(contentOf(bytes.value, ordinal));
    },
  };
}

async function* contentOf(bytes: AsyncIterable<Uint8Array>, ordinal: number): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const entry of membersOf(bytes, () => undefined)) {
    if (index++ < ordinal) {
      entry.resume();
      continue;
    }
    for await (const chunk of entry) if (chunk instanceof Uint8Array) yield chunk;
    return;
  }
}

function unreadable(layer: Descriptor, error: unknown) {
  const why = error instanceof Error ? error.message : String(error);
  return fault("corrupt", `the layer ${layer.digest} cannot be used: ${why}`, {
    hint: "the image is damaged or made to mislead; name another base",
    cause: error,
  });
}

/** The tar within, unpacked as it is read. */
async function plainBytes(blobs: BlobStore, layer: Descriptor): Promise<Result<AsyncIterable<Uint8Array> | undefined>> {
  const { mediaType } = layer;
  const packed = /[+.]gzip$/.test(mediaType);
  if ((!packed && !/[.]tar$/.test(mediaType)) || (await blobs.sizeOf(layer.digest)) === undefined) return ok(undefined);
  const stored = await blobs.read(layer.digest);
  if (!stored.ok) return stored;
  const source = Readable.from(stored.value);
  if (!packed) return ok(source);
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  // A failing source destroys `gunzip`, and whoever reads it meets the error.
  pipeline(source, gunzip, () => undefined);
  return ok(gunzip);
}

async function* membersOf(bytes: AsyncIterable<Uint8Array>, seen: (chunk: Uint8Array) => void): AsyncGenerator<Entry> {
  async function* bounded(): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > mostBytes) throw new Unusable("it unpacks to more than 32 GiB");
      seen(chunk);
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

const kinds: Readonly<Record<string, LayerEntry["kind"]>> = {
  file: "file",
  "contiguous-file": "file",
  directory: "folder",
  symlink: "link",
  link: "hard-link",
};

function describe(entry: Entry, ordinal: number): LayerEntry {
  const { header } = entry;
  const names = header.name.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw new Unusable(`${header.name.slice(0, 100)} leads out of it`);
  if (header.name.length > longestPath) throw new Unusable("a path is longer than 4096 characters");
  return {
    path: names.join("/"),
    kind: kinds[header.type ?? "file"] ?? "special",
    mode: (header.mode ?? 0o644) & 0o7777,
    uid: paxNumber(header.pax, "uid") ?? header.uid ?? 0,
    gid: paxNumber(header.pax, "gid") ?? header.gid ?? 0,
    size: header.size ?? 0,
    target: (header.linkname ?? "").slice(0, longestPath),
    ordinal,
  };
}

/** An owner too large for the header's own field; the tar reader leaves those records alone. */
function paxNumber(pax: unknown, name: "uid" | "gid"): number | undefined {
  if (typeof pax !== "object" || pax === null) return undefined;
  const text: unknown = new Map<string, unknown>(Object.entries(pax)).get(name);
  return typeof text === "string" && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
