import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../core/index.ts";
import type { ObjectId } from "./model.ts";
import type { TreeEntry } from "./object-reader.ts";
import { gitText } from "./run-git.ts";

/** Through an index of its own, so that nothing else sees it. The files keep their modes; all of them must exist. */
export async function changedTree(
  gitDir: string,
  commit: ObjectId,
  files: ReadonlyMap<string, string>,
  entryAt: (commit: ObjectId, path: string) => Promise<TreeEntry | undefined>,
): Promise<ObjectId> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-index-"));
  const call = { gitDir, env: { GIT_INDEX_FILE: join(folder, "index") } };
  try {
    must(await gitText(["read-tree", commit], call));
    let lines = "";
    for (const [path, text] of files) {
      const entry = await entryAt(commit, path);
      if (!entry?.mode.startsWith("100")) throw new Error(`${path} is no regular file of ${commit}`);
      const blob = must(await gitText(["hash-object", "-w", "--stdin"], { gitDir, input: text })).trim();
      lines += `${entry.mode} ${blob}\t${path}\0`;
    }
    must(await gitText(["update-index", "-z", "--index-info"], { ...call, input: lines }));
    return must(await gitText(["write-tree"], call)).trim();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
