import { open, readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import type { Diagnostic } from "../diagnostics.ts";
import { type IgnoreRules, ignoreRules } from "./prowignore.ts";

export interface FoundFile {
  /** As people are told of it: relative to where the family file stands. */
  readonly name: string;
  readonly path: string;
}

const mostFiles = 20_000;
const largest = 64 * 1024 * 1024;

/**
 * Prow 0: a file, or a folder walked in lexical order: names that end in `.yaml` or `.yml`, entries that begin with `..`
 * left out, `.prowignore` files honoured. Base names must be unique over all of them.
 */
export async function findJobFiles(
  folder: string,
  paths: readonly string[],
): Promise<{ readonly files: readonly FoundFile[]; readonly diagnostics: readonly Diagnostic[] }> {
  const files: FoundFile[] = [];
  const diagnostics: Diagnostic[] = [];
  const say = (file: string, code: string, message: string, hint?: string) =>
    diagnostics.push({ severity: "error", code, file, line: 1, column: 1, message, hint });

  async function walk(place: string, rules: readonly IgnoreRules[]): Promise<void> {
    const own = await readSmall(join(place, ".prowignore"));
    const all = own === undefined ? rules : [...rules, ignoreRules(place, own)];
    const entries = await readdir(place, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith("..") || files.length > mostFiles) continue;
      const path = join(place, entry.name);
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry;
      if (kind === undefined || all.some((each) => each.ignores(path, kind.isDirectory()))) continue;
      // A link to a folder is not followed, as Prow's walk does not.
      if (kind.isDirectory() && !entry.isSymbolicLink()) await walk(path, all);
      else if (kind.isFile() && /\.ya?ml$/.test(entry.name)) files.push({ name: shown(folder, path), path });
    }
  }

  for (const given of paths) {
    const path = resolve(folder, given);
    const found = await stat(path).catch(() => undefined);
    if (!found)
      say(
        given,
        "no-such-file",
        `there is no ${given}`,
        "paths in prow.jobs are absolute, or relative to the family file",
      );
    else if (found.isDirectory()) await walk(path, []);
    else files.push({ name: shown(folder, path), path });
  }
  if (files.length > mostFiles) say(paths[0] ?? "", "too-many-files", `more than ${mostFiles} job files`);
  const seen = new Map<string, FoundFile>();
  for (const file of files) {
    const other = seen.get(basename(file.path));
    if (other)
      say(
        file.name,
        "duplicate-file-name",
        `its name is that of ${other.name} too`,
        "job files are told apart by their names alone (Prow)",
      );
    else seen.set(basename(file.path), file);
  }
  return { files, diagnostics };
}

function shown(folder: string, path: string): string {
  const near = relative(folder, path);
  return near.startsWith("..") ? path : near;
}

async function readSmall(path: string): Promise<string | undefined> {
  const bytes = await readBounded(path, 1024 * 1024);
  return bytes && Buffer.from(bytes).toString("utf8");
}

/** `undefined` where there is no such file, or no regular one; at most `limit` bytes. */
export async function readBounded(path: string, limit = largest): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const handle = await open(path).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    const { size } = found;
    const bytes = new Uint8Array(Math.min(size, limit + 1));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}
