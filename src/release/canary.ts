import { type Clock, err, fault, ok } from "../core/index.ts";
import type { EffectHandler } from "../journal/index.ts";
import type { Descriptor, ImageRegistry } from "../oci/index.ts";
import { appendFeed, type Store } from "../store/index.ts";
import { builtImages } from "./records.ts";

/** Body of a `publish-canary` entry. Its subject is `canary:<component>`, so that those of one component keep their order. */
export interface CanaryOrder {
  readonly component: string;
  readonly runId: string;
  readonly commit: string;
  /** `canary` or `X.Y-canary`. */
  readonly tag: string;
  readonly images: readonly string[];
}

export interface CanaryPublisherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly registry: () => ImageRegistry;
  readonly repositoryOf: (image: string) => string;
  /** True when `commit` is `other` or among its ancestors. */
  readonly isAncestor: (component: string, commit: string, other: string) => Promise<boolean>;
}

/**
 * Moves the canary of a branch: all images of the component are pushed by digest first, then all tags move. A canary
 * never moves back to an older commit, however late its run ended (KEP: "if it succeeds, a new canary image").
 */
export function canaryPublisher(options: CanaryPublisherOptions): EffectHandler<CanaryOrder> {
  const { store } = options;
  return {
    kind: "publish-canary",
    perform: async (entry) => {
      const order = entry.body;
      const images = (await builtImages(store, order.runId)).filter((image) => order.images.includes(image.name));
      if (images.length === 0) return err(fault("not-found", `run ${order.runId} left no images`));
      const now = await currentCanary(store, order.component, order.tag);
      if (now !== undefined && now !== order.commit && (await options.isAncestor(order.component, order.commit, now))) {
        return ok(async () => undefined);
      }
      const registry = options.registry();
      for (const image of images) {
        const pushed = await registry.push(options.repositoryOf(image.name), { root: rootOf(image) });
        if (!pushed.ok) return pushed;
      }
      for (const image of images) {
        const tagged = await registry.tag(options.repositoryOf(image.name), order.tag, rootOf(image), "moving");
        if (!tagged.ok) return tagged;
      }
      return ok(async (trx) => {
        const at = options.clock.now();
        for (const image of images) {
          await trx
            .insertInto("canaries")
            .values({
              component: order.component,
              image: image.name,
              tag: order.tag,
              digest: image.digest,
              commit_id: order.commit,
              run_id: order.runId,
              at,
            })
            .execute();
        }
        await appendFeed(store, trx, [
          { at, topic: "canary", component: order.component, subject: order.tag, state: order.commit },
        ]);
      });
    },
    onFailure: async (entry, _message, trx) => {
      const at = options.clock.now();
      await appendFeed(store, trx, [
        { at, topic: "canary", component: entry.body.component, subject: entry.body.tag, state: "failed" },
      ]);
    },
  };
}

/** The commit that the canary tag of a component means now. */
export async function currentCanary(store: Store, component: string, tag: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("canaries")
    .select("commit_id")
    .where("component", "=", component)
    .where("tag", "=", tag)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.commit_id;
}

export function rootOf(image: {
  readonly digest: string;
  readonly media_type: string;
  readonly size: number;
}): Descriptor {
  return { mediaType: image.media_type, digest: image.digest, size: image.size };
}
