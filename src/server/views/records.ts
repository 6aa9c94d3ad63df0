import type { Kysely, Selectable } from "kysely";
import { sortedVersions } from "../../family/index.ts";
import { finalStates } from "../../jobs/index.ts";
import type {
  AttemptRow,
  BuiltImageRow,
  CanaryRow,
  ChangeRow,
  ComponentRow,
  Database,
  DecisionRow,
  PublicationRow,
  ReleaseNoteRow,
  ReleaseRow,
  RunRow,
} from "../../store/index.ts";
import type { ListFilter, RunFilter } from "./model.ts";

type Db = Kysely<Database>;

/** Lists answer at most this many rows, whatever is asked. */
export const largestList = 500;
const usualList = 50;

export function boundedLimit(asked: number | undefined, usual = usualList): number {
  if (asked === undefined || !Number.isInteger(asked) || asked < 1) return usual;
  return Math.min(asked, largestList);
}

export async function componentRows(db: Db): Promise<ReadonlyMap<string, Selectable<ComponentRow>>> {
  const rows = await db.selectFrom("components").selectAll().limit(largestList).execute();
  return new Map(rows.map((row) => [row.name, row]));
}

export async function branchHead(db: Db, component: string, branch: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("refs")
    .select(["object", "commit_id"])
    .where("component", "=", component)
    .where("name", "=", `refs/heads/${branch}`)
    .executeTakeFirst();
  return row ? (row.commit_id ?? row.object) : undefined;
}

/** The newest final version among the tags that were there when the component was taken in. */
export async function newestAdopted(
  db: Db,
  component: string,
): Promise<{ readonly version: string; readonly commit: string } | undefined> {
  const rows = await db
    .selectFrom("refs")
    .select(["name", "commit_id"])
    .where("component", "=", component)
    .where("adopted", "=", 1)
    .where("name", ">=", "refs/tags/v")
    .where("name", "<", "refs/tags/w")
    .execute();
  const commits = new Map(rows.map((row) => [row.name.slice("refs/tags/".length), row.commit_id]));
  const newest = sortedVersions([...commits.keys()]).find((version) => version.prerelease === undefined);
  const commit = newest && commits.get(newest.tag);
  return newest && commit ? { version: newest.tag, commit } : undefined;
}

/** Runs on one commit that belong to no change and no release: the checks of a branch. */
export async function branchChecks(db: Db, component: string, commit: string): Promise<readonly Selectable<RunRow>[]> {
  return await db
    .selectFrom("runs")
    .selectAll()
    .where("component", "=", component)
    .where("head", "=", commit)
    .where("change_number", "is", null)
    .where("release_id", "is", null)
    .orderBy("created_at", "desc")
    .limit(200)
    .execute();
}

export async function changeRuns(db: Db, component: string, number: number): Promise<readonly Selectable<RunRow>[]> {
  return await db
    .selectFrom("runs")
    .selectAll()
    .where("component", "=", component)
    .where("change_number", "=", number)
    .orderBy("created_at", "desc")
    .limit(200)
    .execute();
}

/** What was last said under a context about one head of a change. */
export async function statusSaid(
  db: Db,
  change: { readonly component: string; readonly number: number; readonly head: string },
  context: string,
): Promise<{ readonly state: string; readonly description: string } | undefined> {
  const rows = await db
    .selectFrom("decisions")
    .select("body")
    .where("subject", "=", `${change.component}#${change.number}`)
    .where("kind", "=", "status")
    .where("commit_id", "=", change.head)
    .orderBy("seq", "desc")
    .limit(200)
    .execute();
  for (const row of rows) {
    const body: { context: string; state: string; description: string } = JSON.parse(row.body);
    if (body.context === context) return body;
  }
  return undefined;
}

export async function newestCanaries(db: Db, component: string): Promise<readonly Selectable<CanaryRow>[]> {
  const newest = db
    .selectFrom("canaries")
    .select((eb) => eb.fn.max("seq").as("seq"))
    .where("component", "=", component)
    .groupBy(["tag", "image"]);
  return await db
    .selectFrom("canaries")
    .selectAll()
    .where("seq", "in", newest)
    .orderBy("tag")
    .orderBy("image")
    .limit(largestList)
    .execute();
}

