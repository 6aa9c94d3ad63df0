import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { EffectHandler, Journal } from "../journal/index.ts";
import type { BlobStore, ImageRegistry } from "../oci/index.ts";
import type { Store, Trx } from "../store/index.ts";
import { rootOf } from "./canary.ts";
import {
  advance,
  builtImages,
  findRelease,
  publicationsOf,
  type StoredPublication,
  type StoredRelease,
} from "./records.ts";
import { verifyImage } from "./verify-image.ts";

export interface ReleasePublisherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly journal: Journal;
  readonly blobs: BlobStore;
  /** Every registry of `registries.release`, the built-in one included. */
  readonly registries: () => readonly ImageRegistry[];
  /** Path of an image below a registry's name. */
  readonly repositoryOf: (image: string) => string;
  /** What the tag means now; `undefined` when it is gone. */
  readonly tagObject: (component: string, version: string) => Promise<string | undefined>;
  /** Image names that the family file gives the component; `undefined`: not said. */
  readonly ownedImages: (component: string) => readonly string[] | undefined;
}

interface ReleaseOrder {
  readonly releaseId: string;
}

interface PushOrder extends ReleaseOrder {
  readonly publicationId: string;
}

interface TagOrder extends ReleaseOrder {
  readonly registry: string;
}

/**
 * From a green build to a published release, in journal entries: `verify-release`, then `push-image` for each image and
 * registry, then `tag-images` for each registry that has them all. The digests were recorded when the build ended;
 * nothing here can make another. One registry that cannot be reached holds back neither the others nor what they got.
 */
