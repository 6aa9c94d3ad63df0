import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";
import { extract } from "tar-stream";
import { err, fault, ok, type Result } from "../core/index.ts";
import { type Descriptor, mediaTypes } from "./documents.ts";
import { indexTypes, largestManifest, manifestTypes, parseManifest, referredTo } from "./image-contents.ts";
import { isDigest } from "./reference.ts";
import type { BlobStore } from "./store.ts";

/** An image that somebody left behind; all it refers to is in the blob store. */
export interface FoundImage {
  /** `org.opencontainers.image.ref.name`, where the layout gives one. */
  readonly name: string | undefined;
  readonly root: Descriptor;
}

const mostMembers = 20_000;
const mostDocuments = 2000;
const deepest = 3;

/** Where the bytes of a layout come from; whoever wrote them is not trusted. */
interface LayoutFiles {
  /** A document that is no blob; `undefined` where there is none. */
  readonly text: (name: string) => Promise<Uint8Array | undefined>;
  /** Puts a blob into the store. */
  readonly keep: (blob: Descriptor) => Promise<Result<void>>;
}

/**
 * Takes in what is in a folder: an OCI image layout, or the flat form that skopeo, buildah and podman call `dir:`. Only
 * regular files are read, no link is followed, every blob is compared with its digest and size. Faults: `bad-input`,
 * `corrupt`, `limit`.
 */
export async function readImageFolder(
  blobs: BlobStore,
  folder: string,
  mostBytes: number,
): Promise<Result<readonly FoundImage[]>> {
  const flat = (await textIn(folder, "version")) !== undefined;
  const room = { bytes: mostBytes };
  let given: string | undefined;
  const pathOf = (digest: string) =>
    flat ? digest.slice(digest.indexOf(":") + 1) : `blobs/${digest.replace(":", "/")}`;
  const files: LayoutFiles = {
    text: (name) => textIn(folder, name),
    keep: async (blob) => {
      if (blob.digest === given) return ok(undefined);
      // Read though the store may have it: a digest that is merely named opens no blob of others.
      room.bytes -= blob.size;
      if (room.bytes < 0) return tooLarge(mostBytes);
      const file = await openPlain(folder, pathOf(blob.digest));
      if (!file) return err(fault("corrupt", `it has no blob ${blob.digest}`));
      try {
        const kept = await blobs.write(file.createReadStream({ autoClose: false }), blob);
        return kept.ok ? ok(undefined) : kept;
      } finally {
        await file.close();
      }
    },
  };
  if (!flat) return await readLayout(blobs, files);
  const manifest = await files.text("manifest.json");
  if (!manifest) return err(fault("bad-input", "it has no manifest.json"));
  const parsed = parseManifest(manifest, undefined);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind === "index") return err(fault("bad-input", "its manifest.json is an index"));
  const stored = await blobs.write(manifest);
  if (!stored.ok) return stored;
  // In the flat form the manifest lies under a name of its own.
  given = stored.value.digest;
  const root = { mediaType: parsed.value.mediaType, ...stored.value };
  const kept = await keepImage(blobs, files, root);
  return kept.ok ? ok([{ name: undefined, root }]) : kept;
}

/** An OCI image layout in a tar, as `buildah push … oci-archive:` and `docker save` write it. Read once, front to back. */
export async function readImageArchive(
  blobs: BlobStore,
  file: string,
  mostBytes: number,
): Promise<Result<readonly FoundImage[]>> {
  const handle = await openPlain(file, "");
  if (!handle) return err(fault("bad-input", "it is no regular file"));
  const texts = new Map<string, Uint8Array>();
  const held = new Map<string, number>();
  const source = handle.createReadStream({ autoClose: false });
  const members = extract();
  source.on("error", (error) => members.destroy(error));
  source.pipe(members);
  let room = mostBytes;
  let count = 0;
  try {
    for await (const member of members) {
      const { name, size, type } = member.header;
      const digest = /^(?:\.\/)?blobs\/(sha256|sha512)\/([0-9a-f]+)$/.exec(name);
      const plain = type === "file" || type === "contiguous-file";
      room -= size;
      if (++count > mostMembers || room < 0) return tooLarge(mostBytes);
      if (digest && plain) {
        const [, algorithm = "", hex = ""] = digest;
        const text = `${algorithm}:${hex}`;
        if (!isDigest(text)) return err(fault("bad-input", `${name.slice(0, 100)} is no blob's name`));
        const kept = await blobs.write(bytesOf(member), { digest: text, size });
        if (!kept.ok) return kept;
        held.set(text, size);
        continue;
      }
      const document = name.replace(/^\.\//, "");
      if (plain && (document === "index.json" || document === "oci-layout") && size <= largestManifest) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of bytesOf(member)) chunks.push(chunk);
        texts.set(document, Buffer.concat(chunks));
      } else member.resume();
    }
  } catch (cause) {
    return err(fault("bad-input", "it is no tar archive, or is cut short", { cause }));
  } finally {
    source.destroy();
    members.destroy();
    await handle.close();
  }
  return await readLayout(blobs, {
    text: async (name) => texts.get(name),
    keep: async (blob) =>
      held.get(blob.digest) === blob.size
        ? ok(undefined)
        : err(fault("corrupt", `it has no blob ${blob.digest} of ${blob.size} bytes`)),
  });
}

