import { type Clock, err, fault, ok } from "../core/index.ts";
import { artifactTypeOf, type BlobStore, type ImageRegistry, manifestsOf, referredTo } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import {
  claimTag,
  digestOfTag,
  findManifest,
  hasManifests,
  insertManifest,
  moveTag,
  referrersOf,
  tagsOf,
} from "./records.ts";

/** Referrers of one image that are looked at. */
const mostReferrers = 1000;

/** The built-in registry as the publisher sees it: images are in its blob store already, so nothing is copied. */
export function createBuiltinRegistry(options: {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}): ImageRegistry {
  const { store, blobs, clock } = options;
  return {
    name: "builtin",
    resolve: async (repository, tag) => {
      const digest = await digestOfTag(store.db, repository, tag);
      const row = digest === undefined ? undefined : await findManifest(store.db, repository, digest);
      return ok(row && { mediaType: row.media_type, digest: row.digest, size: row.size });
    },
    tags: async (repository) => ok((await tagsOf(store, repository, undefined, Number.MAX_SAFE_INTEGER)) ?? []),
    referrers: async (repository, subject) =>
      ok(
        (
          await referrersOf(store, repository, subject, { artifactType: null, last: undefined, limit: mostReferrers })
        ).map((row) => ({
          mediaType: row.media_type,
          digest: row.digest,
          size: row.size,
          ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
        })),
      ),
    push: async (repository, image) => {
      const manifests = await manifestsOf(blobs, image.root);
      if (!manifests.ok) return manifests;
      // Asking also keeps the collector from all of it until the rows are there.
      for (const { descriptor, parsed } of manifests.value) {
        for (const blob of [descriptor, ...referredTo(parsed).blobs]) {
          if ((await blobs.sizeOf(blob.digest)) === undefined)
            return err(fault("corrupt", `${image.root.digest} refers to ${blob.digest}, which is not stored`));
        }
      }
      await store.transaction(async (trx) => {
        for (const { descriptor, parsed } of manifests.value) {
          await insertManifest(trx, {
            repository,
            descriptor,
            subject: parsed.document.subject?.digest,
            artifactType: artifactTypeOf(parsed),
            annotations: parsed.document.annotations,
            blobs: referredTo(parsed).blobs.map((blob) => blob.digest),
            at: clock.now(),
          });
        }
      });
      return ok(undefined);
    },
    tag: async (repository, tag, root, how) => {
      const now = await store.transaction(async (trx) => {
        if (!(await hasManifests(trx, repository, [root.digest]))) return "absent";
        if (how === "immutable") return await claimTag(trx, repository, tag, root.digest, clock.now());
        await moveTag(trx, repository, tag, root.digest, clock.now());
        return root.digest;
      });
      if (now === "absent")
        return err(fault("not-found", `${root.digest} was not pushed to ${repository}, so ${tag} cannot mean it`));
      return now === root.digest
        ? ok(undefined)
        : err(
            fault("refused", `the built-in registry has other bytes under ${repository}:${tag} (${now})`, {
              hint: "a published tag is never overwritten; release the next version",
            }),
          );
    },
  };
}
