import { sortedVersions } from "../family/index.ts";
import type { ReleasedVersion } from "../policy/index.ts";
import { publicationsOf, releasesOf } from "../release/index.ts";
import type { FactSources } from "./facts.ts";

type Sources = Pick<FactSources, "store" | "git">;

/** Final tags of a component that may be used: published here, or there when it was taken in. Each is asked for once. */
export function releasedVersions(sources: Sources): (component: string) => Promise<readonly ReleasedVersion[]> {
  return remembered((component) => readReleased(sources, component));
}

/** Versions of a component that were withdrawn, with the reason. Each component is asked for once. */
export function withdrawnVersions(sources: Sources): (component: string) => Promise<ReadonlyMap<string, string>> {
  return remembered(async (component) => {
    const rows = (await releasesOf(sources.store, component)).filter((row) => row.state === "withdrawn");
    return new Map(rows.map((row) => [row.version, row.withdrawn_reason ?? ""]));
  });
}

function remembered<T>(read: (component: string) => Promise<T>): (component: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (component) => {
    let found = known.get(component);
    if (!found) {
      found = read(component);
      known.set(component, found);
    }
    return found;
  };
}

async function readReleased(sources: Sources, name: string): Promise<readonly ReleasedVersion[]> {
  const repository = await sources.git.open(name);
  const rows = await releasesOf(sources.store, name);
  const tags = (await repository.refs()).filter((ref) => ref.name.startsWith("refs/tags/"));
  const found: ReleasedVersion[] = [];
  for (const { tag, prerelease } of sortedVersions(tags.map((ref) => ref.name.slice("refs/tags/".length)))) {
    if (prerelease !== undefined) continue;
    const commit = tags.find((ref) => ref.name === `refs/tags/${tag}`)?.commit;
    const row = rows.find((each) => each.version === tag);
    if (commit === undefined || (row && row.state !== "published")) continue;
    const publications = row ? await publicationsOf(sources.store.db, row.id) : [];
    const { committedAt } = await repository.describeCommit(commit);
    found.push({
      tag,
      at: row?.published_at ?? committedAt,
      digests: Object.fromEntries(publications.map((each) => [each.image, each.digest])),
    });
  }
  return found;
}
