import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, err, fault, must, ok, type Result, sha256Hex } from "../core/index.ts";
import { checkout } from "./checkout.ts";
import { checkoutJob } from "./job-checkout.ts";
import { createMirrors } from "./mirrors.ts";
import type { Git, Repository } from "./model.ts";
import { type HostedRepository, openRepository } from "./repository.ts";
import { gitText, runGit } from "./run-git.ts";

export interface GitOptions {
  /** Folder of the repositories: `<home>/git`. */
  readonly root: string;
  readonly clock: Clock;
  /** May a repository that a job names stand at this address? Default: none may. */
  readonly mayRead?: (address: string) => boolean;
  /** `host:port` that may be read whatever its address. */
  readonly reachable?: () => readonly string[];
}

/** Errors of old, honest histories that may be taken in; what protects work trees and `.git` stays an error. */
const lenient = [
  "badTimezone",
  "badDate",
  "badDateOverflow",
  "badEmail",
  "badName",
  "missingSpaceBeforeDate",
  "missingEmail",
  "missingNameBeforeEmail",
  "zeroPaddedFilemode",
  "zeroPaddedDate",
  "missingTaggerEntry",
  "badTagName",
  "multipleAuthors",
  "duplicateEntries",
  "badFilemode",
  "nullSha1",
];

function configOf(): string {
  const relaxed = (section: string) => `[${section} "fsck"]\n${lenient.map((id) => `\t${id} = ignore\n`).join("")}`;
  return [
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogAllRefUpdates = false\n\thooksPath = hooks\n\tfsync = committed,loose-object\n",
    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
    "[receive]\n\tfsckObjects = true\n\tautogc = false\n\tadvertisePushOptions = true\n\tprocReceiveRefs = refs\n\tunpackLimit = 100\n",
    "[fetch]\n\tfsckObjects = true\n[transfer]\n\tadvertiseSID = false\n",
    "[uploadpack]\n\tallowFilter = true\n\thideRefs = refs\n\thideRefs = !refs/heads\n\thideRefs = !refs/tags\n\thideRefs = !refs/pull\n",
    relaxed("fetch"),
    relaxed("receive"),
  ].join("");
}

export function createGit(options: GitOptions): Git & { close(): void } {
  const opened = new Map<string, Promise<HostedRepository>>();

  async function create(component: string): Promise<HostedRepository> {
    const directory = join(options.root, `${component}.git`);
    for (const folder of ["objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks"]) {
      await mkdir(join(directory, folder), { recursive: true });
    }
    await writeFile(join(directory, "config"), configOf());
    await writeFile(join(directory, "HEAD"), "ref: refs/heads/main\n", { flag: "wx" }).catch(() => undefined);
    return openRepository(component, directory, options.clock);
  }

  function open(component: string): Promise<HostedRepository> {
    if (!/^[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?$/.test(component) || component.includes("..")) {
      return Promise.reject(new Error(`${JSON.stringify(component)} is no component name`));
    }
    let repository = opened.get(component);
    if (!repository) {
      repository = create(component);
      opened.set(component, repository);
    }
    return repository;
  }

  /** A mirror is named by its address; nothing of the address becomes a path. */
  function openMirror(url: string): Promise<HostedRepository> {
    const name = `mirrors/${sha256Hex(url).slice(0, 32)}`;
    let repository = opened.get(name);
    if (!repository) {
      repository = create(name);
      opened.set(name, repository);
    }
    return repository;
  }

  const mirrors = createMirrors({
    clock: options.clock,
    open: openMirror,
    mayRead: options.mayRead ?? (() => false),
    reachable: options.reachable ?? (() => []),
  });

  async function sweep(): Promise<void> {
    const names = await readdir(options.root).catch(() => []);
    const mirrored = (await readdir(join(options.root, "mirrors")).catch(() => [])).map((name) => `mirrors/${name}`);
    for (const name of [...names, ...mirrored]) {
      const directory = join(options.root, name);
      const left = [
        ...(await locksIn(directory)),
        ...(await matching(join(directory, "objects"), /^(incoming-|tmp_)/)),
        ...(await matching(join(directory, "objects", "pack"), /^(tmp_|\.tmp)/)),
      ];
      for (const path of left) await rm(path, { recursive: true, force: true });
    }
  }

  return {
    open,
    adopt: (repository, url, progress) => adopt(repository, url, progress, (component) => open(component)),
    checkout,
    checkoutJob: (request) => checkoutJob({ open, mirrors }, request),
    sweep,
    close: () => {
      for (const repository of opened.values()) void repository.then((each) => each.close());
    },
  };
}

async function matching(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => pattern.test(name)).map((name) => join(folder, name));
}

