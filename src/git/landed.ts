import { ok, type Result } from "../core/index.ts";
import type { LandedCommit, ObjectId } from "./model.ts";
import { type GitCall, gitText, runGit } from "./run-git.ts";

const mostBytes = 256 * 1024 * 1024;

/** See `Repository.landed`. */
export async function landedBetween(
  call: GitCall,
  from: ObjectId,
  to: ObjectId,
  limit: number,
): Promise<Result<readonly LandedCommit[]>> {
  const range = ["--first-parent", `--max-count=${limit}`, "--end-of-options", `${from}..${to}`];
  const listed = await gitText(["log", "-z", "--format=%H %ct %P%n%B", ...range], { ...call, maxOutput: mostBytes });
  if (!listed.ok) return listed;
  const patches = await patchIds(call, range);
  if (!patches.ok) return patches;
  const picked = await picks(call, from, to);
  if (!picked.ok) return picked;
  const messages = listed.value.split("\0").filter((text) => text !== "");
  return ok(
    messages.map((text) => {
      const [head = "", ...message] = text.split("\n");
      const [commit = "", time = "0", ...parents] = head.split(" ");
      return {
        commit,
        subject: titleOf(message),
        committedAt: Number(time) * 1000,
        patch: patches.value.get(commit),
        pickedFrom: [commit, ...parents.slice(1)].flatMap((id) => picked.value.get(id) ?? []),
      };
    }),
  );
}

/** A forge's merge commit names the branch in its subject and what it does below. */
function titleOf(message: readonly string[]): string {
  const [subject = "", ...body] = message;
  const number = /^Merge pull request (#\d+) from /.exec(subject)?.[1];
  const title = body.find((line) => line.trim() !== "");
  return number !== undefined && title !== undefined ? `${title} (${number})` : subject;
}

/** What each commit of a range, merged sides included, says it was picked from. */
async function picks(
  call: GitCall,
  from: ObjectId,
  to: ObjectId,
): Promise<Result<ReadonlyMap<ObjectId, readonly ObjectId[]>>> {
  const grep = "--grep=^(cherry picked from commit ";
  const text = await gitText(["log", "-z", "--format=%H%n%B", grep, "--end-of-options", `${from}..${to}`], {
    ...call,
    maxOutput: mostBytes,
  });
  if (!text.ok) return text;
  const found = new Map<ObjectId, readonly ObjectId[]>();
  for (const message of text.value.split("\0")) {
    const sources = [...message.matchAll(/^\(cherry picked from commit ([0-9a-f]{40})\)$/gm)];
    found.set(
      message.slice(0, 40),
      sources.map((match) => match[1] ?? ""),
    );
  }
  return ok(found);
}

/** Patch ids by commit, each of the difference from its first parent; stable whatever the order of the files. */
async function patchIds(call: GitCall, range: readonly string[]): Promise<Result<ReadonlyMap<ObjectId, string>>> {
  const format = ["--format=commit %H", "-p", "-m", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index"];
  const own = ["--", ".", ":(exclude,glob)**/vendor/**"];
  const diffs = await runGit(["log", ...format, ...range, ...own], { ...call, maxOutput: mostBytes });
  if (!diffs.ok) return diffs;
  const text = await gitText(["patch-id", "--stable"], { ...call, input: diffs.value.stdout });
  if (!text.ok) return text;
  const pairs = text.value
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([patch, commit]) => (patch && commit ? [[commit, patch] as const] : []));
  return ok(new Map(pairs));
}
