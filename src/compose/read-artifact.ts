import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { ResultKey, ResultStore } from "../results/index.ts";

/** A file that a run left among its artifacts; `undefined` where there is none, or it is larger than the limit. */
export async function readArtifact(
  results: Pick<ResultStore, "pathOf" | "open">,
  key: ResultKey,
  name: string,
  limit: number,
): Promise<Uint8Array | undefined> {
  const stored = await results.open(`${results.pathOf(key)}/artifacts/${name}`);
  if (!stored || stored.size > limit) return undefined;
  const bytes = await readFile(stored.file);
  return stored.contentEncoding === "gzip" ? gunzipSync(bytes, { maxOutputLength: limit }) : bytes;
}
