import { type Component, type Family, maintenanceBranchOf, parseVersionTag } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { familyHistory, tagHistory } from "../history/index.ts";
import type { Facts, TagEvent } from "../plan/index.ts";
import { inForce } from "../policy/index.ts";
import type { Store } from "../store/index.ts";
import type { FactSources } from "./facts.ts";
import { candidateLanes } from "./lane-facts.ts";
import { freezesOf, publishedVersions } from "./records.ts";

/** What the rules of a release look at besides refs and runs. */
export async function tagFacts(
  sources: FactSources,
  component: Component,
  repository: Repository,
  event: TagEvent,
  tags: Facts["tags"],
  commit: string,
): Promise<Pick<Facts, "history" | "freezes" | "failedCandidates" | "lanes" | "candidateLanes">> {
  const family = sources.family();
  const name = event.ref.slice("refs/tags/".length);
  const open = async (other: Component) => await sources.git.open(other.name);
  const reader = familyHistory({ family, open }, component, repository);
  const others = tags.filter((tag) => tag.name !== name);
  return {
    history: await tagHistory(reader, name, commit, others),
    freezes: await freezesNow(sources.store, component.name, event.at),
    failedCandidates: await failedCandidates(sources.store, component.name),
    candidateLanes: await candidateLanes(sources, component.name),
    lanes: component.kind === "deployment" ? await canaryLanes(sources, family) : [],
  };
}

async function freezesNow(store: Store, component: string, now: number): Promise<Facts["freezes"]> {
  const published = await publishedVersions(store.db, component);
  return (await freezesOf(store.db, component)).flatMap((freeze) => {
    if (!inForce(freeze, published, now)) return [];
    const version = parseVersionTag(freeze.version);
    const branches = [freeze.branch, ...(version.ok ? [maintenanceBranchOf(version.value)] : [])];
    return branches.map((branch) => ({ branch, for: freeze.version }));
  });
}

async function failedCandidates(store: Store, component: string): Promise<Facts["failedCandidates"]> {
  const rows = await store.db
    .selectFrom("release_notes")
    .innerJoin("releases", "releases.id", "release_notes.release_id")
    .select(["releases.version as version", "result", "text", "by_user"])
    .where("releases.component", "=", component)
    .orderBy("seq")
    .execute();
  const last = new Map(rows.map((row) => [row.version, row]));
  return [...last.values()]
    .filter((row) => row.result === "fail")
    .map((row) => ({ tag: row.version, text: row.text, by: row.by_user }));
}

/** What tests the deployment with canary images, and how that last ended. */
async function canaryLanes(sources: FactSources, family: Family): Promise<Facts["lanes"]> {
  const names = sources.periodics().flatMap((job) => (job.name.startsWith(`${family.name}-canary-`) ? [job.name] : []));
  const found = [];
  for (const name of names) {
    const row = await sources.store.db
      .selectFrom("runs")
      .select("state")
      .where("job", "=", name)
      .where("finished_at", "is not", null)
      .orderBy("created_at", "desc")
      .limit(1)
      .executeTakeFirst();
    found.push({ name, state: row?.state });
  }
  return found;
}
