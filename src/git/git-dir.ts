import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Repository } from "./model.ts";

/** What HEAD names: a branch that is made later, or a commit; a submodule's folder also says where its work tree is. */
export type HeadOf = { readonly branch: string } | { readonly detached: string; readonly workTree: string };

/** A repository made by hand: what `git init` and two fetches would leave, without starting them; its objects are lent. */
export async function prepareGitDir(gitDir: string, repository: Repository, head: HeadOf): Promise<void> {
  await mkdir(join(gitDir, "objects", "info"), { recursive: true });
  await mkdir(join(gitDir, "objects", "pack"));
  await mkdir(join(gitDir, "refs", "tags"), { recursive: true });
  await mkdir(join(gitDir, "refs", "heads"));
  await mkdir(join(gitDir, "info"));
  const workTree = "workTree" in head ? `\tworktree = ${relative(gitDir, head.workTree)}\n` : "";
  const config = `[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n${workTree}[user]\n\tname = ci-robot\n\temail = ci-robot@k8s.io\n`;
  const refs = await repository.refs();
  const tags = refs
    .filter((ref) => ref.name.startsWith("refs/tags/"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      (ref) =>
        `${ref.object} ${ref.name}\n${ref.commit === undefined || ref.commit === ref.object ? "" : `^${ref.commit}\n`}`,
    );
  await Promise.all([
    writeFile(join(gitDir, "config"), config),
    writeFile(join(gitDir, "HEAD"), "detached" in head ? `${head.detached}\n` : `ref: refs/heads/${head.branch}\n`),
    writeFile(join(gitDir, "objects", "info", "alternates"), `${join(repository.directory, "objects")}\n`),
    writeFile(join(gitDir, "packed-refs"), `# pack-refs with: peeled sorted \n${tags.join("")}`),
    writeFile(join(gitDir, "description"), ""),
    writeFile(join(gitDir, "info", "exclude"), ""),
  ]);
}

/** Makes the branch that HEAD names, at the tested commit. */
export async function pointHead(gitDir: string, branch: string, commit: string): Promise<void> {
  const file = join(gitDir, "refs", "heads", ...branch.split("/"));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${commit}\n`);
}
