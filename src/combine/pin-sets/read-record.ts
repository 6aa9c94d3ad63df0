import { err, fault, ok, type Result } from "../../core/index.ts";
import { type BlobStore, largestManifest, type Platform, parseManifest } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import type { PinnedComponent, PinnedImage } from "./model.ts";
import type { PinRecord } from "./resolve.ts";

const publicStates = ["publishing", "published", "withdrawn"] as const;

/** Whose images are looked for. */
export interface RecordQuestion {
  readonly components: readonly { readonly name: string; readonly repository: string }[];
  /** Tags and digests that the deployment names. */
  readonly versions: readonly string[];
  readonly canaries: readonly string[];
}

interface ImageRow {
  readonly run_id: string;
  readonly name: string;
  readonly digest: string;
  readonly media_type: string;
  readonly size: number;
  readonly platforms: string;
}

/**
 * Everything that a resolution may need, in a handful of queries. Only what Fairlead built and published counts; no
 * registry is asked. Fault `corrupt`: a manifest that the record names cannot be read.
 */
export async function readPinRecord(
  db: Store["db"],
  blobs: BlobStore,
  question: RecordQuestion,
): Promise<Result<PinRecord>> {
  const repositories = new Map(question.components.map((each) => [each.name, each.repository]));
  const names = [...repositories.keys()];
  if (names.length === 0) return ok({ released: none, releasedBy: none, canary: none });
  const releases = await releasedRows(db, names, question.versions);
  const canaries = await canaryRows(db, names, question.canaries);
  const runs = [...new Set([...releases, ...canaries].map((row) => row.run_id))];
  const rows = runs.length === 0 ? [] : await imageRows(db, runs);
  const images = new Map<string, PinnedImage[]>();
  const read = await Promise.all(rows.map((row) => pinnedImage(blobs, row)));
  for (const [index, image] of read.entries()) {
    if (!image.ok) return image;
    const run = rows[index]?.run_id ?? "";
    images.set(run, [...(images.get(run) ?? []), image.value]);
  }
  const pinned = (
    row: { component: string; commit_id: string; run_id: string },
    version: string,
    from: PinnedComponent["from"],
    only?: readonly string[],
  ): PinnedComponent => ({
    component: row.component,
    repository: repositories.get(row.component) ?? "",
    commit: row.commit_id,
    version,
    from,
    run: row.run_id,
    images: (images.get(row.run_id) ?? []).filter((image) => only === undefined || only.includes(image.name)),
  });
  const released = releases.map((row) => pinned(row, row.version, "release"));
  const newest = new Map<string, PinnedComponent>();
  for (const row of canaries) {
    const moved = canaries.filter((each) => each.component === row.component && each.tag === row.tag);
    const last = moved.at(-1);
    if (last !== row) continue;
    const together = moved.filter((each) => each.run_id === row.run_id).map((each) => each.image);
    newest.set(`${row.component} ${row.tag}`, pinned(row, row.tag, "canary", together));
  }
  return ok({
    released: (component, tag) => released.find((each) => each.component === component && each.version === tag),
    releasedBy: (component, digest) =>
      released.find(
        (each) =>
          each.component === component &&
          each.images.some(
            (image) => image.digest === digest || image.platforms.some((platform) => platform.manifest === digest),
          ),
      ),
    canary: (component, tag) => newest.get(`${component} ${tag}`),
  });
}

function none(): undefined {
  return undefined;
}

/** Published under one of the versions, or with an image that has one of the digests. */
async function releasedRows(db: Store["db"], components: readonly string[], versions: readonly string[]) {
  if (versions.length === 0) return [];
  const rows = await db
    .selectFrom("releases")
    .select(["component", "version", "commit_id", "run_id"])
    .where("component", "in", [...components])
    .where("state", "in", [...publicStates])
    .where("run_id", "is not", null)
    .where((eb) =>
      eb.or([
        eb("version", "in", [...versions]),
        eb(
          "run_id",
          "in",
          eb
            .selectFrom("built_images")
            .select("built_images.run_id")
            .where("built_images.digest", "in", [...versions]),
        ),
      ]),
    )
    .orderBy("requested_at", "desc")
    .execute();
  return rows.flatMap((row) => (row.run_id === null ? [] : [{ ...row, run_id: row.run_id }]));
}

/** Rows of the newest move of each tag, oldest first. */
async function canaryRows(db: Store["db"], components: readonly string[], tags: readonly string[]) {
  if (tags.length === 0) return [];
  const newest = await db
    .selectFrom("canaries")
    .select((eb) => eb.fn.max("seq").as("seq"))
    .where("component", "in", [...components])
    .where("tag", "in", [...tags])
    .groupBy(["component", "tag"])
    .execute();
  const seqs = newest.map((row) => Number(row.seq));
  if (seqs.length === 0) return [];
  return await db
    .selectFrom("canaries")
    .innerJoin("canaries as last", (join) =>
      join
        .onRef("last.component", "=", "canaries.component")
        .onRef("last.tag", "=", "canaries.tag")
        .onRef("last.run_id", "=", "canaries.run_id"),
    )
    .select(["canaries.component", "canaries.tag", "canaries.image", "canaries.commit_id", "canaries.run_id"])
    .where("last.seq", "in", seqs)
    .orderBy("canaries.seq")
    .execute();
}

async function imageRows(db: Store["db"], runs: readonly string[]): Promise<readonly ImageRow[]> {
  return await db
    .selectFrom("built_images")
    .select(["run_id", "name", "digest", "media_type", "size", "platforms"])
    .where("run_id", "in", [...runs])
    .orderBy("name")
    .execute();
}

/** The images that a run built. Fault `corrupt`. */
export async function imagesOfRun(
  db: Store["db"],
  blobs: BlobStore,
  run: string,
): Promise<Result<readonly PinnedImage[]>> {
  const images: PinnedImage[] = [];
  for (const row of await imageRows(db, [run])) {
    const image = await pinnedImage(blobs, row);
    if (!image.ok) return image;
    images.push(image.value);
  }
  return ok(images);
}

/** An image as a run left it, with the digests that a cluster can show. Fault `corrupt`. */
export async function pinnedImage(
  blobs: BlobStore,
  row: Pick<ImageRow, "name" | "digest" | "media_type" | "size" | "platforms">,
): Promise<Result<PinnedImage>> {
  const listed: readonly { readonly platform: Platform; readonly digest: string }[] = JSON.parse(row.platforms);
  const platforms = [];
  for (const { platform, digest } of listed) {
    const bytes = await blobs.readAll(digest, largestManifest);
    const parsed = bytes.ok ? parseManifest(bytes.value, undefined) : bytes;
    if (!parsed.ok || parsed.value.kind !== "manifest") {
      const why = parsed.ok ? "it is an index" : parsed.error.message;
      return err(
        fault("corrupt", `the manifest ${digest} of ${row.name} cannot be read: ${why}`, {
          hint: "restore it from a backup",
        }),
      );
    }
    platforms.push({ platform: platformText(platform), manifest: digest, config: parsed.value.document.config.digest });
  }
  return ok({ name: row.name, digest: row.digest, mediaType: row.media_type, size: row.size, platforms });
}

function platformText(platform: Platform): string {
  const version = platform["os.version"];
  const variant = platform.variant === undefined ? "" : `/${platform.variant}`;
  return `${platform.os}/${platform.architecture}${variant}${version === undefined ? "" : ` ${version}`}`;
}
