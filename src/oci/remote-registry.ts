import { err, fault, ok, type Result } from "../core/index.ts";
import { inParallel } from "./client/in-parallel.ts";
import type { Descriptor } from "./documents.ts";
import { manifestsOf, referredTo } from "./image-contents.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { BlobStore, ImageRegistry } from "./store.ts";

export interface RemoteRegistryOptions {
  /** `host[:port]/path` as the family file has it. */
  readonly name: string;
  readonly client: RegistryClient;
  readonly blobs: BlobStore;
}

/** Blobs on their way to one registry at once. */
const blobsAtOnce = 4;

/** A registry elsewhere, under a folder of which the images' names stand. */
export function createRemoteRegistry(options: RemoteRegistryOptions): ImageRegistry {
  const { client, blobs, name } = options;
  const slash = name.indexOf("/");
  const host = slash < 0 ? name : name.slice(0, slash);
  const folder = slash < 0 ? "" : `${name.slice(slash + 1)}/`;
  const pathOf = (repository: string) => `${folder}${repository}`;
  /** The repository of this host that got a blob last: the next one mounts it from there. */
  const lastPlace = new Map<string, string>();

  async function pushBlob(repository: string, blob: Descriptor): Promise<Result<void>> {
    const pushed = await client.pushBlob({
      host,
      repository,
      blob,
      open: (range) => blobs.read(blob.digest, range),
      mountFrom: lastPlace.get(blob.digest),
    });
    if (!pushed.ok) return pushed;
    if (lastPlace.size > 50_000) lastPlace.clear();
    lastPlace.set(blob.digest, repository);
    return ok(undefined);
  }

  async function write(repository: string, reference: string, root: Descriptor, bytes: Uint8Array) {
    return await client.pushManifest({
      host,
      repository: pathOf(repository),
      reference,
      mediaType: root.mediaType,
      bytes,
    });
  }

  return {
    name,
    resolve: async (repository, tag) => {
      const found = await client.manifest(host, pathOf(repository), tag);
      return found.ok ? ok(found.value?.descriptor) : found;
    },
    tags: (repository) => client.tags(host, pathOf(repository)),
    referrers: (repository, subject) => client.referrers(host, pathOf(repository), subject),
    push: async (repository, image) => {
      const manifests = await manifestsOf(blobs, image.root);
      if (!manifests.ok) return manifests;
      const wanted = new Map<string, Descriptor>();
      for (const { parsed } of manifests.value)
        for (const blob of referredTo(parsed).blobs) wanted.set(blob.digest, blob);
      const sent = await inParallel([...wanted.values()], blobsAtOnce, (blob) => pushBlob(pathOf(repository), blob));
      if (!sent.ok) return sent;
      // Children before their index: at no moment is there a manifest whose parts are missing.
      for (const { descriptor, bytes } of manifests.value) {
        const done = await write(repository, descriptor.digest, descriptor, bytes);
        if (!done.ok) return done;
      }
      return ok(undefined);
    },
    tag: async (repository, tag, root, how) => {
      if (how === "immutable") {
        const now = await client.manifest(host, pathOf(repository), tag);
        if (!now.ok) return now;
        if (now.value?.descriptor.digest === root.digest) return ok(undefined);
        if (now.value)
          return err(
            fault("refused", `${name} has other bytes under ${repository}:${tag} (${now.value.descriptor.digest})`, {
              hint: "a published tag is never overwritten; release the next version",
            }),
          );
      }
      const bytes = await blobs.readAll(root.digest, 4 * 1024 * 1024);
      return bytes.ok ? await write(repository, tag, root, bytes.value) : bytes;
    },
  };
}
