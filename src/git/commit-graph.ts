import { must } from "../core/index.ts";
import type { ObjectId } from "./model.ts";
import { gitText } from "./run-git.ts";

/** Commits that a commit descends from, itself included. */
export interface Reach {
  readonly size: number;
  has(commit: ObjectId): boolean;
}

/** All commits of branches and tags in memory, so that many questions about ancestry cost no process. */
export interface CommitGraph {
  /** Newest first. */
  commits(): readonly ObjectId[];
  has(commit: ObjectId): boolean;
  parentsOf(commit: ObjectId): readonly ObjectId[];
  treeOf(commit: ObjectId): ObjectId;
  /** Milliseconds, as the committer's clock said. */
  committedAt(commit: ObjectId): number;
  /** Empty for a commit that is not here. */
  reachOf(commit: ObjectId): Reach;
  /** The commit, its first parent, and so on. */
  mainlineOf(commit: ObjectId): readonly ObjectId[];
}

/** Above it ancestry is not read at once: it would hold the process for longer than anyone waits. */
const mostCommits = 200_000;

/** `undefined` for a history of more than 200,000 commits. */
export async function readCommitGraph(gitDir: string): Promise<CommitGraph | undefined> {
  const args = ["log", "--branches", "--tags", `--max-count=${mostCommits + 1}`, "--format=%H %T %ct %P"];
  const text = await gitText(args, { gitDir, maxOutput: 128 * 1024 * 1024 });
  const lines = must(text).split("\n");
  if (lines.length > mostCommits + 1) return undefined;
  return createCommitGraph(lines);
}

/** Lines of `<commit> <tree> <seconds> <parents…>`. */
export function createCommitGraph(lines: readonly string[]): CommitGraph {
  const rows = lines.filter((line) => line !== "").map((line) => line.split(" "));
  const places = new Map(rows.map((row, place) => [row[0] ?? "", place]));
  const parents = rows.map((row) =>
    row.slice(3).flatMap((parent) => {
      const place = places.get(parent);
      return place === undefined ? [] : [place];
    }),
  );
  const reaches = new Map<number, Reach>();

  function walk(from: number): Reach {
    const seen = new Uint8Array(rows.length);
    const open = [from];
    let size = 0;
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (seen[place] === 1) continue;
      seen[place] = 1;
      size += 1;
      for (const parent of parents[place] ?? []) if (seen[parent] === 0) open.push(parent);
    }
    return { size, has: (commit) => seen[places.get(commit) ?? -1] === 1 };
  }

  function rowOf(commit: ObjectId): readonly string[] {
    return rows[places.get(commit) ?? -1] ?? [];
  }

  return {
    commits: () => [...places.keys()],
    has: (commit) => places.has(commit),
    parentsOf: (commit) => rowOf(commit).slice(3),
    treeOf: (commit) => rowOf(commit)[1] ?? "",
    committedAt: (commit) => Number(rowOf(commit)[2] ?? 0) * 1000,
    reachOf: (commit) => {
      const place = places.get(commit);
      if (place === undefined) return { size: 0, has: () => false };
      let reach = reaches.get(place);
      if (!reach) {
        // What is kept is bounded: 200 sets of one byte a commit.
        if (reaches.size >= 200) reaches.clear();
        reach = walk(place);
        reaches.set(place, reach);
      }
      return reach;
    },
    mainlineOf: (commit) => {
      const line: string[] = [];
      for (let place = places.get(commit); place !== undefined; place = parents[place]?.[0])
        line.push(rows[place]?.[0] ?? "");
      return line;
    },
  };
}