/** Moves of canary tags, newest first; at most 200 of them. */
export async function canaryMoves(
  db: Db,
  component: string,
  filter: {
    readonly tag?: string | undefined;
    readonly before?: number | undefined;
    readonly limit?: number | undefined;
  },
): Promise<readonly Selectable<CanaryRow>[]> {
  let query = db.selectFrom("canaries").selectAll().where("component", "=", component);
  if (filter.tag !== undefined) query = query.where("tag", "=", filter.tag);
  if (filter.before !== undefined) query = query.where("seq", "<", filter.before);
  return await query
    .orderBy("seq", "desc")
    .limit(Math.min(filter.limit ?? 50, 200))
    .execute();
}

export async function canaryCount(db: Db): Promise<number> {
  const row = await db
    .selectFrom("canaries")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

export async function changeRows(db: Db, filter: ListFilter): Promise<readonly Selectable<ChangeRow>[]> {
  let query = db.selectFrom("changes").selectAll();
  if (filter.component !== undefined) query = query.where("component", "=", filter.component);
  if (filter.state !== undefined) query = query.where("state", "=", filter.state);
  return await query
    .orderBy("updated_at", "desc")
    .orderBy("number", "desc")
    .limit(boundedLimit(filter.limit) + 1)
    .execute();
}

export async function changeRow(db: Db, component: string, number: number): Promise<Selectable<ChangeRow> | undefined> {
  return await db
    .selectFrom("changes")
    .selectAll()
    .where("component", "=", component)
    .where("number", "=", number)
    .executeTakeFirst();
}

export async function runRows(db: Db, filter: RunFilter): Promise<readonly Selectable<RunRow>[]> {
  let query = db.selectFrom("runs").selectAll();
  if (filter.component !== undefined) query = query.where("component", "=", filter.component);
  if (filter.job !== undefined) query = query.where("job", "=", filter.job);
  if (filter.change !== undefined) query = query.where("change_number", "=", filter.change);
  const state = runStates.find((each) => each === filter.state);
  if (filter.state === "live") query = query.where("state", "not in", [...finalStates]);
  else if (state !== undefined) query = query.where("state", "=", state);
  return await query
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(boundedLimit(filter.limit) + 1)
    .execute();
}

const runStates = ["triggered", "pending", "success", "failure", "aborted", "error"] as const;

/** By run id, by BUILD_ID of any attempt, or by an unambiguous prefix of the id of at least six characters. */
export async function runRow(db: Db, idOrBuildId: string): Promise<Selectable<RunRow> | undefined> {
  const byId = await db.selectFrom("runs").selectAll().where("id", "=", idOrBuildId).executeTakeFirst();
  if (byId) return byId;
  const attempt = await db
    .selectFrom("attempts")
    .select("run_id")
    .where("build_id", "=", idOrBuildId)
    .executeTakeFirst();
  if (attempt) return await db.selectFrom("runs").selectAll().where("id", "=", attempt.run_id).executeTakeFirst();
  if (!/^[0-9a-f-]{6,36}$/.test(idOrBuildId)) return undefined;
  const [only, second] = await db
    .selectFrom("runs")
    .selectAll()
    .where("id", ">=", idOrBuildId)
    .where("id", "<", `${idOrBuildId}g`)
    .limit(2)
    .execute();
  return second === undefined ? only : undefined;
}

export async function attemptRows(db: Db, runId: string): Promise<readonly Selectable<AttemptRow>[]> {
  return await db
    .selectFrom("attempts")
    .selectAll()
    .where("run_id", "=", runId)
    .orderBy("attempt", "desc")
    .limit(50)
    .execute();
}

export async function releaseRows(db: Db, filter: ListFilter): Promise<readonly Selectable<ReleaseRow>[]> {
  let query = db.selectFrom("releases").selectAll();
  if (filter.component !== undefined) query = query.where("component", "=", filter.component);
  const state = releaseStates.find((each) => each === filter.state);
  if (state !== undefined) query = query.where("state", "=", state);
  return await query
    .orderBy("requested_at", "desc")
    .orderBy("id", "desc")
    .limit(boundedLimit(filter.limit) + 1)
    .execute();
}

const releaseStates = [
  "requested",
  "quarantined",
  "building",
  "verifying",
  "publishing",
  "published",
  "failed",
  "closed",
  "withdrawn",
] as const;

export async function releaseRow(db: Db, id: string): Promise<Selectable<ReleaseRow> | undefined> {
  return await db.selectFrom("releases").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function imagesOfRuns(db: Db, runIds: readonly string[]): Promise<readonly Selectable<BuiltImageRow>[]> {
  if (runIds.length === 0) return [];
  return await db
    .selectFrom("built_images")
    .selectAll()
    .where("run_id", "in", [...runIds])
    .orderBy("name")
    .execute();
}

export async function publicationsOfReleases(
  db: Db,
  releaseIds: readonly string[],
): Promise<readonly Selectable<PublicationRow>[]> {
  if (releaseIds.length === 0) return [];
  return await db
    .selectFrom("publications")
    .selectAll()
    .where("release_id", "in", [...releaseIds])
    .orderBy("registry")
    .orderBy("image")
    .execute();
}

/** What a digest, or a name with a tag, was published or built as. */
export async function publicationsOfImage(
  db: Db,
  image: { readonly digest: string } | { readonly name: string; readonly tag: string },
): Promise<readonly Selectable<PublicationRow>[]> {
  const query = db.selectFrom("publications").selectAll().limit(50);
  if ("digest" in image) return await query.where("digest", "=", image.digest).execute();
  return await query.where("image", "=", image.name).where("tag", "=", image.tag).execute();
}

export async function canaryOfImage(
  db: Db,
  image: { readonly digest: string } | { readonly name: string; readonly tag: string },
): Promise<Selectable<CanaryRow> | undefined> {
  const query = db.selectFrom("canaries").selectAll().orderBy("seq", "desc").limit(1);
  if ("digest" in image) return await query.where("digest", "=", image.digest).executeTakeFirst();
  return await query.where("image", "=", image.name).where("tag", "=", image.tag).executeTakeFirst();
}

export async function builtImageByDigest(db: Db, digest: string): Promise<Selectable<BuiltImageRow> | undefined> {
  return await db.selectFrom("built_images").selectAll().where("digest", "=", digest).executeTakeFirst();
}

const chainLength = 100;

/** The newest decisions, answered oldest first, and whether older ones were left out. */
async function newestDecisions(
  query: ReturnType<typeof decisionsQuery>,
): Promise<{ readonly rows: readonly Selectable<DecisionRow>[]; readonly more: boolean }> {
  const rows = await query
    .orderBy("seq", "desc")
    .limit(chainLength + 1)
    .execute();
  return { rows: rows.slice(0, chainLength).reverse(), more: rows.length > chainLength };
}

function decisionsQuery(db: Db) {
  return db.selectFrom("decisions").selectAll();
}

export async function decisionsAbout(db: Db, subjects: readonly string[], commits: readonly string[] = []) {
  const bySubject = await newestDecisions(decisionsQuery(db).where("subject", "in", [...subjects]));
  if (commits.length === 0) return bySubject;
  const byCommit = await newestDecisions(decisionsQuery(db).where("commit_id", "in", [...commits]));
  const all = new Map([...bySubject.rows, ...byCommit.rows].map((row) => [row.seq, row]));
  return { rows: [...all.values()].sort((a, b) => a.seq - b.seq), more: bySubject.more || byCommit.more };
}

export async function decisionsOfComponent(db: Db, component: string) {
  return await newestDecisions(decisionsQuery(db).where("component", "=", component));
}

/** By a commit id or its beginning: hexadecimal, so the end of the range is the prefix followed by `g`. */
export async function decisionsOfCommit(db: Db, prefix: string) {
  return await newestDecisions(
    decisionsQuery(db).where("commit_id", ">=", prefix).where("commit_id", "<", `${prefix}g`),
  );
}

/** The feed's end: pages follow events from here. */
export async function lastFeedSeq(db: Db): Promise<number> {
  const row = await db
    .selectFrom("feed")
    .select((eb) => eb.fn.max("seq").as("seq"))
    .executeTakeFirst();
  return Number(row?.seq ?? 0);
}

/** Results of tests that people did on a release, newest first. */
export async function notesOf(db: Kysely<Database>, releaseId: string): Promise<readonly Selectable<ReleaseNoteRow>[]> {
  return await db
    .selectFrom("release_notes")
    .selectAll()
    .where("release_id", "=", releaseId)
    .orderBy("seq", "desc")
    .limit(100)
    .execute();
}
