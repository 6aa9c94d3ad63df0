import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { type CopyEntry, type CopySource, globbed } from "./copy-source.ts";
import { compareBytes, ignoredBy, isGlob } from "./globs.ts";

/**
 * The build context: a folder that a job wrote, its last process dead. No link is followed out of it, only regular files
 * are read, and how much is bounded.
 */
export interface BuildContext extends CopySource {
  readText(path: string, limit: number): Promise<string | undefined>;
  /** Docker: `<Dockerfile>.dockerignore` where there is one, else `.dockerignore`. */
  ignoringFor(dockerfile: string): Promise<CopySource>;
}

const mostEntries = 200_000;
const mostBytes = 64 * 1024 ** 3;
const mostLinks = 40;
const largestIgnore = 1024 * 1024;

export function openContext(root: string): BuildContext {
  /** Follows links inside the root, absolute ones from it; `undefined` when it leads out, nowhere, or in circles. */
  async function resolve(path: string): Promise<string | undefined> {
    const pending = namesOf(path);
    let done: string[] = [];
    let links = 0;
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (name === "..") {
        if (done.pop() === undefined) return undefined;
        continue;
      }
      const here = join(root, ...done, name);
      const facts = await factsOf(here);
      if (!facts) return undefined;
      if (!facts.isSymbolicLink()) {
        done.push(name);
        continue;
      }
      if (++links > mostLinks) return undefined;
      const target = await readlink(here);
      if (target.startsWith("/")) done = [];
      pending.unshift(...namesOf(target));
    }
    return done.join("/");
  }

  /** Opens a resolved path. Every folder on the way is looked at again: none may have become a link meanwhile. */
  async function openFile(path: string, size: number) {
    const names = namesOf(path);
    for (let depth = 1; depth < names.length; depth++) {
      const facts = await factsOf(join(root, ...names.slice(0, depth)));
      if (!facts?.isDirectory()) return undefined;
    }
    const before = await factsOf(join(root, path));
    if (!before?.isFile()) return undefined;
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(join(root, path), flags).catch(() => undefined);
    const facts = await file?.stat();
    if (file && facts?.isFile() && facts.ino === before.ino && facts.dev === before.dev && facts.size === size)
      return file;
    await file?.close();
    return undefined;
  }

  function fileEntry(path: string, facts: { readonly size: number; readonly mode: number }): CopyEntry {
    return {
      kind: "file",
      path,
      size: facts.size,
      mode: (facts.mode & 0o100) !== 0 ? 0o755 : 0o644,
      open: async () => {
        const file = await openFile(path, facts.size);
        return file
          ? ok(file.createReadStream({ highWaterMark: 256 * 1024 }))
          : err(fault("bad-input", `${path} changed or cannot be read`));
      },
    };
  }

  async function missing(path: string) {
    const folder = namesOf(path).slice(0, -1).join("/");
    if ((await factsOf(join(root, path)))?.isSymbolicLink() === true)
      return fault("bad-input", `${path} is a link that leads out of the build context or nowhere`);
    const real = await resolve(folder);
    const near = real === undefined ? [] : (await readdir(join(root, real)).catch(() => [])).sort(compareBytes);
    const shown = near.slice(0, 8).join(", ");
    const hint = near.length > 0 ? `${folder === "" ? "the context" : folder} has ${shown}` : undefined;
    return fault("bad-input", `${path} is not in the build context`, { hint });
  }

  async function readText(path: string, limit: number): Promise<string | undefined> {
    const real = await resolve(path);
    const facts = real === undefined ? undefined : await factsOf(join(root, real));
    if (real === undefined || !facts?.isFile() || facts.size > limit) return undefined;
    const file = await openFile(real, facts.size);
    return await file?.readFile("utf8").finally(() => file.close());
  }

  function source(ignored: (path: string) => boolean): CopySource {
    async function entryAt(path: string): Promise<Result<CopyEntry>> {
      const real = await resolve(path);
      const facts = real === undefined ? undefined : await factsOf(join(root, real));
      if (real === undefined || !facts) return err(await missing(path));
      if (facts.isDirectory()) return ok({ kind: "folder", path: real, mode: 0o755 });
      if (!facts.isFile()) return err(fault("bad-input", `${path} is neither a regular file nor a folder`));
      if (ignored(real)) return err(fault("bad-input", `${path} is left out by .dockerignore`));
      return ok(fileEntry(real, facts));
    }

    /** Adds what is below `folder`; answers why it cannot. */
    async function walk(folder: string, into: CopyEntry[], sum: { bytes: number }): Promise<string | undefined> {
      const raw = await readdir(join(root, folder), { encoding: "buffer" }).catch(() => undefined);
      if (!raw) return `${folder} cannot be read`;
      for (const bytes of raw.sort(Buffer.compare)) {
        const name = bytes.toString("utf8");
        const path = folder === "" ? name : `${folder}/${name}`;
        if (!Buffer.from(name).equals(bytes)) return `the name ${JSON.stringify(path)} is not UTF-8`;
        if (into.length >= mostEntries) return `more than ${mostEntries} files are copied`;
        const facts = await factsOf(join(root, path));
        if (!facts) return `${path} cannot be read`;
        if (facts.isDirectory()) {
          const place = into.length;
          const why = await walk(path, into, sum);
          if (why !== undefined) return why;
          if (!ignored(path) || into.length > place) into.splice(place, 0, { kind: "folder", path, mode: 0o755 });
        } else if (ignored(path)) continue;
        else if (facts.isSymbolicLink()) into.push({ kind: "link", path, target: await readlink(join(root, path)) });
        else if (!facts.isFile()) return `${path} is neither a regular file nor a folder`;
        else {
          sum.bytes += facts.size;
          if (sum.bytes > mostBytes) return "more than 64 GiB are copied";
          into.push(fileEntry(path, facts));
        }
      }
      return undefined;
    }

    async function namesIn(folder: string): Promise<readonly string[]> {
      const real = await resolve(folder);
      return real === undefined ? [] : await readdir(join(root, real)).catch(() => []);
    }

    return {
      find: async (written) => {
        const cleaned = written.replace(/^\/+|\/+$/g, "");
        if (namesOf(cleaned).includes(".."))
          return err(
            fault("bad-input", `${written} leads out of the build context`, {
              hint: "the context is the repository's root",
            }),
          );
        if (!isGlob(cleaned)) {
          const path = namesOf(cleaned).join("/");
          if (path !== "" && ignored(path) && (await factsOf(join(root, path)))?.isDirectory() !== true)
            return err(fault("bad-input", `${written} is left out by .dockerignore`));
          const entry = await entryAt(path);
          return entry.ok ? ok([path]) : entry;
        }
        const found = await globbed(cleaned, mostEntries, namesIn);
        if (!found) return err(fault("bad-input", `${written} is malformed or matches more than ${mostEntries} files`));
        const kept: string[] = [];
        for (const path of found) if (!ignored(path) && (await factsOf(join(root, path)))) kept.push(path);
        return kept.length > 0 ? ok(kept) : err(fault("bad-input", `${written} matches nothing in the build context`));
      },
      entryAt,
      below: async (path) => {
        const entries: CopyEntry[] = [];
        const why = await walk(path, entries, { bytes: 0 });
        return why === undefined ? ok(entries) : err(fault("bad-input", why));
      },
    };
  }

  return {
    ...source(() => false),
    readText,
    ignoringFor: async (dockerfile) => {
      const own = await readText(`${dockerfile}.dockerignore`, largestIgnore);
      const rules = own ?? (await readText(".dockerignore", largestIgnore));
      return source(rules === undefined ? () => false : ignoredBy(rules));
    },
  };
}

/** `undefined` where nothing is, or the path is longer than the system takes. */
async function factsOf(path: string) {
  return await lstat(path).catch(() => undefined);
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
