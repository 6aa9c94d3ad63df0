import type { CommitGraph } from "../git/index.ts";
import type { Known, SharedFolder } from "../policy/index.ts";
import type { HistorySources } from "./sources.ts";

/**
 * How the copies of internal components stand at a commit: a copy made by git-subtree is, tree by tree, a revision of
 * the shared component's default branch. `at`: merges that came later do not count as missing.
 */
export async function sharedFolders(
  sources: HistorySources,
  commit: string,
  shared: Readonly<Record<string, string>>,
  at: number,
): Promise<Known<readonly SharedFolder[]>> {
  const folders: SharedFolder[] = [];
  for (const [folder, component] of Object.entries(shared)) {
    const slash = folder.lastIndexOf("/");
    const around = await sources.repository.entries(commit, slash < 0 ? "" : folder.slice(0, slash));
    const entry = around?.find((each) => each.name === folder.slice(slash + 1));
    if (entry?.mode !== "40000") continue;
    const found = await sources.sharedRepository(component);
    if ("unknown" in found) return found;
    const { repository, branch } = found.value;
    const graph = await repository.history();
    const head = await repository.commitOf(`refs/heads/${branch}`);
    if (!graph || head === undefined) return { unknown: `the history of ${component} cannot be read` };
    const source = sourceOf(graph, head, entry.id);
    folders.push({
      folder,
      component,
      pristine: source !== undefined,
      behind: source === undefined ? 0 : mergesAfter(graph, head, source, at),
    });
  }
  return { value: folders };
}

const trees = new WeakMap<CommitGraph, { readonly head: string; readonly byTree: ReadonlyMap<string, string> }>();

/** The newest commit of the branch whose whole tree this is. */
function sourceOf(graph: CommitGraph, head: string, tree: string): string | undefined {
  let known = trees.get(graph);
  if (known?.head !== head) {
    const byTree = new Map<string, string>();
    const reach = graph.reachOf(head);
    for (const commit of graph.commits()) {
      // Newest first, as git lists them.
      const each = graph.treeOf(commit);
      if (reach.has(commit) && !byTree.has(each)) byTree.set(each, commit);
    }
    known = { head, byTree };
    trees.set(graph, known);
  }
  return known.byTree.get(tree);
}

function mergesAfter(graph: CommitGraph, head: string, source: string, at: number): number {
  const had = graph.reachOf(source);
  return graph.mainlineOf(head).filter((commit) => !had.has(commit) && graph.committedAt(commit) <= at).length;
}
