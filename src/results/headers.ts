import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFile } from "./model.ts";
import { mediaTypeOf, type StoredName } from "./stored-name.ts";

/** Beside the folder of artifacts, where no job writes: how those are served whose name does not tell. */
export const headersFile = ".headers.json";

const largest = 4 * 1024 ** 2;

type Headers = Pick<StoredFile, "contentType" | "contentEncoding">;

export async function writeHeaders(
  runFolder: string,
  stored: readonly StoredName[],
  replace: (path: string, content: string) => Promise<void>,
): Promise<void> {
  if (stored.length === 0) return;
  const entries = stored.map(({ path, contentType, contentEncoding }) => [path, [contentType, contentEncoding ?? ""]]);
  await replace(join(runFolder, headersFile), JSON.stringify(Object.fromEntries(entries)));
}

/** How the file at `path` below `root` is served; its folders were looked at before. */
export async function headersAt(root: string, path: string): Promise<Headers> {
  const names = path.split("/").filter((name) => name !== "");
  const artifacts = names.indexOf("artifacts");
  const plain: Headers = {
    contentType: mediaTypeOf(path) ?? "application/octet-stream",
    contentEncoding: undefined,
  };
  if (artifacts < 0) return plain;
  const file = join(root, ...names.slice(0, artifacts), headersFile);
  const facts = await lstat(file).catch(() => undefined);
  if (!facts?.isFile() || facts.size > largest) return plain;
  const all: unknown = JSON.parse(await readFile(file, "utf8"));
  const own = names.slice(artifacts + 1).join("/");
  if (typeof all !== "object" || all === null || !Object.hasOwn(all, own)) return plain;
  const [, value] = Object.entries(all).find(([name]) => name === own) ?? [];
  if (!Array.isArray(value)) return plain;
  return { contentType: String(value[0]), contentEncoding: value[1] === "gzip" ? "gzip" : undefined };
}
