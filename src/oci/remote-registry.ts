import { err, fault, ok } from "../core/index.ts";
import { manifestsOf, referredTo } from "./image-contents.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { BlobStore, ImageRegistry } from "./store.ts";

export interface RemoteRegistryOptions {
  /** `host[:port]/path` as the family file has it. */
  readonly name: string;
  readonly client: RegistryClient;
  readonly blobs: BlobStore;
}

/** A registry elsewhere, under a folder of which the images' names stand. */
export function createRemoteRegistry(options: RemoteRegistryOptions): ImageRegistry {
  const { client, blobs, name } = options;
  const slash = name.indexOf("/");
  const host = slash < 0 ? name : name.slice(0, slash);
  const folder = slash < 0 ? "" : `${name.slice(slash + 1)}/`;
  const pathOf = (repository: string) => `${folder}${repository}`;

  return {
    name,
    resolve: async (repository, tag) => {
      const found = await client.manifest(host, pathOf(repository), tag);
      return found.ok ? ok(found.value?.descriptor) : found;
    },
    push: async (repository, image) => {
      const manifests = await manifestsOf(blobs, image.root);
      if (!manifests.ok) return manifests;
      for (const { descriptor, bytes, parsed } of manifests.value) {
        for (const blob of referredTo(parsed).blobs) {
          const there = await client.hasBlob(host, pathOf(repository), blob.digest);
          if (!there.ok) return there;
          if (there.value) continue;
          const pushed = await client.pushBlob(host, pathOf(repository), blob, () => blobs.read(blob.digest));
          if (!pushed.ok) return pushed;
        }
        const done = await client.pushManifest(
          host,
          pathOf(repository),
          descriptor.digest,
          descriptor.mediaType,
          bytes,
        );
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
      return bytes.ok ? await client.pushManifest(host, pathOf(repository), tag, root.mediaType, bytes.value) : bytes;
    },
  };
}
