import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { err, fault, ok, type Result } from "../core/index.ts";
import { gitText, runGit } from "./run-git.ts";

/** One submodule of a commit. */
export interface Submodule {
  /** Name in `.gitmodules`: its folder below `.git/modules`. */
  readonly name: string;
  readonly path: string;
  /** Absolute. */
  readonly url: string;
  readonly commit: string;
}

const mostSubmodules = 200;

/**
 * The submodules of a commit, read from objects. Faults `bad-input`: a gitlink that `.gitmodules` does not explain, a
 * name that is no folder, an address that is not http(s) or leads nowhere; `limit`: more than 200.
 */
export async function submodulesOf(
  gitDir: string,
  commit: string,
  parentUrl: string,
): Promise<Result<readonly Submodule[]>> {
  const listed = await gitText(["ls-tree", "-r", "-z", "--full-tree", commit], {
    gitDir,
    maxOutput: 256 * 1024 * 1024,
  });
  if (!listed.ok) return listed;
  const links = listed.value.split("\0").flatMap((line) => {
    const [, id, path] = /^160000 commit ([0-9a-f]{40})\t(.*)$/s.exec(line) ?? [];
    return id && path ? [{ id, path }] : [];
  });
  if (links.length > mostSubmodules)
    return err(fault("limit", `${links.length} submodules; at most ${mostSubmodules} are checked out`));
  if (links.length === 0) return ok([]);
  const explained = await readGitmodules(gitDir, commit);
  const found: Submodule[] = [];
  for (const { id, path } of links) {
    const entry = explained.find((each) => each.path === path);
    if (!entry) return err(fault("bad-input", `the submodule at ${path} is not in .gitmodules`));
    if (!isModuleName(entry.name))
      return err(fault("bad-input", `the submodule name ${JSON.stringify(entry.name)} is no folder`));
    const url = absoluteUrl(entry.url, parentUrl);
    if (url === undefined)
      return err(
        fault("bad-input", `the submodule at ${path} has the address ${JSON.stringify(entry.url.slice(0, 200))}`, {
          hint: "https://, http:// or a path relative to its repository",
        }),
      );
    found.push({ name: entry.name, path, url, commit: id });
  }
  return ok(found);
}

async function readGitmodules(
  gitDir: string,
  commit: string,
): Promise<readonly { readonly name: string; readonly path: string; readonly url: string }[]> {
  const answer = await runGit(["config", "--blob", `${commit}:.gitmodules`, "--null", "--list"], { gitDir });
  if (!answer.ok || answer.value.code !== 0) return [];
  const entries = new Map<string, { path: string; url: string }>();
  for (const line of answer.value.stdout.toString("utf8").split("\0")) {
    const [, name, key, value] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const entry = entries.get(name) ?? { path: "", url: "" };
    if (key === "path") entry.path = value;
    else entry.url = value;
    entries.set(name, entry);
  }
  return [...entries].map(([name, entry]) => ({ name, ...entry }));
}

/** git refuses the same: a name is a path below `.git/modules` and nowhere else. */
function isModuleName(name: string): boolean {
  if (name === "" || name.length > 200 || name.startsWith("-") || name.includes("\0")) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part.toLowerCase() !== ".git");
}

/** `./x` and `../x` stand beside the repository that names them. */
export function absoluteUrl(url: string, parentUrl: string): string | undefined {
  if (!url.startsWith("./") && !url.startsWith("../"))
    return /^https?:\/\/[^-]/.test(url) && URL.canParse(url) ? url : undefined;
  if (!URL.canParse(parentUrl)) return undefined;
  const parent = new URL(parentUrl);
  const parts = parent.pathname.replace(/\/+$/, "").split("/");
  for (const part of url.split("/")) {
    if (part === "..") {
      if (parts.length <= 1) return undefined;
      parts.pop();
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return `${parent.protocol}//${parent.host}${parts.join("/")}`;
}

/** A repository below `.git/modules` with its work tree at the submodule's path, as git lays them out. */
export async function prepareSubmodule(
  superGitDir: string,
  workTree: string,
  submodule: Submodule,
): Promise<{ readonly gitDir: string; readonly directory: string }> {
  const gitDir = join(superGitDir, "modules", submodule.name);
  const directory = join(workTree, submodule.path);
  await mkdir(directory, { recursive: true });
  await mkdir(dirname(gitDir), { recursive: true });
  await writeFile(join(directory, ".git"), `gitdir: ${relative(directory, gitDir)}\n`);
  return { gitDir, directory };
}
