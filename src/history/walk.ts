import type { Repository, TreeEntry } from "../git/index.ts";

/** A file as it is seen below a folder, links followed. */
export interface SeenFile {
  readonly path: string;
  /** Where it really stands. */
  readonly file: string;
  readonly id: string;
}

export type Walk = { readonly files: readonly SeenFile[] } | { readonly unknown: string };

const mostFiles = 20_000;
const mostVisits = 200_000;
const mostLinks = 8;

/**
 * The files below a folder of a commit, those behind symbolic links too: `deploy/latest` → `deploy/1.35` is two
 * deployments. Links out of the repository, to nothing, or in circles are left out; `unknown` beyond 20,000 files.
 */
export async function walkFolder(repository: Repository, commit: string, folder: string): Promise<Walk> {
  const files: SeenFile[] = [];
  let visits = 0;

  async function walk(seen: string, real: string, links: number): Promise<boolean> {
    const entries = await repository.entries(commit, real);
    for (const entry of entries ?? []) {
      const [path, file] = [below(seen, entry.name), below(real, entry.name)];
      if (!(await visit(entry, path, file, links))) return false;
    }
    return true;
  }

  async function visit(entry: TreeEntry, path: string, file: string, links: number): Promise<boolean> {
    visits += 1;
    if (visits > mostVisits) return false;
    if (entry.mode === "40000") return await walk(path, file, links);
    if (entry.mode.startsWith("100")) return files.push({ path, file, id: entry.id }) <= mostFiles;
    if (entry.mode !== "120000" || links >= mostLinks) return true;
    const text = (await repository.readBlob(entry.id, 4096)) ?? "";
    // Some write a link as seen from the root; it leads nowhere, yet what was meant is plain.
    return (await follow(resolved(file, text))) ?? (await follow(resolved("", text))) ?? true;

    async function follow(target: string | undefined): Promise<boolean | undefined> {
      // A link to a folder around itself would never end; its depth is bounded, its size is not.
      if (target === undefined || target === "" || file === target || file.startsWith(`${target}/`)) return undefined;
      const slash = target.lastIndexOf("/");
      const around = await repository.entries(commit, slash < 0 ? "" : target.slice(0, slash));
      const there = around?.find((each) => each.name === target.slice(slash + 1));
      return there && (await visit(there, path, target, links + 1));
    }
  }

  const whole = await walk(folder, folder, 0);
  return whole ? { files } : { unknown: `there are more than ${mostFiles} files below ${folder || "the root"}` };
}

function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Where a link leads inside the repository; `undefined` outside. */
function resolved(link: string, target: string): string | undefined {
  if (target === "" || target.startsWith("/")) return undefined;
  const path = link.split("/").slice(0, -1);
  for (const segment of target.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") path.push(segment);
    else if (path.pop() === undefined) return undefined;
  }
  return path.join("/");
}
