import type { ResultKey } from "./model.ts";

/**
 * Prow: pod utilities' storage layout, path strategy `explicit`. Paths are relative to the results root, `/`-separated.
 */
export function runFolderOf(key: ResultKey): string {
  const job = segment(key.job);
  const build = segment(key.buildId);
  if (key.type === "batch") return `pr-logs/pull/batch/${job}/${build}`;
  if (key.pull === undefined) return `logs/${job}/${build}`;
  return `pr-logs/pull/${repositorySegment(key)}/${key.pull}/${job}/${build}`;
}

/** Files that hold the newest build id, and for presubmits the alias that leads to the run's folder. */
export function pointersOf(key: ResultKey): {
  readonly latest: readonly string[];
  readonly alias: string | undefined;
} {
  const job = segment(key.job);
  if (key.type === "batch") return { latest: [`pr-logs/directory/${job}/latest-build.txt`], alias: undefined };
  if (key.pull === undefined) return { latest: [`logs/${job}/latest-build.txt`], alias: undefined };
  return {
    latest: [
      `pr-logs/directory/${job}/latest-build.txt`,
      `pr-logs/pull/${repositorySegment(key)}/${key.pull}/${job}/latest-build.txt`,
    ],
    alias: `pr-logs/directory/${job}/${segment(key.buildId)}.txt`,
  };
}

function repositorySegment(key: ResultKey): string {
  return segment(`${key.org}_${key.repo}`.replaceAll("/", "_"));
}

/** One name of a path; anything else is a bug of the caller, since names are checked where they are read. */
function segment(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    throw new Error(`not a path segment: ${JSON.stringify(name)}`);
  return name;
}
