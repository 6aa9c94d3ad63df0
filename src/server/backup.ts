import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, type Pack, pack } from "tar-stream";
import { err, fault, type Ids, ok, type Result } from "../core/index.ts";
import type { Store } from "../store/index.ts";
import type { Home } from "./home.ts";

/** What a backup holds besides the database: everything that cannot be made again. */
const folders = ["git", "blobs", "results", "keys"] as const;
const files = ["admin.token"] as const;

/**
 * A gzipped tar of a home while it is in use: the database first, as a consistent copy, then what it refers to, which
 * only grows. Fault `bad-input` on PostgreSQL, whose own tools copy it.
 */
export async function openBackup(home: Home, store: Store, ids: Ids): Promise<Result<Readable>> {
  await mkdir(home.backups, { recursive: true, mode: 0o700 });
  const copy = join(home.backups, `copy-${ids.hex(6)}.db`);
  const copied = await store.copyTo(copy);
  if (!copied.ok) return copied;
  const archive = pack();
  const out = new PassThrough();
  const written = (async () => {
    try {
      await addFile(archive, copy, "fairlead.db");
      for (const name of files) await addFile(archive, join(home.root, name), name);
      for (const folder of folders) await addFolder(archive, home.root, join(home.root, folder));
      archive.finalize();
    } catch (error) {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
    } finally {
      await rm(copy, { force: true });
    }
  })();
  void pipeline(archive, createGzip({ level: 1 }), out).catch((error: unknown) =>
    out.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  void written;
  return ok(out);
}

async function addFolder(archive: Pack, root: string, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    const passing = /^(incoming|tmp_|incoming-)/.test(entry.name) || entry.name.endsWith(".lock");
    if (passing) continue;
    if (entry.isDirectory()) await addFolder(archive, root, path);
    else if (entry.isFile()) await addFile(archive, path, relative(root, path));
  }
}

/** Exactly the size that was announced, although a log may grow meanwhile. */
async function addFile(archive: Pack, file: string, name: string): Promise<void> {
  const facts = await stat(file).catch(() => undefined);
  if (!facts) return;
  const entry = archive.entry({ name, size: facts.size, mode: facts.mode & 0o777, mtime: facts.mtime });
  if (facts.size === 0) {
    entry.end(Buffer.alloc(0));
    return;
  }
  await pipeline(createReadStream(file, { end: facts.size - 1 }), entry);
}

/** Unpacks a backup into a new home. Faults: `refused` when there is one already, `bad-input` for what is no backup. */
export async function restoreBackup(source: Readable, root: string): Promise<Result<{ readonly files: number }>> {
  const present = await readdir(root).catch(() => []);
  if (present.length > 0)
    return err(
      fault("refused", `${root} is not empty`, { hint: "name a new home with --home; nothing is overwritten" }),
    );
  const beside = `${root}.restoring`;
  await rm(beside, { recursive: true, force: true });
  await mkdir(beside, { recursive: true, mode: 0o700 });
  let count = 0;
  let database = false;
  const unpack = extract();
  unpack.on("entry", (header, stream, next) => {
    const safe = isSafe(header.name) && header.type === "file";
    const target = join(beside, header.name);
    const write = async () => {
      if (!safe)
        throw new Error(`the backup holds ${JSON.stringify(header.name.slice(0, 100))}, which none of ours does`);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await pipeline(stream, createWriteStream(target, { flags: "wx", mode: (header.mode ?? 0o600) & 0o700 }));
      database ||= header.name === "fairlead.db";
      count++;
    };
    write().then(() => next(), next);
  });
  try {
    await pipeline(source, createGunzip(), unpack);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    return err(
      fault("bad-input", `this is no backup of Fairlead: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
  if (!database) {
    await rm(beside, { recursive: true, force: true });
    return err(fault("bad-input", "this is no backup of Fairlead: it holds no database"));
  }
  if ((await lstat(root).catch(() => undefined)) !== undefined) await rm(root, { recursive: true });
  await rename(beside, root);
  return ok({ files: count });
}

function isSafe(name: string): boolean {
  const parts = name.split("/");
  const known =
    name === "fairlead.db" || files.some((file) => file === name) || folders.some((folder) => folder === parts[0]);
  return known && !parts.some((part) => part === "" || part === "." || part === "..") && name.length < 1000;
}