export function releasePublisher(options: ReleasePublisherOptions): readonly EffectHandler[] {
  const { store, clock, journal } = options;

  /** Bound to what was checked: a tag that moved before anything was published ends the release. */
  async function tagStillThere(release: StoredRelease): Promise<Result<void>> {
    const now = await options.tagObject(release.component, release.version);
    if (now === release.tag_object) return ok(undefined);
    return err(
      fault(
        "refused",
        now === undefined ? "tag deleted before publication" : `tag moved: it is ${now.slice(0, 7)} now`,
      ),
    );
  }

  async function failRelease(releaseId: string, message: string, trx: Trx): Promise<void> {
    await advance(store, trx, releaseId, "failed", message, clock.now());
  }

  const verify: EffectHandler<ReleaseOrder> = {
    kind: "verify-release",
    perform: async (entry) => {
      const { releaseId } = entry.body;
      const release = await findRelease(store, releaseId);
      if (release?.state !== "verifying") return ok(async () => undefined);
      const still = await tagStillThere(release);
      if (!still.ok) return still;
      const images = release.run_id === null ? [] : await builtImages(store, release.run_id);
      const owned = options.ownedImages(release.component) ?? [];
      const missing = owned.filter((name) => !images.some((image) => image.name === name));
      if (missing.length > 0) return err(fault("refused", `the build made no image ${missing.join(", ")}`));
      for (const image of images) {
        const expected = { commit: release.commit_id, version: release.version };
        const verified = await verifyImage(options.blobs, image.name, rootOf(image), expected);
        if (!verified.ok) return verified;
      }
      return ok(async (trx) => {
        if (images.length === 0) {
          await advance(
            store,
            trx,
            releaseId,
            "published",
            "released: the component has no images, its tag is the release",
            clock.now(),
          );
          return;
        }
        await orderPublications(trx, release, images);
      });
    },
    onFailure: (entry, message, trx) => failRelease(entry.body.releaseId, message, trx),
  };

  async function orderPublications(
    trx: Trx,
    release: StoredRelease,
    images: Awaited<ReturnType<typeof builtImages>>,
  ): Promise<void> {
    const moved = await advance(store, trx, release.id, "publishing", "verified; being published", clock.now());
    if (!moved) return;
    await forgetUnfinished(trx, release);
    for (const registry of options.registries()) {
      for (const image of images) {
        const publicationId = options.ids.uuid();
        await trx
          .insertInto("publications")
          .values({
            id: publicationId,
            release_id: release.id,
            component: release.component,
            image: image.name,
            tag: release.version,
            registry: registry.name,
            digest: image.digest,
            state: "wanted",
            detail: "",
            published_at: null,
          })
          .execute();
        const body: PushOrder = { releaseId: release.id, publicationId };
        await journal.write(trx, { kind: "push-image", subject: `${release.id}|${registry.name}|${image.name}`, body });
      }
    }
  }

  /** What a closed or failed release of the same tag wanted and never got stands in nobody's way. */
  async function forgetUnfinished(trx: Trx, release: StoredRelease): Promise<void> {
    await trx
      .deleteFrom("publications")
      .where("component", "=", release.component)
      .where("tag", "=", release.version)
      .where("state", "!=", "published")
      .where("release_id", "in", (eb) =>
        eb.selectFrom("releases").select("id").where("state", "in", ["failed", "closed"]),
      )
      .execute();
  }

  const push: EffectHandler<PushOrder> = {
    kind: "push-image",
    perform: async (entry) => {
      const order = entry.body;
      const release = await findRelease(store, order.releaseId);
      const publication = (await publicationsOf(store.db, order.releaseId)).find(
        (row) => row.id === order.publicationId,
      );
      if (!release || !publication || publication.state !== "wanted") return ok(async () => undefined);
      const still = await tagStillThere(release);
      if (!still.ok) return still;
      const registry = registryNamed(publication.registry);
      if (!registry.ok) return registry;
      const image = await imageOf(release, publication);
      if (!image.ok) return image;
      const taken = await registry.value.resolve(options.repositoryOf(publication.image), publication.tag);
      if (!taken.ok) return taken;
      if (taken.value && taken.value.digest !== publication.digest)
        return err(otherBytes(publication, taken.value.digest));
      const pushed = await registry.value.push(options.repositoryOf(publication.image), { root: image.value });
      if (!pushed.ok) return pushed;
      return ok(async (trx) => {
        await trx
          .updateTable("publications")
          .set({ state: "pushed", detail: "" })
          .where("id", "=", publication.id)
          .where("state", "=", "wanted")
          .execute();
        const rest = await publicationsOf(trx, release.id);
        const here = rest.filter((row) => row.registry === publication.registry);
        if (here.some((row) => row.state === "wanted")) return;
        const body: TagOrder = { releaseId: release.id, registry: publication.registry };
        await journal.write(trx, { kind: "tag-images", subject: `${release.id}|${publication.registry}`, body });
      });
    },
    onRetry: (entry, message, trx) => detail(trx, { id: entry.body.publicationId }, message),
    onFailure: (entry, message, trx) => failPublication(entry.body.releaseId, message, trx),
  };

  const tag: EffectHandler<TagOrder> = {
    kind: "tag-images",
    perform: async (entry) => {
      const order = entry.body;
      const release = await findRelease(store, order.releaseId);
      if (!release) return ok(async () => undefined);
      const rows = await publicationsOf(store.db, order.releaseId);
      const begun = rows.some((row) => row.state === "published") || (await isTaggedAlready(rows, order.registry));
      if (!begun) {
        const still = await tagStillThere(release);
        if (!still.ok) return still;
      }
      const registry = registryNamed(order.registry);
      if (!registry.ok) return registry;
      for (const row of rows.filter((each) => each.registry === order.registry)) {
        const image = await imageOf(release, row);
        if (!image.ok) return image;
        const tagged = await registry.value.tag(options.repositoryOf(row.image), row.tag, image.value, "immutable");
        if (!tagged.ok) return tagged;
      }
      return ok(async (trx) => {
        await trx
          .updateTable("publications")
          .set({ state: "published", detail: "", published_at: clock.now() })
          .where("release_id", "=", order.releaseId)
          .where("registry", "=", order.registry)
          .execute();
        const all = await publicationsOf(trx, order.releaseId);
        if (all.every((row) => row.state === "published")) {
          await advance(store, trx, order.releaseId, "published", publishedSentence(release), clock.now());
        }
      });
    },
    onRetry: (entry, message, trx) => detail(trx, entry.body, message),
    onFailure: (entry, message, trx) => failPublication(entry.body.releaseId, message, trx),
  };

  /** A process that died between tagging and recording it has published: from then on the release is carried through. */
  async function isTaggedAlready(rows: readonly StoredPublication[], name: string): Promise<boolean> {
    const registry = registryNamed(name);
    if (!registry.ok) return false;
    for (const row of rows.filter((each) => each.registry === name)) {
      const now = await registry.value.resolve(options.repositoryOf(row.image), row.tag);
      if (now.ok && now.value?.digest === row.digest) return true;
    }
    return false;
  }

  async function imageOf(release: StoredRelease, publication: StoredPublication) {
    const images = release.run_id === null ? [] : await builtImages(store, release.run_id);
    const image = images.find((each) => each.name === publication.image && each.digest === publication.digest);
    return image
      ? ok(rootOf(image))
      : err(fault("corrupt", `the record of ${publication.image} ${publication.digest} is gone`));
  }

  function registryNamed(name: string): Result<ImageRegistry> {
    const found = options.registries().find((registry) => registry.name === name);
    return found
      ? ok(found)
      : err(
          fault("unavailable", `the family file names no registry ${name} any more`, {
            hint: "put it back, or withdraw the release",
          }),
        );
  }

  async function detail(
    trx: Trx,
    which: { id?: string; releaseId?: string; registry?: string },
    message: string,
  ): Promise<void> {
    let query = trx.updateTable("publications").set({ detail: message }).where("state", "!=", "published");
    if (which.id !== undefined) query = query.where("id", "=", which.id);
    if (which.releaseId !== undefined) query = query.where("release_id", "=", which.releaseId);
    if (which.registry !== undefined) query = query.where("registry", "=", which.registry);
    await query.execute();
  }

  /** Once one registry has the release it stays published there: the rest is shown as what is left, not as a failure. */
  async function failPublication(releaseId: string, message: string, trx: Trx): Promise<void> {
    await detail(trx, { releaseId }, message);
    const rows = await publicationsOf(trx, releaseId);
    if (rows.some((row) => row.state === "published")) return;
    await failRelease(releaseId, message, trx);
  }

  return [verify, push, tag];
}

function publishedSentence(release: StoredRelease): string {
  return release.prerelease === 1
    ? "published; a release candidate is for tests and not production ready"
    : "published; its tag means these bytes for ever";
}

function otherBytes(publication: StoredPublication, found: string) {
  return fault(
    "refused",
    `${publication.registry} has other bytes under ${publication.image}:${publication.tag} (${found}); a published tag is never overwritten`,
  );
}
