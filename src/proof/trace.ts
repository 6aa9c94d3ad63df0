import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { ReleaseRow, Store } from "../store/index.ts";

type Db = Store["db"];

/** Everything known about an image or a commit, backwards and forwards (design 6). */
export interface Trace {
  readonly subject: string;
  readonly commits: readonly { readonly component: string; readonly commit: string; readonly change: string | null }[];
  readonly tags: readonly {
    readonly component: string;
    readonly tag: string;
    readonly object: string;
    readonly release: string;
    readonly state: string;
  }[];
  readonly runs: readonly {
    readonly id: string;
    readonly job: string;
    readonly type: string;
    readonly state: string;
    readonly testedCommit: string | null;
    readonly finished: string | null;
  }[];
  readonly images: readonly {
    readonly name: string;
    readonly digest: string;
    readonly platforms: readonly string[];
    readonly proof: readonly {
      readonly kind: string;
      readonly subject: string;
      readonly digest: string;
      readonly key: string;
    }[];
  }[];
  /** Commits of deployments that pin one of the images. */
  readonly pinSets: readonly {
    readonly deployment: string;
    readonly version: string;
    readonly commit: string;
    readonly file: string;
  }[];
  /** Runs in clusters that had one of the images in their pin set. */
  readonly testedIn: readonly {
    readonly pinSet: string;
    readonly run: string;
    readonly job: string;
    readonly state: string;
    readonly readBack: string;
  }[];
  readonly registries: readonly {
    readonly registry: string;
    readonly image: string;
    readonly tag: string;
    readonly digest: string;
    readonly state: string;
  }[];
}

/** Which files of a deployment at a commit name one of the images in that version. */
export type PinReader = (
  images: readonly { readonly name: string; readonly tag: string; readonly digest: string }[],
) => Promise<Trace["pinSets"]>;

const most = 500;

/**
 * From a reference, a tag name, a digest (also one of a single platform) or a commit (at least 7 digits) to all that was
 * recorded. Fault `not-found`.
 */
export async function traceSubject(db: Db, pins: PinReader, subject: string): Promise<Result<Trace>> {
  const found = await commitsOf(db, subject);
  if (found.length === 0)
    return err(
      fault("not-found", `nothing is recorded about ${subject}`, {
        hint: "name an image with its tag or digest, a digest, a release or a commit",
      }),
    );
  const commits: Trace["commits"][number][] = [];
  const tags: Trace["tags"][number][] = [];
  const runs: Trace["runs"][number][] = [];
  const images = new Map<string, Trace["images"][number]>();
  const registries: Trace["registries"][number][] = [];
  const pinned: { readonly name: string; readonly tag: string; readonly digest: string }[] = [];
  for (const { component, commit } of found) {
    const change = await db
      .selectFrom("changes")
      .select(["number", "head"])
      .where("component", "=", component)
      .where((eb) => eb.or([eb("merged_commit", "=", commit), eb("head", "=", commit)]))
      .executeTakeFirst();
    commits.push({ component, commit, change: change ? `${component}#${change.number}` : null });
    const releases = await db
      .selectFrom("releases")
      .selectAll()
      .where("component", "=", component)
      .where("commit_id", "=", commit)
      .orderBy("requested_at")
      .limit(most)
      .execute();
    for (const release of releases) tags.push(tagOf(release));
    const ids = await runsOf(db, component, commit, change, runs);
    for (const image of await imagesOf(db, ids)) images.set(`${image.name} ${image.digest}`, image);
    registries.push(...(await placesOf(db, releases, component, commit)));
  }
  for (const place of registries) pinned.push({ name: place.image, tag: place.tag, digest: place.digest });
  return ok({
    subject,
    commits,
    tags,
    runs,
    images: [...images.values()],
    pinSets: await pins(pinned),
    testedIn: await testsWith(
      db,
      [...images.values()].map((image) => image.digest),
    ),
    registries,
  });
}

/** Newest first. */
async function testsWith(db: Db, digests: readonly string[]): Promise<Trace["testedIn"]> {
  if (digests.length === 0) return [];
  const sets = db
    .selectFrom("pin_set_images")
    .select("pin_set_id")
    .where("digest", "in", [...digests]);
  return await db
    .selectFrom("cluster_tests")
    .innerJoin("runs", "runs.id", "cluster_tests.run_id")
    .select(["cluster_tests.pin_set_id as pinSet", "cluster_tests.state as readBack"])
    .select(["runs.id as run", "runs.job as job", "runs.state as state"])
    .where("cluster_tests.pin_set_id", "in", sets)
    .orderBy("runs.created_at", "desc")
    .orderBy("runs.id")
    .limit(most)
    .execute();
}

interface Commit {
  readonly component: string;
  readonly commit: string;
}

