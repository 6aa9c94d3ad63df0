import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RepositoryFinding, repositoryNames } from "../config/index.ts";
import { ok, type Result, systemClock } from "../core/index.ts";
import { createGit } from "../git/index.ts";

/** Reads a repository into a folder that goes away again, for `fairlead init`. Nothing of it is checked out or run. */
export async function inspectRepository(
  url: string,
  progress: (line: string) => void,
): Promise<Result<{ finding: RepositoryFinding; close(): Promise<void> }>> {
  const names = repositoryNames(url);
  if (!names.ok) return names;
  const root = await mkdtemp(join(tmpdir(), "fairlead-init-"));
  const git = createGit({ root, clock: systemClock });
  const close = async () => {
    git.close();
    await rm(root, { recursive: true, force: true });
  };
  const { component } = names.value;
  const repository = await git.open(component);
  const adopted = await git.adopt(repository, url, progress);
  if (!adopted.ok) {
    await close();
    return adopted;
  }
  const { commits, defaultBranch } = adopted.value;
  const tags = (await repository.refs())
    .filter((ref) => ref.name.startsWith("refs/tags/"))
    .map((ref) => ref.name.slice(10));
  const head = defaultBranch === undefined ? undefined : await repository.commitOf(`refs/heads/${defaultBranch}`);
  const files = {
    read: async (path: string) => (head === undefined ? undefined : await repository.readFile(head, path)),
    list: async (prefix: string) => (head === undefined ? [] : await repository.listFiles(head, prefix)),
  };
  return ok({ finding: { url, component, commits, tags, defaultBranch, files }, close });
}
