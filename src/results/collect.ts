import { constants, createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Artifact } from "./model.ts";

const deepest = 32;
const longestName = 200;

/**
 * Copies regular files a job left, after its last process is dead. A link is left out whatever it points at, so nothing
 * outside the folder can be published; special files would block or never end.
 */
export async function collectArtifacts(
  from: string,
  to: string,
  bounds: { readonly files: number; readonly bytes: number },
): Promise<{ readonly artifacts: readonly Artifact[]; readonly leftOut: readonly string[] }> {
  const artifacts: Artifact[] = [];
  const leftOut: string[] = [];
  let bytes = 0;
  let seen = 0;

  async function walk(relative: string, depth: number): Promise<void> {
    const names = (await readdir(join(from, relative)).catch(() => [])).sort();
    for (const name of names) {
      const path = relative === "" ? name : `${relative}/${name}`;
      if (++seen > bounds.files * 2) return;
      const why = await take(path, name, depth);
      if (why !== undefined && leftOut.length < 1000) leftOut.push(`${path}: ${why}`);
    }
  }

  async function take(path: string, name: string, depth: number): Promise<string | undefined> {
    if (name.length > longestName || name.includes("\ufffd")) return "its name is too long or not UTF-8";
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
    if (bytes + facts.size > bounds.bytes) return `over the bound of ${bounds.bytes.toLocaleString("en")} bytes`;
    const copied = await copyRegular(join(from, path), join(to, path));
    if (copied === undefined) return "it could not be read";
    bytes += copied;
    artifacts.push({ path: `artifacts/${path}`, size: copied, writtenBy: "job" });
    return undefined;
  }

  await walk("", 0);
  if (seen > bounds.files * 2) leftOut.push(`more than ${bounds.files * 2} entries: the rest was not looked at`);
  return { artifacts, leftOut };
}

async function copyRegular(from: string, to: string): Promise<number | undefined> {
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (!source) return undefined;
  try {
    const facts = await source.stat();
    if (!facts.isFile()) return undefined;
    await mkdir(join(to, ".."), { recursive: true });
    await rm(to, { force: true });
    const bytes = createReadStream("", { fd: source.fd, autoClose: false });
    await pipeline(bytes, createWriteStream(to, { flags: "wx", mode: 0o600 }));
    return facts.size;
  } finally {
    await source.close();
  }
}
