import type { Diagnostic } from "../diagnostics.ts";
import { ignoreRules } from "./prowignore.ts";

/** A revision of a repository, as far as it is looked at. */
export interface RevisionTree {
  /** Entries directly below a folder (empty: the top); `undefined` where there is none. */
  list(
    folder: string,
  ): Promise<
    readonly { readonly name: string; readonly kind: "file" | "folder" | "other"; readonly id: string }[] | undefined
  >;
  /** A regular file of at most so many bytes. */
  read(path: string, limit: number): Promise<string | undefined>;
}

export interface InRepoFiles {
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly problem: Diagnostic | undefined;
}

const mostFiles = 200;
const mostFolders = 100;
const deepest = 8;
const mostBytes = 1024 * 1024;

/** What decides about a repository's own jobs, by object id: equal text means equal jobs. `undefined`: it brings none. */
export async function inRepoVersion(tree: RevisionTree): Promise<string | undefined> {
  const top = (await tree.list("")) ?? [];
  const named = (name: string, kind: string) => top.find((entry) => entry.name === name && entry.kind === kind)?.id;
  const jobs = named(".prow", "folder") ?? named(".prow.yaml", "file");
  return jobs === undefined ? undefined : `${jobs} ${named(".prowignore", "file") ?? ""}`;
}

/** Prow: every YAML file below `.prow/` that `.prowignore` leaves, or, where there is no such folder, `.prow.yaml`. */
export async function findInRepoFiles(tree: RevisionTree): Promise<InRepoFiles> {
  const files: { name: string; bytes: Uint8Array }[] = [];
  let folders = 0;
  let bytes = 0;
  const problem = (file: string, code: string, message: string): Diagnostic => ({
    severity: "error",
    code,
    file,
    line: 1,
    column: 1,
    message,
  });

  async function take(name: string): Promise<Diagnostic | undefined> {
    const text = await tree.read(name, mostBytes - bytes);
    if (text === undefined)
      return problem(name, "too-large", "the jobs of a repository are at most 1 MiB of regular files together");
    const read = Buffer.from(text);
    bytes += read.length;
    files.push({ name, bytes: read });
    return undefined;
  }

  async function walk(folder: string, depth: number): Promise<Diagnostic | undefined> {
    folders += 1;
    if (folders > mostFolders || depth > deepest)
      return problem(folder, "too-many-files", `more than ${mostFolders} folders, or deeper than ${deepest}`);
    for (const entry of (await tree.list(folder)) ?? []) {
      const path = `${folder}/${entry.name}`;
      if (entry.kind === "other" || ignored.ignores(`/${path}`, entry.kind === "folder")) continue;
      if (entry.kind === "file" && !/\.ya?ml$/.test(entry.name)) continue;
      if (files.length >= mostFiles) return problem(folder, "too-many-files", `more than ${mostFiles} files`);
      const wrong = entry.kind === "folder" ? await walk(path, depth + 1) : await take(path);
      if (wrong) return wrong;
    }
    return undefined;
  }

  const ignored = ignoreRules("/", (await tree.read(".prowignore", mostBytes)) ?? "");
  const top = (await tree.list("")) ?? [];
  const isFolder = top.some((entry) => entry.name === ".prow" && entry.kind === "folder");
  const wrong = isFolder ? await walk(".prow", 1) : await take(".prow.yaml");
  return { files: wrong ? [] : files, problem: wrong };
}
