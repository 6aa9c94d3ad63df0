import { sortedVersions, submoduleTag } from "../family/index.ts";
import type { CommitGraph, RefValue } from "../git/index.ts";
import type { Known, PreflightFacts } from "../policy/index.ts";
import type { HistorySources } from "./sources.ts";
import { tagHistory } from "./tag-history.ts";

interface PastTag {
  readonly name: string;
  readonly object: string;
  readonly commit: string | undefined;
  readonly at: number;
}

/** Tags whose trees are read together: git answers while others are parsed. */
const atOnce = 8;

const past = (what: string): Known<never> => ({ unknown: `${what} of that time are not kept in git` });

/**
 * The facts of every tag of a repository as of its time, the oldest first. Most tags have no date of their own, so that
 * of their commit counts: a tag is judged beside those on older commits. Branches are those of today, since git does not
 * keep when one was made.
 */
export async function pastTags(
  sources: HistorySources,
  progress: (done: number, all: number) => void = () => {},
): Promise<Known<readonly PreflightFacts[]>> {
  const { repository, component } = sources;
  const graph = await repository.history();
  if (!graph) return { unknown: "the history has more than 200,000 commits" };
  const refs = await repository.refs();
  const branches = refs.filter((ref) => ref.name.startsWith("refs/heads/"));
  const defaultBranch = component.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
  const tags = inOrder(refs, graph);
  const judged = tags.filter((tag) => submoduleTag(tag.name) === undefined);
  const factsOf = async (tag: PastTag): Promise<PreflightFacts> => {
    const earlier = tags.slice(0, tags.indexOf(tag)).map(({ name, commit }) => ({ name, commit }));
    const history =
      tag.commit === undefined
        ? { unknown: "the tag does not lead to a commit" }
        : await tagHistory(sources, tag.name, tag.commit, earlier);
    return {
      component: component.name,
      kind: component.kind,
      maintainers: component.maintainers,
      tag: tag.name,
      tagObject: tag.object,
      commit: tag.commit,
      defaultBranch,
      branches: branches.map(nameOf),
      // When the commit was made nothing came after it.
      containing: branches
        .filter((branch) => tag.commit !== undefined && graph.reachOf(branch.commit ?? "").has(tag.commit))
        .map((branch) => ({ branch: nameOf(branch), isHead: true, ahead: 0 })),
      tags: earlier,
      releases: [],
      requiredContexts: past("checks"),
      checks: [],
      actor: undefined,
      history,
      freezes: past("freezes"),
      failedCandidates: past("tests by people"),
      lanes: past("lanes"),
      candidateLanes: past("lanes"),
      foreignTags: past("registries"),
    };
  };
  const facts: PreflightFacts[] = [];
  for (let n = 0; n < judged.length; n += atOnce) {
    facts.push(...(await Promise.all(judged.slice(n, n + atOnce).map(factsOf))));
    progress(facts.length, judged.length);
  }
  return { value: facts };
}

function nameOf(ref: RefValue): string {
  return ref.name.slice("refs/heads/".length);
}

/**
 * By the time of the commit, or of the newest tagged one that it descends from where a clock ran backwards; on one commit
 * by version, what is none first.
 */
function inOrder(refs: readonly RefValue[], graph: CommitGraph): readonly PastTag[] {
  const plain = refs
    .filter((ref) => ref.name.startsWith("refs/tags/"))
    .map((ref) => ({
      name: ref.name.slice("refs/tags/".length),
      object: ref.object,
      commit: ref.commit,
      at: graph.committedAt(ref.commit ?? ""),
    }));
  const tags = plain.map((tag) => {
    const reach = graph.reachOf(tag.commit ?? "");
    const earlier = plain.filter((other) => other.commit !== undefined && reach.has(other.commit));
    return { ...tag, at: Math.max(tag.at, ...earlier.map((other) => other.at)) };
  });
  const precedence = new Map(
    sortedVersions(tags.map((tag) => tag.name)).map((version, place) => [version.tag, -place]),
  );
  const rank = (tag: PastTag) => precedence.get(tag.name) ?? Number.NEGATIVE_INFINITY;
  return tags.sort((a, b) => a.at - b.at || rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}
