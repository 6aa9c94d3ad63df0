import { err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { type Component, mayMaintain, type Principal } from "../family/index.ts";
import type { Journal } from "../journal/index.ts";
import type { Store, Trx } from "../store/index.ts";
import {
  builtImages,
  copySubject,
  publicationSubject,
  publicationsOf,
  type StoredPublication,
  type StoredRelease,
} from "./records.ts";

export interface PromotionOptions {
  readonly store: Store;
  readonly ids: Ids;
  readonly journal: Journal;
  readonly components: () => readonly Component[];
  /** `registries.release`. */
  readonly registries: () => readonly string[];
}

/** What is to be brought where; all of it where nothing is said. */
export interface PromotionRequest {
  readonly release?: string | undefined;
  readonly component?: string | undefined;
  readonly registry?: string | undefined;
}

export interface Promoted {
  /** `copy`: ordered now; `again`: was under way, and is tried again at once; `proof`: its proof is put there again. */
  readonly items: readonly {
    readonly release: string;
    readonly registry: string;
    readonly images: number;
    readonly what: "copy" | "again" | "proof";
  }[];
}

/** Brings releases to registries that lack them, by the digest that was recorded: nothing is built. */
export interface Promotion {
  /** Faults: `not-found`, `forbidden`, `refused` for a release that is published nowhere. */
  promote(request: PromotionRequest, by: Principal): Promise<Result<Promoted>>;
}

const promotable = ["publishing", "published"] as const;

export function createPromotion(options: PromotionOptions): Promotion {
  const { store, journal } = options;

  async function chosen(request: PromotionRequest, by: Principal): Promise<Result<readonly StoredRelease[]>> {
    const { registry, component, release } = request;
    if (registry !== undefined && !options.registries().includes(registry))
      return err(
        fault("not-found", `${registry} is no release registry of this family`, {
          hint: `registries.release in the family file has ${options.registries().join(", ")}`,
        }),
      );
    const known = options.components();
    if (component !== undefined && !known.some((each) => each.name === component))
      return err(fault("not-found", `there is no component ${component}`, { hint: "fairlead status" }));
    let query = store.db
      .selectFrom("releases")
      .selectAll()
      .where("state", "in", [...promotable]);
    if (component !== undefined) query = query.where("component", "=", component);
    if (release !== undefined) query = query.where("id", "=", release);
    const rows = await query.orderBy("requested_at").execute();
    if (release !== undefined && rows.length === 0)
      return err(
        fault("refused", `${release} is published nowhere, so there is nothing to copy`, { hint: "fairlead releases" }),
      );
    const mine = rows.filter((row) => {
      const owner = known.find((each) => each.name === row.component);
      return by.role === "administrator" || (owner !== undefined && mayMaintain(by, owner));
    });
    const refused = rows.find((row) => !mine.includes(row));
    if (refused && (release !== undefined || component !== undefined || mine.length === 0))
      return err(fault("forbidden", `${by.user} is no maintainer of ${refused.component}`));
    return ok(mine);
  }

  /** Orders what one registry lacks of one release; answers how many images and whether it was under way already. */
  async function order(
    trx: Trx,
    release: StoredRelease,
    registry: string,
    images: Awaited<ReturnType<typeof builtImages>>,
  ): Promise<{ readonly copied: number; readonly again: number }> {
    const rows = (await publicationsOf(trx, release.id)).filter((row) => row.registry === registry);
    const underWay = await journal.isOpen(trx, publicationSubject(release.id, registry));
    let copied = 0;
    let again = 0;
    for (const image of images) {
      const row = rows.find((each) => each.image === image.name);
      if (row?.state === "published") continue;
      if (row && (row.state === "copy" || (underWay && row.state !== "refused"))) again += 1;
      else {
        copied += 1;
        await want(trx, release, registry, image, row);
      }
    }
    if (again > 0 && underWay) await journal.hasten(trx, publicationSubject(release.id, registry));
    return { copied, again };
  }

  async function want(
    trx: Trx,
    release: StoredRelease,
    registry: string,
    image: { readonly name: string; readonly digest: string },
    row: StoredPublication | undefined,
  ): Promise<void> {
    if (row) {
      await trx.updateTable("publications").set({ state: "copy", detail: "" }).where("id", "=", row.id).execute();
      return;
    }
    await trx
      .insertInto("publications")
      .values({
        id: options.ids.uuid(),
        release_id: release.id,
        component: release.component,
        image: image.name,
        tag: release.version,
        registry,
        digest: image.digest,
        state: "copy",
        detail: "",
        published_at: null,
      })
      .execute();
  }

  /** One entry a registry works through all that is to be copied there, so that the journal stays short. */
  async function copyFrom(trx: Trx, registry: string): Promise<void> {
    const subject = copySubject(registry);
    if (await journal.isOpen(trx, subject)) await journal.hasten(trx, subject);
    else await journal.write(trx, { kind: "copy-release", subject, body: { registry } });
  }

  /** What lost its signature there gets the very same proof again; where it stands, nothing is sent. */
  async function proveAgain(trx: Trx, release: StoredRelease, registry: string): Promise<void> {
    const subject = publicationSubject(release.id, registry);
    if (await journal.isOpen(trx, subject)) await journal.hasten(trx, subject);
    else await journal.write(trx, { kind: "attach-proof", subject, body: { releaseId: release.id, registry } });
  }

  return {
    promote: async (request, by) => {
      const releases = await chosen(request, by);
      if (!releases.ok) return releases;
      const registries = options.registries().filter((name) => (request.registry ?? name) === name);
      const items: Promoted["items"][number][] = [];
      for (const release of releases.value) {
        const images = release.run_id === null ? [] : await builtImages(store, release.run_id);
        await store.transaction(async (trx) => {
          for (const registry of registries) {
            const { copied, again } = await order(trx, release, registry, images);
            const shared = { release: release.id, registry };
            if (copied > 0) items.push({ ...shared, images: copied, what: "copy" });
            if (again > 0) items.push({ ...shared, images: again, what: "again" });
            if (copied + again > 0) await copyFrom(trx, registry);
            else if (request.release !== undefined && images.length > 0) {
              await proveAgain(trx, release, registry);
              items.push({ ...shared, images: images.length, what: "proof" });
            }
          }
        });
      }
      journal.poke();
      return ok({ items });
    },
  };
}
