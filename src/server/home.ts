import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where everything of one family lives. Mode 0700; what is secret is 0600. */
export interface Home {
  readonly root: string;
  readonly database: string;
  readonly lock: string;
  readonly blobs: string;
  readonly git: string;
  readonly results: string;
  readonly work: string;
  readonly caches: string;
  /** Tools of exact versions, which may be fetched again. */
  readonly toolchains: string;
  /** What is still to be mirrored. */
  readonly mirror: string;
  readonly uploads: string;
  readonly backups: string;
  /** The administrator's token. */
  readonly adminToken: string;
  /** `{url, pid, startedAt}` of the server that runs on this home. */
  readonly serverFile: string;
}

export function homeAt(root: string, workRoot: string | undefined): Home {
  return {
    root,
    database: join(root, "fairlead.db"),
    lock: join(root, "lock.db"),
    blobs: join(root, "blobs"),
    git: join(root, "git"),
    results: join(root, "results"),
    work: workRoot ?? join(root, "work"),
    caches: join(root, "caches"),
    toolchains: join(root, "toolchains"),
    mirror: join(root, "mirror"),
    uploads: join(root, "uploads"),
    backups: join(root, "backups"),
    adminToken: join(root, "admin.token"),
    serverFile: join(root, "server.json"),
  };
}

/** Makes the folders; answers whether this is the first start. */
export async function prepareHome(home: Home): Promise<{ readonly first: boolean }> {
  const made = await mkdir(home.root, { recursive: true, mode: 0o700 });
  await chmod(home.root, 0o700);
  for (const folder of [
    home.blobs,
    home.git,
    home.results,
    home.work,
    home.caches,
    home.toolchains,
    home.mirror,
    home.uploads,
    home.backups,
  ]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  await writeFile(join(home.root, ".gitignore"), "*\n");
  return { first: made !== undefined };
}

/** Whole or not at all, readable by the owner only. */
export async function writePrivate(file: string, content: string): Promise<void> {
  const beside = `${file}.new`;
  await writeFile(beside, content, { mode: 0o600, flush: true });
  await rename(beside, file);
}

export async function removeServerFile(home: Home): Promise<void> {
  await rm(home.serverFile, { force: true });
}
