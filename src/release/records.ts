import type { Selectable } from "kysely";
import { z } from "zod";
import { hashOf } from "../core/index.ts";
import { compareVersions, parseVersionTag, type ReleaseState } from "../family/index.ts";
import type { Platform } from "../oci/index.ts";
import type { Finding, Unchecked } from "../policy/index.ts";
import {
  appendFeed,
  type BuiltImageRow,
  type PublicationRow,
  type ReleaseRow,
  type Store,
  type Trx,
} from "../store/index.ts";
import { mayFollow, publicStates } from "./states.ts";

export type StoredRelease = Selectable<ReleaseRow>;
export type StoredPublication = Selectable<PublicationRow>;

export interface NewRelease {
  readonly component: string;
  readonly version: string;
  readonly tagObject: string;
  readonly commit: string;
  readonly state: "building" | "quarantined";
  readonly prerelease: boolean;
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
  readonly configHash: string;
  readonly reason: string;
  readonly requestedBy: string;
  readonly runId: string | undefined;
  readonly at: number;
}

/** Answers its id: `component@v1.0.0`, with `~2` and so on where the tag was closed or failed before and came again. */
export async function insertRelease(store: Store, trx: Trx, release: NewRelease): Promise<string> {
  const base = `${release.component}@${release.version}`;
  const earlier = await trx
    .selectFrom("releases")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where("component", "=", release.component)
    .where("version", "=", release.version)
    .executeTakeFirstOrThrow();
  const count = Number(earlier.n);
  const id = count === 0 ? base : `${base}~${count + 1}`;
  await trx
    .insertInto("releases")
    .values({
      id,
      component: release.component,
      version: release.version,
      tag_object: release.tagObject,
      commit_id: release.commit,
      tree: null,
      state: release.state,
      prerelease: release.prerelease ? 1 : 0,
      findings: JSON.stringify(release.findings),
      unchecked: JSON.stringify(release.unchecked),
      findings_hash: hashOf(release.findings),
      config_hash: release.configHash,
      reason: release.reason,
      requested_by: release.requestedBy,
      run_id: release.runId ?? null,
      approved_by: null,
      approved_reason: null,
      requested_at: release.at,
      quarantined_at: release.state === "quarantined" ? release.at : null,
      building_at: release.state === "building" ? release.at : null,
      verifying_at: null,
      publishing_at: null,
      published_at: null,
      ended_at: null,
      withdrawn_at: null,
      withdrawn_by: null,
      withdrawn_reason: null,
    })
    .execute();
  await feedRelease(store, trx, release.component, id, release.state, release.at);
  return id;
}

export async function findRelease(store: Store, id: string): Promise<StoredRelease | undefined> {
  return await store.db.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function releasesOf(store: Store, component: string): Promise<readonly StoredRelease[]> {
  return await store.db
    .selectFrom("releases")
    .selectAll()
    .where("component", "=", component)
    .orderBy("requested_at", "desc")
    .execute();
}

/** Tags of the component under which bytes are or may be public. */
export async function publicTags(store: Store, component: string): Promise<ReadonlySet<string>> {
  const rows = await store.db
    .selectFrom("releases")
    .select("version")
    .where("component", "=", component)
    .where("state", "in", [...publicStates])
    .execute();
  return new Set(rows.map((row) => row.version));
}

const timeColumn = {
  building: "building_at",
  verifying: "verifying_at",
  publishing: "publishing_at",
  published: "published_at",
  failed: "ended_at",
  closed: "ended_at",
} as const;

/** Moves a release on if it still stands at one of the states from which `to` may follow; false when it does not. */
export async function advance(
  store: Store,
  trx: Trx,
  id: string,
  to: keyof typeof timeColumn,
  reason: string,
  at: number,
): Promise<boolean> {
  const row = await trx.selectFrom("releases").select(["state", "component"]).where("id", "=", id).executeTakeFirst();
  if (!row || !mayFollow(row.state, to)) return false;
  const moved = await trx
    .updateTable("releases")
    .set({ state: to, reason, [timeColumn[to]]: at })
    .where("id", "=", id)
    .where("state", "=", row.state)
    .executeTakeFirst();
  if (moved.numUpdatedRows !== 1n) return false;
  await feedRelease(store, trx, row.component, id, to, at);
  return true;
}

async function feedRelease(
  store: Store,
  trx: Trx,
  component: string,
  id: string,
  state: ReleaseState,
  at: number,
): Promise<void> {
  await appendFeed(store, trx, [{ at, topic: "release", component, subject: id, state }]);
}

export async function builtImages(store: Store, runId: string): Promise<readonly Selectable<BuiltImageRow>[]> {
  return await store.db.selectFrom("built_images").selectAll().where("run_id", "=", runId).orderBy("name").execute();
}

/**
 * The published release of the same major that stands highest below this one, candidates aside, with what its images run
 * on; `undefined`: it is the first of its major.
 */
export async function releaseBefore(
  store: Store,
  release: Pick<StoredRelease, "component" | "version">,
): Promise<{ readonly version: string; readonly platforms: ReadonlyMap<string, readonly Platform[]> } | undefined> {
  const own = parseVersionTag(release.version);
  if (!own.ok) return undefined;
  const rows = await store.db
    .selectFrom("releases")
    .select(["version", "run_id"])
    .where("component", "=", release.component)
    .where("state", "=", "published")
    .where("prerelease", "=", 0)
    .execute();
  const below = rows.flatMap((row) => {
    const version = parseVersionTag(row.version);
    if (!version.ok || row.run_id === null) return [];
    const counts = version.value.major === own.value.major && compareVersions(version.value, own.value) < 0;
    return counts ? [{ version: version.value, tag: row.version, run: row.run_id }] : [];
  });
  const last = below.sort((a, b) => compareVersions(a.version, b.version)).at(-1);
  if (!last) return undefined;
  const images = await builtImages(store, last.run);
  return { version: last.tag, platforms: new Map(images.map((image) => [image.name, platformsOf(image.platforms)])) };
}

const platformsSchema = z.array(
  z.object({
    platform: z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() }),
  }),
);

function platformsOf(text: string): readonly Platform[] {
  const parsed = platformsSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data.map((each) => each.platform) : [];
}

export async function publicationsOf(db: Store["db"] | Trx, releaseId: string): Promise<readonly StoredPublication[]> {
  return await db
    .selectFrom("publications")
    .selectAll()
    .where("release_id", "=", releaseId)
    .orderBy("registry")
    .orderBy("image")
    .execute();
}

/** Subject of the journal entries that bring one release to one registry: done one after another. */
export function publicationSubject(releaseId: string, registry: string): string {
  return `${releaseId}|${registry}`;
}

/** Subject of the journal entry that copies old releases to a registry. */
export function copySubject(registry: string): string {
  return `copy|${registry}`;
}

/** Publications of the oldest release that is to be copied to the registry; none: everything was copied. */
export async function nextToCopy(db: Store["db"] | Trx, registry: string): Promise<readonly StoredPublication[]> {
  const first = await db
    .selectFrom("publications")
    .innerJoin("releases", "releases.id", "publications.release_id")
    .select("publications.release_id")
    .where("publications.registry", "=", registry)
    .where("publications.state", "=", "copy")
    .orderBy("releases.requested_at")
    .orderBy("publications.release_id")
    .limit(1)
    .executeTakeFirst();
  if (!first) return [];
  return await db
    .selectFrom("publications")
    .selectAll()
    .where("release_id", "=", first.release_id)
    .where("registry", "=", registry)
    .where("state", "=", "copy")
    .orderBy("image")
    .execute();
}
