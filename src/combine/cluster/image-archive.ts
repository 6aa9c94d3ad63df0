import { createReadStream, createWriteStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract, type Pack, pack } from "tar-stream";
import { z } from "zod";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { LoadedImage } from "./model.ts";

const largestIndex = 4 * 1024 * 1024;
const index = z.looseObject({
  manifests: z.array(z.looseObject({ annotations: z.record(z.string(), z.string()).optional() })),
});

/**
 * Writes an image as one OCI archive that containerd, docker and podman load under the name given, whatever it was called
 * in its layout. Fault `bad-input`: no OCI layout, or one of several images.
 */
export async function writeImageArchive(image: LoadedImage, file: string): Promise<Result<void>> {
  const archive = pack();
  const writing = pipeline(archive, createWriteStream(file, { mode: 0o600 }));
  try {
    const found = (await stat(image.path)).isDirectory()
      ? await addFolder(archive, image, "")
      : await addArchive(archive, image);
    if (!found) throw new NoLayout(`${image.path} holds no index.json: it is no OCI layout`);
    archive.finalize();
    await writing;
    return ok(undefined);
  } catch (cause) {
    archive.destroy();
    await writing.catch(() => undefined);
    if (cause instanceof NoLayout) return err(fault("bad-input", cause.message));
    const why = cause instanceof Error ? cause.message : String(cause);
    return err(fault("failed", `the image ${image.reference} could not be packed: ${why}`, { cause }));
  }
}

class NoLayout extends Error {}

async function addFolder(archive: Pack, image: LoadedImage, below: string): Promise<boolean> {
  let found = false;
  for (const entry of await readdir(join(image.path, below), { withFileTypes: true })) {
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found = (await addFolder(archive, image, name)) || found;
    else if (entry.isFile()) {
      const path = join(image.path, name);
      await add(archive, image, { name, size: (await stat(path)).size }, createReadStream(path));
      found ||= name === "index.json";
    }
  }
  return found;
}

async function addArchive(archive: Pack, image: LoadedImage): Promise<boolean> {
  const members = extract();
  const reading = pipeline(createReadStream(image.path), members);
  let found = false;
  try {
    for await (const member of members) {
      const name = member.header.name.replace(/^\.\//, "");
      if (member.header.type === "file") await add(archive, image, { name, size: member.header.size ?? 0 }, member);
      else member.resume();
      found ||= name === "index.json";
    }
    await reading;
  } catch (cause) {
    await reading.catch(() => undefined);
    throw new NoLayout(`${image.path} is no archive of an image: ${cause instanceof Error ? cause.message : ""}`);
  }
  return found;
}

async function add(
  archive: Pack,
  image: LoadedImage,
  header: { readonly name: string; readonly size: number },
  content: AsyncIterable<unknown>,
): Promise<void> {
  // Docker's own list of names would win over the one given.
  if (header.name === "manifest.json") {
    for await (const _chunk of content);
    return;
  }
  if (header.name !== "index.json") {
    if (header.size === 0) archive.entry(header).end(Buffer.alloc(0));
    else await pipeline(content, archive.entry(header));
    return;
  }
  if (header.size > largestIndex)
    throw new NoLayout(`${image.path}: its index.json is larger than ${largestIndex} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of content) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  const text = renamed(Buffer.concat(chunks).toString("utf8"), image);
  await new Promise<void>((done, failed) => {
    archive.entry({ name: header.name }, text, (error) => (error ? failed(error) : done()));
  });
}

function renamed(text: string, image: LoadedImage): string {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new NoLayout(`${image.path}: its index.json is no JSON`);
  }
  const read = index.safeParse(document);
  if (!read.success) throw new NoLayout(`${image.path}: its index.json names no manifests`);
  const [only, ...more] = read.data.manifests;
  if (!only || more.length > 0)
    throw new NoLayout(`${image.path} holds ${read.data.manifests.length} images; one is wanted`);
  const annotations = {
    // containerd takes the whole name from the first, docker and podman the name from the second.
    "io.containerd.image.name": image.reference,
    "org.opencontainers.image.ref.name": image.reference,
  };
  return JSON.stringify({ ...read.data, manifests: [{ ...only, annotations }] });
}
