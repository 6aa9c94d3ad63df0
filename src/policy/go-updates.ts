import { gt, major, prerelease, valid } from "semver";

/** The version of a module to move to; `undefined` where the one that is used is the newest of its path. */
export function newerModule(used: string, known: readonly string[]): string | undefined {
  const now = valid(used);
  if (now === null) return undefined;
  let newest: string | undefined;
  for (const version of known) {
    if (valid(version) === null || prerelease(version) !== null || !sameLine(used, version)) continue;
    if (gt(version, newest ?? now)) newest = version;
  }
  return newest;
}

/** A module path has one major (v0 and v1 share one); `+incompatible` ones may not jump either. */
function sameLine(used: string, other: string): boolean {
  const [a, b] = [major(used), major(other)];
  return a === b || (a < 2 && b < 2);
}

/** The newest patch of the same line of Go; `undefined` where that one is used. */
export function newerGo(used: string, known: readonly string[]): string | undefined {
  const [line, patch] = partsOf(used);
  const patches = known.flatMap((version) => {
    const [other, number] = partsOf(version);
    return other === line && number !== undefined ? [number] : [];
  });
  const newest = Math.max(...patches, 0);
  return line !== undefined && patch !== undefined && newest > patch ? `${line}.${newest}` : undefined;
}

function partsOf(version: string): readonly [line: string | undefined, patch: number | undefined] {
  const match = /^(\d{1,4}\.\d{1,4})\.(\d{1,4})$/.exec(version);
  return [match?.[1], match?.[2] === undefined ? undefined : Number(match[2])];
}
