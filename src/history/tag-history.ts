import { compareVersions, parseVersionTag, sortedVersions } from "../family/index.ts";
import type { CommitGraph } from "../git/index.ts";
import type { Known, TagHistory } from "../policy/index.ts";
import { type Contents, contentsOf } from "./contents.ts";
import { sharedFolders } from "./shared-folders.ts";
import type { HistorySources } from "./sources.ts";

/** A tag with the commit it leads to. */
interface NamedCommit {
  readonly name: string;
  readonly commit: string | undefined;
}

/**
 * What git tells of a tag that is, or would be, on a commit. `others` are the other tags as of its time. Unknown for a
 * commit outside the history that was read.
 */
export async function tagHistory(
  sources: HistorySources,
  tag: string,
  commit: string,
  others: readonly NamedCommit[],
): Promise<Known<TagHistory>> {
  const graph = await sources.repository.history();
  if (!graph) return { unknown: "the history has more than 200,000 commits" };
  const parents = graph.has(commit)
    ? graph.parentsOf(commit)
    : (await sources.repository.describeCommit(commit)).parents;
  const committedAt = graph.has(commit)
    ? graph.committedAt(commit)
    : (await sources.repository.describeCommit(commit)).committedAt;
  const before = predecessor(tag, others);
  const [contents, earlier] = await Promise.all([
    rememberedContents(sources, commit, tag),
    before && rememberedContents(sources, before.commit, before.name),
  ]);
  return {
    value: {
      committedAt,
      isMerge: parents.length > 1,
      descendsFrom: others
        .filter((other) => other.commit !== undefined && descends(graph, commit, parents, other.commit))
        .map((other) => other.name),
      contents,
      before:
        before && earlier
          ? {
              tag: before.name,
              committedAt: graph.committedAt(before.commit),
              isMerge: graph.parentsOf(before.commit).length > 1,
              contents: earlier,
            }
          : undefined,
      headingBefore: await headingBefore(sources, tag, others),
      shared: await sharedFolders(sources, commit, contents.shared, committedAt),
    },
  };
}

/** A commit that no ref leads to yet is known by its parents. */
function descends(graph: CommitGraph, commit: string, parents: readonly string[], from: string): boolean {
  if (commit === from) return true;
  return graph.has(commit) ? graph.reachOf(commit).has(from) : parents.some((each) => graph.reachOf(each).has(from));
}

const sameSort = 5;

/** The newest of the last five finals of its sort, patches or those that open a line, that has a heading. */
async function headingBefore(
  sources: HistorySources,
  tag: string,
  others: readonly NamedCommit[],
): Promise<string | undefined> {
  const opens = tag.endsWith(".0");
  let rest = others.filter((other) => other.name.endsWith(".0") === opens);
  for (let n = 0; n < sameSort; n++) {
    const alike = predecessor(tag, rest);
    if (!alike) return undefined;
    if ((await rememberedContents(sources, alike.commit, alike.name)).changelog.heading) return alike.name;
    rest = rest.filter((other) => other.name !== alike.name);
  }
  return undefined;
}

/** The highest final below; for a tag that is no version, the highest of all. */
function predecessor(
  tag: string,
  others: readonly NamedCommit[],
): { readonly name: string; readonly commit: string } | undefined {
  const version = parseVersionTag(tag);
  const found = sortedVersions(others.map((other) => other.name)).find(
    (other) => other.prerelease === undefined && (!version.ok || compareVersions(other, version.value) < 0),
  );
  const commit = others.find((other) => other.name === found?.tag)?.commit;
  return found && commit !== undefined ? { name: found.tag, commit } : undefined;
}

async function rememberedContents(sources: HistorySources, commit: string, tag: string): Promise<Contents> {
  const key = `${sources.component.name} ${commit} ${tag}`;
  const { contents } = sources.memory;
  let known = contents.get(key);
  if (!known) {
    if (contents.size >= mostContents) contents.clear();
    known = contentsOf(sources, commit, tag);
    contents.set(key, known);
    known.catch(() => contents.delete(key));
  }
  return await known;
}

const mostContents = 500;