async function locksIn(directory: string): Promise<readonly string[]> {
  const found: string[] = [...(await matching(directory, /\.lock$/))];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await walk(path);
      else if (entry.name.endsWith(".lock")) found.push(path);
    }
  };
  await walk(join(directory, "refs"));
  return found;
}

async function adopt(
  repository: Repository,
  url: string,
  progress: (line: string) => void,
  open: (component: string) => Promise<HostedRepository>,
): Promise<Result<{ branches: number; tags: number; commits: number; defaultBranch: string | undefined }>> {
  if (!allowedUrl(url)) {
    return err(
      fault("bad-input", `${JSON.stringify(url)} is no address of a repository that is read`, {
        hint: "https://, ssh://, git:// or file://",
      }),
    );
  }
  const call = {
    gitDir: repository.directory,
    protocols: "http:https:ssh:git:file",
    env: await trustOwnersOf(repository, url),
  };
  const head = await runGit(["ls-remote", "--symref", "--", url, "HEAD"], call);
  if (!head.ok) return head;
  if (head.value.code !== 0) {
    return err(
      fault("unavailable", `${url} cannot be read: ${lastLine(head.value.stderr)}`, {
        hint: "check the address and your access to it",
      }),
    );
  }
  const defaultBranch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(head.value.stdout.toString("utf8"))?.[1];
  const fetched = await runGit(
    [
      "fetch",
      "--progress",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--",
      url,
      "refs/heads/*:refs/heads/*",
      "refs/tags/*:refs/tags/*",
    ],
    { ...call, onProgress: byTens(progress) },
  );
  const hosted = await open(repository.component);
  hosted.forget();
  if (!fetched.ok) return fetched;
  if (fetched.value.code !== 0) {
    return err(
      fault("unavailable", `${url} cannot be copied: ${cause(fetched.value.stderr)}`, {
        hint: "what was copied stays; the next start goes on",
      }),
    );
  }
  if (defaultBranch !== undefined) must(await gitText(["symbolic-ref", "HEAD", `refs/heads/${defaultBranch}`], call));
  const refs = await repository.refs();
  const branches = refs.filter((ref) => ref.name.startsWith("refs/heads/")).length;
  const commits = branches === 0 ? "0" : must(await gitText(["rev-list", "--count", "--branches"], call)).trim();
  return ok({
    branches,
    tags: refs.filter((ref) => ref.name.startsWith("refs/tags/")).length,
    commits: Number(commits),
    defaultBranch,
  });
}

/** A local repository may belong to another user; the family file named it, so git need not ask. */
async function trustOwnersOf(repository: Repository, url: string): Promise<Record<string, string>> {
  if (!url.startsWith("file://") && !url.startsWith("/")) return {};
  const file = join(repository.directory, "adopt.gitconfig");
  await writeFile(file, "[safe]\n\tdirectory = *\n");
  return { GIT_CONFIG_GLOBAL: file };
}

/** git tells every percent and every ref; people want to see that it goes on. */
function byTens(progress: (line: string) => void): (line: string) => void {
  let last = "";
  return (line) => {
    const percent = /(\d+)%/.exec(line)?.[1];
    const told = percent === undefined ? line : `${line.slice(0, line.indexOf(":"))}: ${percent}%`;
    const worth = percent === undefined ? !line.startsWith(" * [new ") : Number(percent) % 10 === 0;
    if (!worth || told === last) return;
    last = told;
    progress(told);
  };
}

function allowedUrl(url: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no URL that is read holds one
  if (url.length > 2000 || url.startsWith("-") || /[\x00-\x20]/.test(url)) return false;
  return /^(https?|ssh|git|file):\/\/[^-]/.test(url) || url.startsWith("/") || /^[\w.-]+@[\w.-]+:[^-:][^:]*$/.test(url);
}

/** The first complaint, of the other side or of git here: those that follow are its consequences. */
function cause(text: string): string {
  const first = /^(?:remote: )?(?:fatal|error): .*$/m.exec(text)?.[0].trim();
  return first ?? lastLine(text);
}

function lastLine(text: string): string {
  return (
    text
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("remote: Enumerating"))
      .at(-1) ?? ""
  );
}