async function* bytesOf(member: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of member) if (chunk instanceof Uint8Array) yield chunk;
}

async function readLayout(blobs: BlobStore, files: LayoutFiles): Promise<Result<readonly FoundImage[]>> {
  const [mark, index] = [await files.text("oci-layout"), await files.text("index.json")];
  if (!mark || !index)
    return err(
      fault("bad-input", `it is no OCI image layout: it has no ${mark ? "index.json" : "oci-layout"}`, {
        hint: "write it with `buildah push IMAGE oci:FOLDER` or `docker buildx build --output type=oci,dest=FILE`",
      }),
    );
  const parsed = parseManifest(index, mediaTypes.ociIndex);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind !== "index") return err(fault("bad-input", "its index.json is no index"));
  const found: FoundImage[] = [];
  for (const root of parsed.value.document.manifests.slice(0, 1000)) {
    const kept = await keepImage(blobs, files, root);
    if (!kept.ok) return kept;
    found.push({ name: root.annotations?.["org.opencontainers.image.ref.name"], root });
  }
  return ok(found);
}

/** The manifest or index and all below it. */
async function keepImage(blobs: BlobStore, files: LayoutFiles, root: Descriptor): Promise<Result<void>> {
  const pending: { readonly descriptor: Descriptor; readonly depth: number }[] = [{ descriptor: root, depth: 0 }];
  let documents = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { descriptor, depth } = next;
    if (++documents > mostDocuments || depth > deepest)
      return err(fault("limit", `it has more than ${mostDocuments} manifests, or indexes more than ${deepest} deep`));
    if (descriptor.size > largestManifest)
      return err(fault("limit", `${descriptor.digest} is too large for a manifest`));
    const kept = await files.keep(descriptor);
    if (!kept.ok) return kept;
    const bytes = await blobs.readAll(descriptor.digest, largestManifest);
    if (!bytes.ok) return bytes;
    const parsed = parseManifest(bytes.value, descriptor.mediaType);
    if (!parsed.ok) return parsed;
    const { blobs: wanted } = referredTo(parsed.value);
    const children = parsed.value.kind === "index" ? parsed.value.document.manifests : [];
    for (const child of children) {
      if (![...manifestTypes, ...indexTypes].includes(child.mediaType))
        return err(fault("bad-input", `${child.digest} is listed as ${child.mediaType.slice(0, 100)}`));
      pending.push({ descriptor: child, depth: depth + 1 });
    }
    for (const blob of wanted) {
      const there = await files.keep(blob);
      if (!there.ok) return there;
    }
  }
  return ok(undefined);
}

function tooLarge(mostBytes: number) {
  return err(fault("limit", `it has more than ${mostBytes} bytes or ${mostMembers} members`));
}

async function textIn(folder: string, name: string): Promise<Uint8Array | undefined> {
  const file = await openPlain(folder, name);
  if (!file) return undefined;
  try {
    return (await file.stat()).size > largestManifest ? undefined : await file.readFile();
  } finally {
    await file.close();
  }
}

/** A regular file below `root`, with no link on the way; `undefined` where there is none. */
async function openPlain(root: string, path: string) {
  const names = path.split("/").filter((name) => name !== "");
  for (let depth = 0; depth < names.length; depth++) {
    const facts = await lstat(join(root, ...names.slice(0, depth))).catch(() => undefined);
    if (!facts?.isDirectory()) return undefined;
  }
  const facts = await lstat(join(root, ...names)).catch(() => undefined);
  if (!facts?.isFile()) return undefined;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return await open(join(root, ...names), flags).catch(() => undefined);
}
