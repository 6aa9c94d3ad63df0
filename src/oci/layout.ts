import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ok, type Result } from "../core/index.ts";
import type { Descriptor, Digest } from "./documents.ts";
import { manifestsOf, referredTo } from "./image-contents.ts";
import type { BlobStore } from "./store.ts";

/** OCI image layout: writes an image with all it refers to below `folder`, under the given reference name. */
export async function writeLayout(
  blobs: BlobStore,
  root: Descriptor,
  folder: string,
  name: string,
): Promise<Result<{ readonly blobs: number; readonly bytes: number }>> {
  const manifests = await manifestsOf(blobs, root);
  if (!manifests.ok) return manifests;
  const wanted = new Set<Digest>();
  for (const { descriptor, parsed } of manifests.value) {
    wanted.add(descriptor.digest);
    for (const blob of referredTo(parsed).blobs) wanted.add(blob.digest);
  }
  let bytes = 0;
  for (const digest of wanted) {
    const read = await blobs.read(digest);
    if (!read.ok) return read;
    const path = join(folder, "blobs", ...digest.split(":"));
    await mkdir(dirname(path), { recursive: true });
    await pipeline(Readable.from(read.value), createWriteStream(path));
    bytes += (await blobs.sizeOf(digest)) ?? 0;
  }
  const entry = { ...root, annotations: { ...root.annotations, "org.opencontainers.image.ref.name": name } };
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [entry] };
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  return ok({ blobs: wanted.size, bytes });
}
