import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ok, type Result } from "../../core/index.ts";
import { headersAt, headersFile } from "../headers.ts";
import type { MirrorObject, ResultMirror } from "./model.ts";

/** What of one attempt is mirrored: paths below the root of results. */
export interface MirroredRun {
  readonly buildId: string;
  readonly folder: string;
  readonly latest: readonly string[];
  readonly alias: string | undefined;
}

const atOnce = 4;

/**
 * Puts an attempt's files, then `finished.json`, then the pointers: whoever sees that a run has ended finds all of it. A
 * pointer carries what it says by now, so an older run that is mirrored late moves nothing back. May be done again.
 */
export async function uploadRun(root: string, run: MirroredRun, mirror: ResultMirror): Promise<Result<void>> {
  const files = await filesBelow(join(root, run.folder), run.folder);
  const last = `${run.folder}/finished.json`;
  const first = files.filter((path) => path !== last);
  for (let at = 0; at < first.length; at += atOnce) {
    const group = first.slice(at, at + atOnce);
    const done = await Promise.all(group.map(async (path) => await mirror.put(await objectOf(root, path))));
    const failed = done.find((each) => !each.ok);
    if (failed) return failed;
  }
  const pointers = run.latest.filter((path) => path.endsWith(".txt"));
  for (const path of [...files.filter((each) => each === last), ...pointers]) {
    const put = await mirror.put(await objectOf(root, path));
    if (!put.ok) return put;
  }
  if (run.alias === undefined) return ok(undefined);
  const link = mirror.addressOf(run.folder);
  const contentType = "text/plain; charset=utf-8";
  return await mirror.put({ path: run.alias, content: { text: link }, contentType, contentEncoding: undefined, link });
}

async function objectOf(root: string, path: string): Promise<MirrorObject> {
  const file = join(root, path);
  // A pointer may be replaced while it is read: its text is taken at once.
  const small = path.endsWith("/latest-build.txt");
  const content = small ? { text: await readFile(file, "utf8") } : { file };
  return { path, content, ...(await headersAt(root, path)) };
}

async function filesBelow(folder: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(join(folder, entry.name), below)));
    else if (entry.isFile() && !entry.name.endsWith(".tmp") && entry.name !== headersFile) found.push(below);
  }
  return found.sort();
}
