import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, type Result, systemIds } from "../core/index.ts";
import { mediaTypes } from "./documents.ts";
import { openFsBlobStore } from "./fs-blobs.ts";
import { type FoundImage, readImageArchive, readImageFolder } from "./read-layout.ts";
import type { BlobStore } from "./store.ts";

let root: string;
let blobs: BlobStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "read-layout-"));
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

const room = 1024 ** 2;
const bytesOf = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const described = (value: unknown, mediaType: string) => {
  const bytes = bytesOf(value);
  return { mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length };
};
const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } };
const manifest = (layers: readonly unknown[] = []) => ({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: described(config, mediaTypes.ociConfig),
  layers,
});

/** A layout with one image, named `v1`; what is left out of `held` is referred to and not there. */
async function layout(held: readonly unknown[], top: unknown = manifest()): Promise<string> {
  const folder = await mkdtemp(join(root, "layout-"));
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  for (const value of held)
    await writeFile(join(folder, "blobs", "sha256", described(value, "").digest.slice(7)), bytesOf(value));
  const annotations = { "org.opencontainers.image.ref.name": "v1" };
  const index = { schemaVersion: 2, manifests: [{ ...described(top, mediaTypes.ociManifest), annotations }] };
  await writeFile(join(folder, "index.json"), bytesOf(index));
  await writeFile(join(folder, "oci-layout"), bytesOf({ imageLayoutVersion: "1.0.0" }));
  return folder;
}
async function archiveOf(folder: string, ...more: readonly string[]): Promise<string> {
  const file = join(root, "image.tar");
  execFileSync("tar", ["-C", folder, "-cf", file, ...more, ...(await readdir(folder))]);
  return file;
}
const codeOf = (result: Result<readonly FoundImage[]>) =>
  result.ok ? "taken" : `${result.error.code}: ${result.error.message}`;

describe("a layout that somebody left", () => {
  it("is taken in, as a folder, as a tar and in the flat form, with every blob of it", async () => {
    const layer = described("a layer", mediaTypes.ociLayerGzip);
    const top = manifest([layer]);
    const folder = await layout([config, top, "a layer"], top);
    const wanted = { name: "v1", root: expect.objectContaining({ digest: described(top, "").digest }) };
    expect(must(await readImageFolder(blobs, folder, room))).toEqual([wanted]);
    expect(await blobs.sizeOf(layer.digest)).toBe(layer.size);
    expect(must(await readImageArchive(blobs, await archiveOf(folder), room))).toEqual([wanted]);
    const flat = await mkdtemp(join(root, "flat-"));
    await writeFile(join(flat, "version"), "Directory Transport Version: 1.1\n");
    await writeFile(join(flat, "manifest.json"), bytesOf(top));
    for (const value of [config, "a layer"])
      await writeFile(join(flat, described(value, "").digest.slice(7)), bytesOf(value));
    expect(must(await readImageFolder(blobs, flat, room))).toEqual([{ ...wanted, name: undefined }]);
  });

  it("opens no blob that it merely names, though the store has it", async () => {
    const secret = described("of others", mediaTypes.ociLayerGzip);
    must(await blobs.write(bytesOf("of others")));
    const top = manifest([secret]);
    const folder = await layout([config, top], top);
    expect(codeOf(await readImageFolder(blobs, folder, room))).toBe(`corrupt: it has no blob ${secret.digest}`);
    expect(codeOf(await readImageArchive(blobs, await archiveOf(folder), room))).toMatch(/^corrupt: it has no blob/);
  });

  it("is refused where it lies, leads out, has no end or is none", async () => {
    const top = manifest();
    const lying = await layout([config, top]);
    const path = join(lying, "blobs", "sha256", described(config, "").digest.slice(7));
    await writeFile(path, "x".repeat(bytesOf(config).length));
    expect(codeOf(await readImageFolder(blobs, lying, room))).toMatch(/^corrupt: the bytes are not what was announced/);
    expect(codeOf(await readImageArchive(blobs, await archiveOf(lying), room))).toMatch(/^corrupt/);
    await rm(path);
    await writeFile(join(root, "outside"), bytesOf(config));
    await symlink(join(root, "outside"), path);
    expect(codeOf(await readImageFolder(blobs, lying, room))).toMatch(/^corrupt: it has no blob/);
    expect(codeOf(await readImageArchive(blobs, await archiveOf(lying), room))).toMatch(/^corrupt: it has no blob/);
    const whole = await layout([config, top]);
    expect(codeOf(await readImageFolder(blobs, whole, 10))).toMatch(/^limit/);
    expect(codeOf(await readImageArchive(blobs, await archiveOf(whole), 10))).toMatch(/^limit/);
    const both = { ...top, manifests: [] };
    expect(codeOf(await readImageFolder(blobs, await layout([config, both], both), room))).toMatch(
      /both layers and manifests/,
    );
    expect(codeOf(await readImageFolder(blobs, root, room))).toMatch(/^bad-input: it is no OCI image layout/);
    await writeFile(join(root, "short.tar"), Buffer.alloc(700, 1));
    expect(codeOf(await readImageArchive(blobs, join(root, "short.tar"), room))).toMatch(/^bad-input/);
  });
});
