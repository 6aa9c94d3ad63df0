import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { boundedTo, startsLikeGzip } from "./copy.ts";
import { createJunitReader } from "./junit.ts";
import type { Artifact, TestSummary } from "./model.ts";

const mostFiles = 100;
const largest = 16 * 1024 ** 2;

/** Reads what TestGrid would: `…junit*.xml` and `test.xml` among the artifacts, unpacked where they were stored compressed. */
export async function readJunitFiles(runFolder: string, artifacts: readonly Artifact[]): Promise<TestSummary> {
  const reader = createJunitReader();
  const problems: string[] = [];
  const files = artifacts.filter(({ path }) => /junit[^/]*\.xml$|(^|\/)test\.xml$/.test(path));
  for (const { path, size } of files.slice(0, mostFiles)) {
    if (size > largest) problems.push(`${path}: larger than ${largest / 1024 ** 2} MiB, not read`);
    else {
      const why = await readOne(join(runFolder, path), (pieces) => reader.read(path, pieces));
      if (why !== undefined) problems.push(`${path}: ${why}`);
    }
  }
  if (files.length > mostFiles) problems.push(`${files.length - mostFiles} more JUnit files were not read`);
  const summary = reader.summary();
  return { ...summary, problems: [...summary.problems, ...problems] };
}

async function readOne(
  path: string,
  read: (pieces: AsyncIterable<string>) => Promise<void>,
): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const compressed = await startsLikeGzip(file);
    const bytes = file.createReadStream({ start: 0, autoClose: false });
    // The end of the chain carries every error of it.
    const plain = compressed ? bytes.pipe(createGunzip()).on("error", (error) => bounded.destroy(error)) : bytes;
    const bounded = boundedTo(largest);
    plain.pipe(bounded).setEncoding("utf8");
    await read(bounded);
    bytes.destroy();
    plain.destroy();
    return undefined;
  } catch (error) {
    return `not read (${error instanceof Error ? error.message : String(error)})`;
  } finally {
    await file.close();
  }
}
