/** One step of a branch, as the repository tells it. */
export interface Landed {
  readonly commit: string;
  readonly subject: string;
  /** Milliseconds UTC. */
  readonly committedAt: number;
  readonly patch: string | undefined;
  readonly pickedFrom: readonly string[];
}

export interface MissingFix {
  readonly commit: string;
  readonly subject: string;
  readonly committedAt: number;
  /** Does its title say that it mends something? */
  readonly fix: boolean;
}

/**
 * What landed on the default branch since a maintenance branch left it and is not on that branch: neither as the same
 * patch, nor named by a pick, nor as a merged backport. Newest first.
 */
export function missingOn(
  main: readonly Landed[],
  branch: readonly Landed[],
  backported: ReadonlySet<string>,
): readonly MissingFix[] {
  const patches = new Set(branch.flatMap((each) => (each.patch === undefined ? [] : [each.patch])));
  const picked = new Set(branch.flatMap((each) => each.pickedFrom));
  return main
    .filter((each) => each.patch !== undefined && !patches.has(each.patch))
    .filter((each) => !picked.has(each.commit) && !backported.has(each.commit))
    .map(({ commit, subject, committedAt }) => ({ commit, subject, committedAt, fix: mends(subject) }));
}

const mending = /\b(fix(e[sd])?|bug|cve-\d+|regression|panics?|crash(es)?|leaks?|race|deadlock|revert)\b/i;

function mends(subject: string): boolean {
  return mending.test(subject);
}
