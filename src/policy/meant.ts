import { bumpedTag, compareVersions, lineOf, sortedVersions, type Version } from "../family/index.ts";

/**
 * What the person probably wanted to tag instead: the next patch of a line that is further already, else a number that
 * could come next and differs in one place only, else the next minor of the newest line. `undefined` where nothing was released yet.
 */
export function likelyMeant(version: Version, tags: readonly string[]): string | undefined {
  const finals = sortedVersions(tags).filter((other) => other.prerelease === undefined);
  const newest = finals[0];
  if (!newest) return undefined;
  const heads = finals.filter((final, place) => finals.findIndex((other) => lineOf(other) === lineOf(final)) === place);
  const next = [
    bumpedTag(newest, "minor"),
    ...heads.map((head) => bumpedTag(head, "patch")),
    bumpedTag(newest, "major"),
  ];
  const line = heads.find((each) => lineOf(each) === lineOf(version));
  const suffix = version.prerelease === undefined ? "" : `-${version.prerelease}`;
  if (line && compareVersions(line, version) > 0) return `${bumpedTag(line, "patch")}${suffix}`;
  const wanted = [version.major, version.minor, version.patch];
  const near = next.find((tag) => {
    const numbers = tag.slice(1).split(".").map(Number);
    return numbers.filter((number, place) => number !== wanted[place]).length === 1 && tag !== version.tag;
  });
  return `${near ?? next[0]}${suffix}`;
}

/** `the last release is v2.11.0; did you mean v2.12.0?` */
export function askMeant(version: Version, tags: readonly string[]): string {
  const newest = sortedVersions(tags).find((other) => other.prerelease === undefined);
  const meant = likelyMeant(version, tags);
  return newest && meant ? `the last release is ${newest.tag}; did you mean ${meant}?` : "start with v0.1.0 or v1.0.0";
}
