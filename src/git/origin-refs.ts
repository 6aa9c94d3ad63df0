import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectId, Repository } from "./model.ts";

/**
 * Gives a fresh checkout `origin/*` refs, which the checkout contract leaves out: scripts that push ask them which tags an
 * image gets. The branch that is tested stands at the tested commit, however far it has moved since. To be called before
 * anything of the job has run in the directory.
 */
export async function announceBranches(
  repository: Repository,
  directory: string,
  tested: { readonly branch: string; readonly commit: ObjectId } | undefined,
): Promise<void> {
  const heads = new Map<string, ObjectId>();
  for (const ref of await repository.refs())
    if (ref.name.startsWith("refs/heads/")) heads.set(ref.name.slice("refs/heads/".length), ref.object);
  if (tested) heads.set(tested.branch, tested.commit);
  const file = join(directory, ".git", "packed-refs");
  const [header = "", ...others] = (await readFile(file, "utf8")).split("\n");
  // Sorted, as the header says: remotes stand before tags.
  const announced = [...heads]
    .map(([branch, commit]) => `${commit} refs/remotes/origin/${branch}`)
    .sort((a, b) => (a.slice(41) < b.slice(41) ? -1 : 1));
  await writeFile(file, [header, ...announced, ...others].join("\n"));
}
