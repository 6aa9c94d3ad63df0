import { familyHistory, pinnedAt } from "../history/index.ts";
import { testsInClusters } from "../jobs/index.ts";
import type { Facts } from "../plan/index.ts";
import type { CandidateLanes, Known } from "../policy/index.ts";
import type { Store, Trx } from "../store/index.ts";
import type { FactSources } from "./facts.ts";

type Sources = Pick<FactSources, "store" | "git" | "family">;

/** When each component's canary last moved. */
export async function newestCanaryTimes(store: Store): Promise<NonNullable<Facts["canaries"]>> {
  const rows = await store.db
    .selectFrom("canaries")
    .select(["component", (eb) => eb.fn.max("at").as("at")])
    .where("tag", "=", "canary")
    .groupBy("component")
    .execute();
  return rows.map((row) => ({ component: row.component, at: Number(row.at) }));
}

/** Every deployment of the family, and whether it starts an image of the component, as its lane's branch is now. */
export async function deploymentsOf(sources: Sources, component: string): Promise<NonNullable<Facts["deployments"]>> {
  const family = sources.family();
  const all = [];
  for (const deployment of family.components.filter((each) => each.kind === "deployment")) {
    const repository = await sources.git.open(deployment.name);
    const branch = family.lanes?.ref ?? (await repository.defaultBranch()) ?? "main";
    const head = await repository.commitOf(`refs/heads/${branch}`);
    const open = async (other: { readonly name: string }) => await sources.git.open(other.name);
    const history = familyHistory({ family, open }, deployment, repository);
    const pins = head === undefined ? { unknown: `it has no branch ${branch}` } : await pinnedAt(history, head);
    const starts: Known<boolean> =
      "unknown" in pins ? pins : { value: pins.value.some((pin) => pin.owner === component) };
    all.push({ name: deployment.name, starts });
  }
  return all;
}

/** What the stable lane said of the component's releases, and whether it is to be expected to say anything. */
export async function candidateLanes(sources: Sources, component: string): Promise<Known<CandidateLanes>> {
  const family = sources.family();
  if (!family.lanes || !testsInClusters(family)) return { value: { expected: false, results: [] } };
  const deployments = await deploymentsOf(sources, component);
  const unknown = deployments.flatMap(({ starts }) => ("unknown" in starts ? [starts.unknown] : []))[0];
  const expected = deployments.some(({ starts }) => "value" in starts && starts.value);
  if (!expected && unknown !== undefined) return { unknown };
  return { value: { expected, results: await laneResults(sources.store.db, component) } };
}

/** Runs that judge releases of the component, oldest first; of a run that was started again, the newest counts. */
export async function laneResults(
  db: Store["db"] | Trx,
  component: string,
): Promise<readonly (CandidateLanes["results"][number] & { readonly release: string; readonly job: string })[]> {
  const rows = await db
    .selectFrom("release_lanes")
    .innerJoin("releases", "releases.id", "release_lanes.release_id")
    .innerJoin("runs", "runs.id", "release_lanes.run_id")
    .select(["releases.id as release", "releases.version as tag", "release_lanes.job", "runs.id as run"])
    .select(["runs.state as state", "runs.description as description"])
    .where("releases.component", "=", component)
    .orderBy("release_lanes.at")
    .execute();
  return rows;
}

/** Part of the transaction that starts the run. */
export async function insertReleaseLane(
  trx: Trx,
  lane: { readonly release: string; readonly run: string; readonly job: string; readonly at: number },
): Promise<void> {
  await trx
    .insertInto("release_lanes")
    .values({ release_id: lane.release, run_id: lane.run, job: lane.job, at: lane.at })
    .execute();
}

/** The release that a run judges; `undefined`: none. */
export async function judgedBy(db: Store["db"] | Trx, run: string): Promise<string | undefined> {
  const row = await db.selectFrom("release_lanes").select("release_id").where("run_id", "=", run).executeTakeFirst();
  return row?.release_id;
}
