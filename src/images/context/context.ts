import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { globPattern, ignoredBy, isGlob } from "./globs.ts";

/** Something below the context, to be put into an image. Paths are relative, `/`-separated. */
export type ContextEntry =
  | { readonly kind: "file"; readonly path: string; readonly size: number; readonly executable: boolean }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "folder"; readonly path: string };

/**
 * The build context: a folder that a job wrote, its last process dead. No link is followed out of it, only regular files
 * are read, and how much is bounded.
 */
export interface BuildContext {
  /** Paths that a COPY source means; links on the way are followed inside the context only. */
  find(source: string): Promise<Result<readonly string[]>>;
  /** The entry itself, links of the last name followed inside. */
  entryAt(path: string): Promise<Result<ContextEntry>>;
  /** Everything below a folder, sorted by its bytes, links kept as links. */
  below(path: string): Promise<Result<readonly ContextEntry[]>>;
  read(path: string): Promise<Result<AsyncIterable<Uint8Array>>>;
  readText(path: string, limit: number): Promise<string | undefined>;
}

const mostEntries = 200_000;
const mostLinks = 40;

export async function openContext(root: string): Promise<BuildContext> {
  let ignored: (path: string) => boolean = () => false;

  /** Follows links inside the root; `undefined` when it leads out, nowhere, or in circles. */
  async function resolve(path: string): Promise<string | undefined> {
    const pending = path.split("/").filter((name) => name !== "" && name !== ".");
    const done: string[] = [];
    let links = 0;
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      if (name === "..") {
        if (done.pop() === undefined) return undefined;
        continue;
      }
      const here = [...done, name];
      const facts = await lstat(join(root, ...here)).catch(() => undefined);
      if (!facts) return undefined;
      if (!facts.isSymbolicLink()) {
        done.push(name);
        continue;
      }
      if (++links > mostLinks) return undefined;
      const target = await readlink(join(root, ...here));
      if (target.startsWith("/")) return undefined;
      pending.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
    }
    return done.join("/");
  }

  async function entryAt(path: string): Promise<Result<ContextEntry>> {
    const real = await resolve(path);
    const facts = real === undefined ? undefined : await lstat(join(root, real)).catch(() => undefined);
    if (real === undefined || !facts) return err(await missing(path));
    if (facts.isDirectory()) return ok({ kind: "folder", path: real });
    if (!facts.isFile()) return err(fault("bad-input", `${path} is neither a regular file nor a folder`));
    return ok({ kind: "file", path: real, size: facts.size, executable: (facts.mode & 0o100) !== 0 });
  }

  async function missing(path: string) {
    const folder = path.split("/").slice(0, -1).join("/");
    const outside = (await lstat(join(root, path)).catch(() => undefined))?.isSymbolicLink() === true;
    if (outside) return fault("bad-input", `${path} is a link that leads out of the build context or nowhere`);
    const real = await resolve(folder);
    const near = real === undefined ? [] : (await readdir(join(root, real)).catch(() => [])).sort().slice(0, 8);
    const hint = near.length > 0 ? `${folder === "" ? "the context" : folder} has ${near.join(", ")}` : undefined;
    return fault("bad-input", `${path} is not in the build context`, hint === undefined ? {} : { hint });
  }

  async function below(path: string): Promise<Result<readonly ContextEntry[]>> {
    const entries: ContextEntry[] = [];
    async function walk(folder: string): Promise<string | undefined> {
      const names = await readdir(join(root, folder));
      for (const name of names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        const inner = folder === "" ? name : `${folder}/${name}`;
        if (entries.length >= mostEntries) return `more than ${mostEntries.toLocaleString("en")} files`;
        const facts = await lstat(join(root, inner));
        if (ignored(inner) && !facts.isDirectory()) continue;
        if (facts.isSymbolicLink())
          entries.push({ kind: "link", path: inner, target: await readlink(join(root, inner)) });
        else if (facts.isFile())
          entries.push({ kind: "file", path: inner, size: facts.size, executable: (facts.mode & 0o100) !== 0 });
        else if (facts.isDirectory()) {
          const place = entries.length;
          const why = await walk(inner);
          if (why !== undefined) return why;
          if (!ignored(inner) || entries.length > place) entries.splice(place, 0, { kind: "folder", path: inner });
        } else return `${inner} is not a regular file`;
      }
      return undefined;
    }
    const why = await walk(path);
    return why === undefined ? ok(entries) : err(fault("bad-input", why));
  }

  async function globbed(source: string): Promise<readonly string[]> {
    let found: readonly string[] = [""];
    for (const part of source.split("/").filter((name) => name !== "" && name !== ".")) {
      const next: string[] = [];
      for (const folder of found) {
        if (!isGlob(part)) {
          next.push(folder === "" ? part : `${folder}/${part}`);
          continue;
        }
        const pattern = globPattern(part, false);
        const real = await resolve(folder);
        if (!pattern || real === undefined) continue;
        const names = (await readdir(join(root, real)).catch(() => [])).sort();
        next.push(
          ...names.filter((name) => pattern.matches(name)).map((name) => (folder === "" ? name : `${folder}/${name}`)),
        );
      }
      found = next.slice(0, mostEntries);
    }
    return found;
  }

  async function openFile(path: string) {
    return await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  const context: BuildContext = {
    find: async (source) => {
      const cleaned = source.replace(/^\/+/, "");
      if (cleaned.split("/").includes("..")) return err(fault("bad-input", `${source} leads out of the build context`));
      if (!isGlob(cleaned)) {
        if (cleaned !== "" && ignored(cleaned.replace(/\/+$/, "")))
          return err(fault("bad-input", `${source} is left out by .dockerignore`));
        const entry = await entryAt(cleaned);
        return entry.ok ? ok([cleaned.replace(/\/+$/, "")]) : entry;
      }
      const found = (await globbed(cleaned)).filter((path) => !ignored(path));
      return found.length > 0 ? ok(found) : err(fault("bad-input", `${source} matches nothing in the build context`));
    },
    entryAt,
    below,
    read: async (path) => {
      const file = await openFile(path).catch(() => undefined);
      if (!file) return err(fault("bad-input", `${path} could not be read`));
      const facts = await file.stat();
      if (!facts.isFile()) {
        await file.close();
        return err(fault("bad-input", `${path} is not a regular file`));
      }
      return ok(file.createReadStream());
    },
    readText: async (path, limit) => {
      const real = await resolve(path);
      const facts = real === undefined ? undefined : await lstat(join(root, real)).catch(() => undefined);
      if (real === undefined || !facts?.isFile() || facts.size > limit) return undefined;
      const file = await openFile(real);
      return await file.readFile("utf8").finally(() => file.close());
    },
  };
  const ignore = await context.readText(".dockerignore", 1024 * 1024);
  if (ignore !== undefined) ignored = ignoredBy(ignore);
  return context;
}
