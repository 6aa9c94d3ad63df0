import { parseVersionTag, type Version } from "./versions.ts";

/** An image named in a manifest of a deployment. Lines and columns count from 1. */
export interface Pin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The reference as it is written. */
  readonly text: string;
  /** Registry and path without tag and digest: `registry.example/storage/attacher`. */
  readonly repository: string;
  /** Last segment of the path: `attacher`. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** Characters of the reference within the file, quotes left out. */
  readonly start: number;
  readonly end: number;
}

/** How much of a version changed; `none` for the same numbers. Rising order. */
export type Bump = (typeof bumps)[number];

const bumps = ["none", "patch", "minor", "major"] as const;

/** The most significant number that differs, whatever the direction; pre-release suffixes are left out. */
export function bumpBetween(from: Version, to: Version): Bump {
  if (from.major !== to.major) return "major";
  if (from.minor !== to.minor) return "minor";
  return from.patch === to.patch ? "none" : "patch";
}

export function bumpAtLeast(bump: Bump, least: Bump): boolean {
  return bumps.indexOf(bump) >= bumps.indexOf(least);
}

export function highestBump(all: readonly Bump[]): Bump {
  return bumps.findLast((bump) => all.includes(bump)) ?? "none";
}

/** The final version that comes next; for `none` a patch, since the image is rebuilt with its version in it. */
export function bumpedTag(last: Version, bump: Bump): string {
  if (bump === "major") return `v${last.major + 1}.0.0`;
  if (bump === "minor") return `v${last.major}.${last.minor + 1}.0`;
  return `v${last.major}.${last.minor}.${last.patch + 1}`;
}

/** Does this tag mean a production release? Everything else is a candidate, a canary, or no version at all. */
export function isFinalTag(tag: string): boolean {
  const version = parseVersionTag(tag);
  return version.ok && version.value.prerelease === undefined;
}
