import { err, fault, ok, type Result } from "../core/index.ts";
import type { ObjectId, SubtreeRecord } from "./model.ts";
import { type ObjectReader, parseTree, type TreeEntry } from "./object-reader.ts";
import { type GitCall, gitText, runGit } from "./run-git.ts";

/** Pulls of one history that are read: the newest of each folder is among them. */
const mostPulls = 500;
const mostBytes = 256 * 1024 * 1024;

/**
 * The pulls that `git subtree` recorded in the history of `commit`, newest first: it writes `git-subtree-dir` and
 * `git-subtree-split` into the message. Pulls that were squashed into one commit leave several blocks; the last of each
 * folder is meant.
 */
export async function subtreesOf(call: GitCall, commit: ObjectId): Promise<Result<readonly SubtreeRecord[]>> {
  const text = await gitText(
    [
      "log",
      `--max-count=${mostPulls}`,
      "--grep=^git-subtree-dir: ",
      "-z",
      "--format=%H%n%B",
      "--end-of-options",
      commit,
    ],
    call,
  );
  if (!text.ok) return text;
  const found: SubtreeRecord[] = [];
  for (const message of text.value.split("\0")) {
    const [squash = "", ...lines] = message.split("\n");
    const here = new Map<string, SubtreeRecord>();
    let folder: string | undefined;
    for (const line of lines) {
      const [, key, value = ""] = /^git-subtree-(dir|split): (.+?)\s*$/.exec(line) ?? [];
      if (key === "dir") folder = value.replace(/\/+$/, "");
      else if (key === "split" && folder !== undefined && /^[0-9a-f]{40}$/.test(value))
        here.set(folder, { folder, split: value, squash });
    }
    found.push(...here.values());
  }
  return ok(found);
}

/** The root tree of `tree` with `folder` replaced. Fault `bad-input` when a file stands where the folder should be. */
export async function replaceFolder(
  call: GitCall,
  objects: ObjectReader,
  tree: ObjectId,
  folder: string,
  replacement: ObjectId,
): Promise<Result<ObjectId>> {
  const [name = "", ...below] = folder.split("/");
  const object = await objects.read(tree);
  if (object?.type !== "tree" || name === "") return err(fault("bad-input", `there is no folder ${folder}`));
  const entries = parseTree(object.content);
  const there = entries.find((entry) => entry.name === name);
  if (there && there.mode !== "40000") return err(fault("bad-input", `${folder} is no folder`));
  let id = replacement;
  if (below.length > 0) {
    if (!there) return err(fault("bad-input", `there is no folder ${folder}`));
    const inner = await replaceFolder(call, objects, there.id, below.join("/"), replacement);
    if (!inner.ok) return inner;
    id = inner.value;
  }
  return await makeTree(call, [...entries.filter((entry) => entry.name !== name), { mode: "40000", name, id }]);
}

async function makeTree(call: GitCall, entries: readonly TreeEntry[]): Promise<Result<ObjectId>> {
  const lines = entries.map(({ mode, name, id }) => `${mode.padStart(6, "0")} ${typeOf(mode)} ${id}\t${name}\0`);
  const made = await gitText(["mktree", "-z"], { ...call, input: lines.join("") });
  return made.ok ? ok(made.value.trim()) : made;
}

function typeOf(mode: string): string {
  if (mode === "40000") return "tree";
  return mode === "160000" ? "commit" : "blob";
}

/** Everything below a tree of one repository, brought to another. Fault `limit` above 256 MiB packed. */
export async function copyTree(from: GitCall, to: GitCall, tree: ObjectId): Promise<Result<void>> {
  const packed = await runGit(["pack-objects", "--stdout", "--revs", "-q"], {
    ...from,
    input: `${tree}\n`,
    maxOutput: mostBytes,
  });
  if (!packed.ok) return packed;
  const unpacked = await gitText(["unpack-objects", "-q"], { ...to, input: packed.value.stdout });
  return unpacked.ok ? ok(undefined) : unpacked;
}
