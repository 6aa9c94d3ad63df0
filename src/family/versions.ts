import { parse, rcompare } from "semver";
import { err, fault, ok, type Result } from "../core/index.ts";

/** A release version, from a tag `vX.Y.Z` or `vX.Y.Z-pre`. */
export interface Version {
  /** The tag's text. */
  readonly tag: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** `rc1`, or `undefined` for a final version. */
  readonly prerelease: string | undefined;
}

const shape = /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/**
 * KEP: semantic versioning with a `v` prefix; a suffix like `-rc1` denotes a pre-release. Build metadata is refused, since
 * a registry tag cannot hold `+`. The hint says what was probably meant.
 */
export function parseVersionTag(tag: string): Result<Version> {
  const match = tag.length <= 128 ? shape.exec(tag) : null;
  if (!match || parse(tag) === null) {
    const meant = likelyVersion(tag);
    return err(
      fault("bad-input", `${JSON.stringify(tag)} is no version: tags are vX.Y.Z or vX.Y.Z-rcN`, {
        hint: meant === undefined ? "write it like v1.2.0 or v1.2.0-rc1" : `did you mean ${meant}?`,
      }),
    );
  }
  return ok({
    tag,
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3]),
    prerelease: match[4],
  });
}

/** What a tag that is no version was probably meant to be. */
export function likelyVersion(tag: string): string | undefined {
  const loose = /^[vV]?\.?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:[-.]?(alpha|beta|rc)\.?-?(\d{1,9})?)?$/.exec(tag);
  if (!loose) return undefined;
  const [, major, minor = "0", patch = "0", stage, count] = loose;
  const suffix = stage === undefined ? "" : `-${stage}${count ?? "1"}`;
  return `v${Number(major)}.${Number(minor)}.${Number(patch)}${suffix}`;
}

/** Semver precedence; negative when `a` comes before `b`. */
export function compareVersions(a: Version, b: Version): number {
  return rcompare(b.tag, a.tag);
}

/** `1.2`: the line of releases that one maintenance branch carries. */
export function lineOf(version: Version): string {
  return `${version.major}.${version.minor}`;
}

/** KEP: maintenance releases come from `release-X.Y`. */
export function maintenanceBranchOf(version: Version): string {
  return `release-${lineOf(version)}`;
}

/** `1.2` for `release-1.2`; `undefined` for any other branch. */
export function lineOfBranch(branch: string): string | undefined {
  return /^release-((?:0|[1-9]\d*)\.(?:0|[1-9]\d*))$/.exec(branch)?.[1];
}

/** `canary` for the default branch, `X.Y-canary` for `release-X.Y`; other branches have none. */
export function canaryTagOf(branch: string, defaultBranch: string): string | undefined {
  if (branch === defaultBranch) return "canary";
  const line = lineOfBranch(branch);
  return line === undefined ? undefined : `${line}-canary`;
}

/** Protected branches move by merging only. */
export function isProtectedBranch(branch: string, defaultBranch: string): boolean {
  return branch === defaultBranch || branch.startsWith("release-");
}

/** Whether a registry tag looks like a version and is therefore written once, whoever pushes. */
export function looksLikeVersion(tag: string): boolean {
  return /^v?\d+\.\d+(\.\d+)?([-+.].*)?$/.test(tag) && !tag.endsWith("-canary");
}

/** Newest version first; tags that are none are left out. */
export function sortedVersions(tags: readonly string[]): readonly Version[] {
  return tags
    .flatMap((tag) => {
      const version = parseVersionTag(tag);
      return version.ok ? [version.value] : [];
    })
    .sort((a, b) => compareVersions(b, a));
}

/** `{folder: "client", version}` for `client/v1.2.3`: Go's tag of a module in a folder, no release of the repository. */
export function submoduleTag(tag: string): { readonly folder: string; readonly version: string } | undefined {
  const slash = tag.lastIndexOf("/");
  const version = tag.slice(slash + 1);
  return slash > 0 && parseVersionTag(version).ok ? { folder: tag.slice(0, slash), version } : undefined;
}
