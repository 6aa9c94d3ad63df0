import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { RemoteManifest } from "./client/manifests.ts";
import { openFsBlobStore } from "./fs-blobs.ts";
import { referredTo } from "./image-contents.ts";
import { writeLayout } from "./layout.ts";
import { formatReference, parseReference } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";

/** `fairlead pull`: an image as an OCI layout in a new or empty folder. Faults also: `bad-input` for a folder in use. */
export async function pullToLayout(
  options: { readonly client: RegistryClient; readonly ids: Ids },
  image: string,
  folder: string,
): Promise<Result<{ readonly digest: string; readonly blobs: number; readonly bytes: number }>> {
  const reference = parseReference(image);
  if (!reference.ok) return reference;
  const parsed = reference.value;
  const { registry, repository, tag, digest } = parsed;
  const present = await readdir(folder).catch(() => []);
  if (present.length > 0)
    return err(fault("bad-input", `${folder} is not empty`, { hint: "name a folder that does not exist yet" }));
  await mkdir(folder, { recursive: true });
  const scratch = join(folder, ".incoming");
  const blobs = await openFsBlobStore({ root: scratch, ids: options.ids });

  async function take(which: string): Promise<Result<RemoteManifest>> {
    const found = await options.client.manifest(registry, repository, which);
    if (!found.ok) return found;
    if (!found.value) return err(fault("not-found", `there is no ${formatReference(parsed)}`));
    const manifest = found.value;
    const kept = await blobs.write(manifest.bytes, manifest.descriptor);
    if (!kept.ok) return kept;
    const needs = referredTo(manifest.parsed);
    for (const child of needs.manifests) {
      const inner = await take(child.digest);
      if (!inner.ok) return inner;
    }
    for (const blob of needs.blobs) {
      if ((await blobs.sizeOf(blob.digest)) !== undefined) continue;
      const read = await options.client.blob(registry, repository, blob);
      if (!read.ok) return read;
      const stored = await blobs.write(read.value, { digest: blob.digest, size: blob.size });
      if (!stored.ok) return stored;
    }
    return ok(manifest);
  }

  try {
    const root = await take(digest ?? tag ?? "latest");
    if (!root.ok) return root;
    const written = await writeLayout(blobs, root.value.descriptor, folder, tag ?? "latest");
    return written.ok ? ok({ digest: root.value.descriptor.digest, ...written.value }) : written;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
