import { maintenanceBranchOf, parseVersionTag } from "../family/index.ts";

/** KEP: before a major update a branch accepts only changes for that release. Times are milliseconds UTC. */
export interface Freeze {
  readonly id: string;
  /** Branch it was declared on, without `refs/heads/`. */
  readonly branch: string;
  /** The release that is prepared: `v2.0.0`. */
  readonly version: string;
  readonly from: number;
  /** It ends by itself then; `undefined`: by publication or thaw only. */
  readonly until: number | undefined;
  /** It was thawed then. */
  readonly endedAt: number | undefined;
  readonly by: string;
}

/**
 * The freeze in force on a branch at `now`, the newest one where several are; `undefined` for none. A freeze ends by its
 * date, by a thaw and by the publication of its version. It covers the maintenance branch of its version too, so that one
 * cut meanwhile is not a way around it.
 */
export function freezeOn(
  branch: string,
  freezes: readonly Freeze[],
  published: ReadonlySet<string>,
  now: number,
): Freeze | undefined {
  return freezes
    .filter((freeze) => covers(freeze, branch) && inForce(freeze, published, now))
    .sort((a, b) => b.from - a.from)[0];
}

export function inForce(freeze: Freeze, published: ReadonlySet<string>, now: number): boolean {
  if (freeze.endedAt !== undefined || freeze.from > now) return false;
  if (freeze.until !== undefined && freeze.until <= now) return false;
  return !published.has(freeze.version);
}

function covers(freeze: Freeze, branch: string): boolean {
  if (freeze.branch === branch) return true;
  const version = parseVersionTag(freeze.version);
  return version.ok && maintenanceBranchOf(version.value) === branch;
}
