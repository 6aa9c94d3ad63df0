import { type Clock, err, type Fault, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { ImageInspector } from "../images/index.ts";
import type { EffectHandler, Journal } from "../journal/index.ts";
import type { BlobStore, ImageRegistry, Platform } from "../oci/index.ts";
import type { Store, Trx } from "../store/index.ts";
import { proofAttacher } from "./attach-proof.ts";
import { rootOf } from "./canary.ts";
import {
  advance,
  builtImages,
  copySubject,
  findRelease,
  nextToCopy,
  publicationSubject,
  publicationsOf,
  releaseBefore,
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
  /** Signs what was verified and pushes the proof beside the images; idempotent. */
  readonly attachProof: (releaseId: string, registry: ImageRegistry) => Promise<Result<void>>;
  /** Image names that the family file gives the component; `undefined`: not said. */
  readonly ownedImages: (component: string) => readonly string[] | undefined;
  readonly inspector: ImageInspector;
  /** What the release configuration of the commit lists, by image; those that a script makes are not in it. */
  readonly declaredPlatforms: (
    component: string,
    commit: string,
  ) => Promise<Result<ReadonlyMap<string, readonly Platform[]>>>;
  /** A release was published; an event says so, which is decided once the transaction is over. */
  readonly onReleased: (component: string) => void;
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
/** Works through what is to be copied to a registry, one release after another. */
interface CopyOrder {
  readonly registry: string;
}

/**
 * From a green build to a published release, in journal entries: `verify-release`, then `push-image` for each image and
 * registry, then `attach-proof` and `tag-images` for each registry that has them all; `copy-release` brings old releases to
 * a registry that has them not. The digests were recorded when the build ended; nothing here can make another. A registry
 * that cannot be reached, or refuses us, is tried again for as long as it takes and holds back no other; only other bytes
 * under the tag, or a tag that moved, end a release.
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
      const declared = await options.declaredPlatforms(release.component, release.commit_id);
      if (!declared.ok) return declared;
      const before = await releaseBefore(store, release);
      for (const image of images) {
        const expected = {
          commit: release.commit_id,
          version: release.version,
          declared: declared.value.get(image.name),
          before: before && { version: before.version, platforms: before.platforms.get(image.name) ?? [] },
        };
        const verified = await verifyImage(options.blobs, options.inspector, image.name, rootOf(image), expected);
        if (!verified.ok) return verified;
      }
      return ok(async (trx) => {
        if (images.length === 0) {
          await advance(store, trx, releaseId, "publishing", "verified; its proof is being published", clock.now());
          await journal.write(trx, { kind: "attach-proof", subject: releaseId, body: { releaseId } });
          return;
        }
        await orderPublications(trx, release, images);
      });
    },
    onFailure: (entry, message, trx) => failRelease(entry.body.releaseId, message, trx),
  };

  /** One registry's images go one after another: one that hangs takes one place among the workers, not all. */
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
        await journal.write(trx, { kind: "push-image", subject: publicationSubject(release.id, registry.name), body });
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
      const rows = await publicationsOf(store.db, order.releaseId);
      const publication = rows.find((row) => row.id === order.publicationId);
      if (release?.state !== "publishing" || publication?.state !== "wanted") return ok(async () => undefined);
      if (!rows.some((row) => row.state === "published")) {
        const still = await tagStillThere(release);
        if (!still.ok) return still;
      }
      const registry = registryNamed(publication.registry);
      if (!registry.ok) return registry;
      const pushed = await pushOne(release, publication, registry.value);
      if (!pushed.ok) return pushed;
      return ok(async (trx) => {
        await markPushed(trx, publication.id);
        const rest = await publicationsOf(trx, release.id);
        const here = rest.filter((row) => row.registry === publication.registry);
        if (here.some((row) => row.state === "wanted")) return;
        const body: TagOrder = { releaseId: release.id, registry: publication.registry };
        const subject = publicationSubject(release.id, publication.registry);
        await journal.write(trx, { kind: "attach-proof", subject, body });
      });
    },
    onRetry: (entry, message, trx) => detail(trx, [entry.body.publicationId], message),
    onFailure: (entry, message, trx) =>
      failPublications(entry.body.releaseId, (row) => row.id === entry.body.publicationId, message, trx),
  };

  async function pushOne(
    release: StoredRelease,
    publication: StoredPublication,
    registry: ImageRegistry,
  ): Promise<Result<void>> {
    const image = await imageOf(release, publication);
    if (!image.ok) return image;
    const repository = options.repositoryOf(publication.image);
    const taken = await registry.resolve(repository, publication.tag);
    if (!taken.ok) return err(tryAgain(taken.error));
    if (taken.value && taken.value.digest !== publication.digest)
      return err(otherBytes(publication, taken.value.digest));
    const pushed = await registry.push(repository, { root: image.value });
    return pushed.ok ? ok(undefined) : err(tryAgain(pushed.error));
  }

  async function markPushed(trx: Trx, id: string): Promise<void> {
    await trx
      .updateTable("publications")
      .set({ state: "pushed", detail: "" })
      .where("id", "=", id)
      .where("state", "!=", "published")
      .execute();
  }

  const tag: EffectHandler<TagOrder> = {
    kind: "tag-images",
    perform: async (entry) => {
      const { releaseId, registry: name } = entry.body;
      const release = await findRelease(store, releaseId);
      if (release?.state !== "publishing") return ok(async () => undefined);
      const rows = await publicationsOf(store.db, releaseId);
      const registry = registryNamed(name);
      if (!registry.ok) return registry;
      const begun = rows.some((row) => row.state === "published") || (await isTaggedAlready(rows, registry.value));
      if (!begun) {
        const still = await tagStillThere(release);
        if (!still.ok) return still;
        const free = await freeEverywhere(rows, name);
        if (!free.ok) return free;
      }
      const here = rows.filter((row) => row.registry === name);
      const tagged = await tagAll(release, here, registry.value);
      if (!tagged.ok) return tagged;
      return ok((trx) => recordPublished(trx, release, here));
    },
    onRetry: async (entry, message, trx) => {
      const rows = await publicationsOf(trx, entry.body.releaseId);
      const here = rows.filter((row) => row.registry === entry.body.registry);
      await detail(
        trx,
        here.map((row) => row.id),
        message,
      );
    },
    onFailure: (entry, message, trx) =>
      failPublications(entry.body.releaseId, (row) => row.registry === entry.body.registry, message, trx),
  };

  async function tagAll(
    release: StoredRelease,
    rows: readonly StoredPublication[],
    registry: ImageRegistry,
  ): Promise<Result<void>> {
    for (const row of rows) {
      const image = await imageOf(release, row);
      if (!image.ok) return image;
      const tagged = await registry.tag(options.repositoryOf(row.image), row.tag, image.value, "immutable");
      if (!tagged.ok) return tagged.error.code === "refused" ? tagged : err(tryAgain(tagged.error));
    }
    return ok(undefined);
  }

  async function recordPublished(trx: Trx, release: StoredRelease, rows: readonly StoredPublication[]): Promise<void> {
    for (const { id } of rows)
      await trx
        .updateTable("publications")
        .set({ state: "published", detail: "", published_at: clock.now() })
        .where("id", "=", id)
        .execute();
    const all = await publicationsOf(trx, release.id);
    if (all.every((row) => row.state === "published"))
      await recordReleased(trx, release.id, release.component, publishedSentence(release));
  }

  /** That a release is out is an event like any other: what follows is decided in order with the rest. */
  async function recordReleased(trx: Trx, id: string, component: string, sentence: string): Promise<void> {
    const at = clock.now();
    if (!(await advance(store, trx, id, "published", sentence, at))) return;
    const body = JSON.stringify({ kind: "released", component, releaseId: id });
    await store.orderAppends(trx);
    await trx
      .insertInto("events")
      .values({ id: options.ids.uuid(), component, kind: "released", body, at, state: "new", decided_at: null })
      .execute();
    options.onReleased(component);
  }

  /** The last moment at which other bytes under the tag, at any registry, still end the release with nothing published. */
  async function freeEverywhere(rows: readonly StoredPublication[], tagging: string): Promise<Result<void>> {
    for (const row of rows) {
      if (row.registry === tagging) continue;
      const registry = registryNamed(row.registry);
      // One that cannot be asked now is asked before its own tag is written.
      const there = registry.ok ? await registry.value.resolve(options.repositoryOf(row.image), row.tag) : undefined;
      if (there?.ok && there.value && there.value.digest !== row.digest)
        return err(otherBytes(row, there.value.digest));
    }
    return ok(undefined);
  }

  /** A process that died between tagging and recording it has published: from then on the release is carried through. */
  async function isTaggedAlready(rows: readonly StoredPublication[], registry: ImageRegistry): Promise<boolean> {
    for (const row of rows.filter((each) => each.registry === registry.name)) {
      const now = await registry.resolve(options.repositoryOf(row.image), row.tag);
      if (now.ok && now.value?.digest === row.digest) return true;
    }
    return false;
  }

  const copy: EffectHandler<CopyOrder> = {
    kind: "copy-release",
    perform: async (entry) => {
      const { registry: name } = entry.body;
      const rows = await nextToCopy(store.db, name);
      const release = rows[0] && (await findRelease(store, rows[0].release_id));
      if (!release) return ok(async () => undefined);
      const registry = registryNamed(name);
      if (!registry.ok) return registry;
      for (const row of rows) {
        const pushed = await pushOne(release, row, registry.value);
        if (!pushed.ok) return pushed;
      }
      const proven = await options.attachProof(release.id, registry.value);
      if (!proven.ok) return proven;
      const tagged = await tagAll(release, rows, registry.value);
      if (!tagged.ok) return tagged;
      return ok(async (trx) => {
        await recordPublished(trx, release, rows);
        await copyOn(trx, entry.body);
      });
    },
    onRetry: async (entry, message, trx) => {
      const rows = await nextToCopy(trx, entry.body.registry);
      await detail(
        trx,
        rows.map((row) => row.id),
        message,
      );
    },
    /** One release that a registry refuses does not keep it from the others. */
    onFailure: async (entry, message, trx) => {
      for (const { id } of await nextToCopy(trx, entry.body.registry))
        await trx.updateTable("publications").set({ state: "refused", detail: message }).where("id", "=", id).execute();
      await copyOn(trx, entry.body);
    },
  };

  async function copyOn(trx: Trx, body: CopyOrder): Promise<void> {
    if ((await nextToCopy(trx, body.registry)).length === 0) return;
    await journal.write(trx, { kind: "copy-release", subject: copySubject(body.registry), body });
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

  async function detail(trx: Trx, ids: readonly string[], message: string): Promise<void> {
    if (ids.length === 0) return;
    await trx
      .updateTable("publications")
      .set({ detail: message })
      .where("id", "in", [...ids])
      .where("state", "!=", "published")
      .execute();
  }

  /** Once one registry has the release it stays published there: the rest is shown as what is left, not as a failure. */
  async function failPublications(
    releaseId: string,
    concerns: (row: StoredPublication) => boolean,
    message: string,
    trx: Trx,
  ): Promise<void> {
    const rows = await publicationsOf(trx, releaseId);
    const published = rows.some((row) => row.state === "published");
    for (const row of rows) {
      if (row.state === "published" || !concerns(row)) continue;
      await trx
        .updateTable("publications")
        .set({ detail: message, ...(published ? { state: "refused" } : {}) })
        .where("id", "=", row.id)
        .execute();
    }
    if (!published) await failRelease(releaseId, message, trx);
  }

  const attach = proofAttacher({
    journal,
    registries: options.registries,
    registryNamed,
    attach: options.attachProof,
    onProven: async (releaseId, trx) => {
      const reason = "released: the component has no images; its tag, files and provenance are the release";
      const release = await trx
        .selectFrom("releases")
        .select("component")
        .where("id", "=", releaseId)
        .executeTakeFirst();
      if (release) await recordReleased(trx, releaseId, release.component, reason);
    },
    onRetry: async (order, message, trx) => {
      const rows = await publicationsOf(trx, order.releaseId);
      const here = rows.filter((row) => order.registry === undefined || row.registry === order.registry);
      await detail(
        trx,
        here.map((row) => row.id),
        message,
      );
    },
    onFailure: (order, message, trx) =>
      failPublications(
        order.releaseId,
        (row) => order.registry === undefined || row.registry === order.registry,
        message,
        trx,
      ),
  });

  return [verify, push, attach, tag, copy];
}

function publishedSentence(release: StoredRelease): string {
  return release.prerelease === 1
    ? "published; a release candidate is for tests and not production ready"
    : "published; its tag means these bytes for ever";
}

/** Whatever a registry says but "other bytes": it may be otherwise later, when somebody has mended it or our access. */
function tryAgain(why: Fault): Fault {
  return fault("unavailable", why.message, { hint: why.hint, cause: why });
}

function otherBytes(publication: StoredPublication, found: string) {
  return fault(
    "refused",
    `${publication.registry} has other bytes under ${publication.image}:${publication.tag} (${found}); a published tag is never overwritten`,
  );
}
