import { constants } from "node:fs";
import { lstat, mkdir, open, opendir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { copyBounded, OverBound } from "./copy.ts";
import type { Artifact, ArtifactMasking, CollectBounds } from "./model.ts";
import { type StoredName, storedNameOf } from "./stored-name.ts";

const deepest = 32;
const longestName = 200;

export interface Collected {
  readonly artifacts: readonly Artifact[];
  readonly leftOut: readonly string[];
  /** How those are served whose stored name does not tell: compressed ones. */
  readonly stored: readonly StoredName[];
}

/**
 * Copies regular files a job left, after its last process is dead. A link is left out whatever it points at, so nothing
 * outside the folder can be published; special files would block or never end. With masking, what cannot be looked through
 * is left out too. Deliberately unlike Prow, which follows links.
 */
export async function collectArtifacts(
  from: string,
  to: string,
  bounds: CollectBounds,
  masking?: ArtifactMasking,
): Promise<Collected> {
  const artifacts: Artifact[] = [];
  const stored: StoredName[] = [];
  const taken = new Set<string>();
  const leftOut: string[] = [];
  const mostEntries = bounds.files * 2;
  let bytes = 0;
  let seen = 0;

  async function walk(relative: string, depth: number): Promise<void> {
    for (const name of await namesOf(join(from, relative), mostEntries + 1 - seen)) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (++seen > mostEntries) return;
      const why = await take(path, name, depth);
      if (why !== undefined && leftOut.length < 1000) leftOut.push(`${shown(path)}: ${why}`);
    }
  }

  async function take(path: string, name: string, depth: number): Promise<string | undefined> {
    if (name.length > longestName || name.includes("\ufffd")) return "its name is too long or not UTF-8";
    if (hasControls(name)) return "its name has control characters";
    const facts = await lstat(join(from, path)).catch(() => undefined);
    if (!facts) return "it vanished";
    if (facts.isSymbolicLink()) return "it is a link; links are not followed";
    if (facts.isDirectory()) {
      if (depth >= deepest) return `it lies deeper than ${deepest} folders`;
      await walk(path, depth + 1);
      return undefined;
    }
    if (!facts.isFile()) return "it is not a regular file";
    if (artifacts.length >= bounds.files) return `only ${bounds.files.toLocaleString("en")} files are kept`;
    if (bytes + facts.size > bounds.bytes) return overBound(bounds);
    return await keep(path);
  }

  async function keep(path: string): Promise<string | undefined> {
    const name = storedNameOf(path);
    if (taken.has(name.path)) return `another file is stored as ${shown(name.path)}`;
    const target = join(to, name.path);
    const copied = await copyRegular(join(from, path), target, path);
    if (typeof copied === "string") return copied;
    bytes += copied.size;
    taken.add(name.path);
    artifacts.push({ path: `artifacts/${name.path}`, size: copied.size, writtenBy: "job" });
    if (/\.gz(ip)?$/.test(path)) stored.push(copied.compressed ? name : { ...name, contentEncoding: undefined });
    return undefined;
  }

  async function copyRegular(source: string, target: string, path: string) {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(source, flags).catch(() => undefined);
    if (!file) return "it could not be read";
    try {
      if (!(await file.stat()).isFile()) return "it is not a regular file";
      await mkdir(dirname(target), { recursive: true });
      // Of an earlier try; what this one took already was looked at before.
      await rm(target, { force: true });
      const masked = masking?.applies(path) ? masking.masking : undefined;
      return await copyBounded(file, target, { path, bytes: bounds.bytes - bytes, masking: masked });
    } catch (error) {
      if (isFull(error)) throw error;
      if (!isOccupied(error)) await rm(target, { force: true });
      if (error instanceof OverBound) return overBound(bounds);
      return isOccupied(error) ? "its name is taken by another" : "it could not be looked through for secrets";
    } finally {
      await file.close();
    }
  }

  if ((await lstat(from).catch(() => undefined))?.isDirectory()) await walk("", 0);
  if (seen > mostEntries) leftOut.push(`more than ${mostEntries} entries: the rest was not looked at`);
  return { artifacts, leftOut, stored };
}

/** Names in order; of a huge folder no more are read than will be looked at. */
async function namesOf(folder: string, most: number): Promise<readonly string[]> {
  const names: string[] = [];
  const entries = await opendir(folder).catch(() => undefined);
  if (!entries) return names;
  for await (const entry of entries) {
    names.push(entry.name);
    if (names.length >= most) break;
  }
  return names.sort();
}

function overBound(bounds: CollectBounds): string {
  return `over the bound of ${bounds.bytes.toLocaleString("en")} bytes`;
}

/** A name for one line of a log. */
function shown(path: string): string {
  return hasControls(path) ? JSON.stringify(path) : path;
}

function hasControls(name: string): boolean {
  return [...name].some((character) => character < " " || (character >= "\x7f" && character < "\xa0"));
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function isFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(String(codeOf(error)));
}

/** `x` is a folder here and a compressed file `x.gz` there. */
function isOccupied(error: unknown): boolean {
  return ["EEXIST", "EISDIR", "ERR_FS_EISDIR", "ENOTDIR"].includes(String(codeOf(error)));
}