async function commitsOf(db: Db, subject: string): Promise<readonly Commit[]> {
  const digest = /(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.exec(subject)?.[1];
  const found: Commit[] = [];
  if (digest !== undefined) found.push(...(await commitsOfDigest(db, digest)));
  else if (/^[0-9a-f]{7,40}$/.test(subject)) found.push(...(await commitsByPrefix(db, subject)));
  else found.push(...(await commitsOfName(db, subject)));
  return [...new Map(found.map((each) => [`${each.component} ${each.commit}`, each])).values()].slice(0, 20);
}

async function commitsOfDigest(db: Db, digest: string): Promise<readonly Commit[]> {
  const built = await db
    .selectFrom("built_images")
    .innerJoin("runs", "runs.id", "built_images.run_id")
    .select(["runs.component as component", "runs.head as commit"])
    .where((eb) => eb.or([eb("built_images.digest", "=", digest), eb("built_images.platforms", "like", `%${digest}%`)]))
    .limit(most)
    .execute();
  const proven = await db
    .selectFrom("proofs")
    .innerJoin("releases", "releases.id", "proofs.release_id")
    .select(["releases.component as component", "releases.commit_id as commit"])
    .where((eb) => eb.or([eb("proofs.subject_digest", "=", digest), eb("proofs.digest", "=", digest)]))
    .limit(most)
    .execute();
  return [...built, ...proven];
}

async function commitsByPrefix(db: Db, prefix: string): Promise<readonly Commit[]> {
  const found: Commit[] = [];
  for (const column of ["head", "tested_commit", "base_sha"] as const) {
    const rows = await db
      .selectFrom("runs")
      .select(["component", (eb) => eb.ref(column).as("commit")])
      .where(column, "like", `${prefix}%`)
      .distinct()
      .limit(20)
      .execute();
    for (const { component, commit } of rows) if (commit !== null) found.push({ component, commit });
    if (found.length > 0) return found;
  }
  return await db
    .selectFrom("releases")
    .select(["component", "commit_id as commit"])
    .where("commit_id", "like", `${prefix}%`)
    .distinct()
    .limit(20)
    .execute();
}

/** `host/family/image:tag`, `image:tag`, `component@version`. */
async function commitsOfName(db: Db, subject: string): Promise<readonly Commit[]> {
  const release = await db
    .selectFrom("releases")
    .select(["component", "commit_id as commit"])
    .where("id", "=", subject)
    .execute();
  if (release.length > 0) return release;
  const name = subject.slice(subject.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  if (colon < 0) return [];
  const image = name.slice(0, colon);
  const tag = name.slice(colon + 1);
  const published = await db
    .selectFrom("publications")
    .innerJoin("releases", "releases.id", "publications.release_id")
    .select(["releases.component as component", "releases.commit_id as commit"])
    .where("publications.image", "=", image)
    .where("publications.tag", "=", tag)
    .execute();
  if (published.length > 0) return published;
  const canary = await db
    .selectFrom("canaries")
    .select(["component", "commit_id as commit"])
    .where("image", "=", image)
    .where("tag", "=", tag)
    .orderBy("seq", "desc")
    .limit(1)
    .execute();
  if (canary.length > 0) return canary;
  return await db
    .selectFrom("releases")
    .select(["component", "commit_id as commit"])
    .where("component", "=", image)
    .where("version", "=", tag)
    .execute();
}

function tagOf(release: Selectable<ReleaseRow>): Trace["tags"][number] {
  const { component, version, tag_object, id, state } = release;
  return { component, tag: version, object: tag_object, release: id, state };
}

async function runsOf(
  db: Db,
  component: string,
  commit: string,
  change: { readonly number: number; readonly head: string } | undefined,
  into: Trace["runs"][number][],
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("runs")
    .select(["id", "job", "type", "state", "tested_commit", "finished_at", "head"])
    .where("component", "=", component)
    .where((eb) =>
      eb.or([
        eb("head", "=", commit),
        eb("tested_commit", "=", commit),
        ...(change ? [eb.and([eb("change_number", "=", change.number), eb("head", "=", change.head)])] : []),
      ]),
    )
    .orderBy("created_at")
    .limit(most)
    .execute();
  for (const row of rows)
    into.push({
      id: row.id,
      job: row.job,
      type: row.type,
      state: row.state,
      testedCommit: row.tested_commit,
      finished: row.finished_at === null ? null : new Date(row.finished_at).toISOString(),
    });
  return rows.filter((row) => row.head === commit || row.tested_commit === commit).map((row) => row.id);
}

async function imagesOf(db: Db, runIds: readonly string[]): Promise<readonly Trace["images"][number][]> {
  if (runIds.length === 0) return [];
  const rows = await db
    .selectFrom("built_images")
    .selectAll()
    .where("run_id", "in", [...runIds])
    .orderBy("at")
    .execute();
  const images: Trace["images"][number][] = [];
  for (const row of rows) {
    const platforms: readonly { readonly digest: string }[] = JSON.parse(row.platforms);
    const digests = [...new Set([row.digest, ...platforms.map((platform) => platform.digest)])];
    const proofs = await db
      .selectFrom("proofs")
      .select(["kind", "subject_digest", "digest", "key_id"])
      .where("image", "=", row.name)
      .where("subject_digest", "in", digests)
      .orderBy("seq")
      .execute();
    images.push({
      name: row.name,
      digest: row.digest,
      platforms: platforms.map((platform) => platform.digest),
      proof: proofs.map((each) => ({
        kind: each.kind,
        subject: each.subject_digest,
        digest: each.digest,
        key: each.key_id,
      })),
    });
  }
  return images;
}

async function placesOf(
  db: Db,
  releases: readonly Selectable<ReleaseRow>[],
  component: string,
  commit: string,
): Promise<readonly Trace["registries"][number][]> {
  const ids = releases.map((release) => release.id);
  const rows =
    ids.length === 0
      ? []
      : await db
          .selectFrom("publications")
          .select(["registry", "image", "tag", "digest", "state"])
          .where("release_id", "in", ids)
          .orderBy("registry")
          .orderBy("image")
          .execute();
  const canaries = await db
    .selectFrom("canaries")
    .select(["image", "tag", "digest", "seq"])
    .where("component", "=", component)
    .where("commit_id", "=", commit)
    .orderBy("seq")
    .limit(most)
    .execute();
  return [
    ...rows,
    ...canaries.map(({ image, tag, digest }) => ({ registry: "canary", image, tag, digest, state: "published" })),
  ];
}
