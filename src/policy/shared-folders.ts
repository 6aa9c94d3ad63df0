/** What is known of a folder that is a copy of an internal component, on one branch. */
export interface SharedFolderFacts {
  readonly folder: string;
  /** The internal component that is copied. */
  readonly from: string;
  /** Tree of the folder; `undefined`: there is none. */
  readonly tree: string | undefined;
  /** Pulls recorded for it, newest first; `tree` is that of the commit that was pulled, where it is known. */
  readonly pulls: readonly { readonly split: string; readonly tree: string | undefined }[];
  /** Head of the internal component's default branch, with its tree. */
  readonly newest: { readonly commit: string; readonly tree: string };
}

export interface SharedFolderStanding {
  readonly folder: string;
  readonly from: string;
  /** Commit of the internal component that is copied; `undefined` when none is recorded. */
  readonly commit: string | undefined;
  /** Is the folder what that commit holds, byte by byte? `undefined`: cannot be told. */
  readonly pristine: boolean | undefined;
  readonly current: boolean;
  /** One sentence. */
  readonly reason: string;
}

/**
 * Where a shared folder stands. Trees are compared, not histories: a copy is pristine if a recorded pull has exactly its
 * tree, whichever of several pulls was merged last.
 */
export function judgeSharedFolder(facts: SharedFolderFacts): SharedFolderStanding {
  const { folder, from, tree, pulls, newest } = facts;
  if (tree === undefined)
    return standing(facts, undefined, undefined, false, `${folder} is not there: ${from} was never copied to it`);
  if (tree === newest.tree) return standing(facts, newest.commit, true, true, `${folder} is the newest ${from}`);
  const same = pulls.find((pull) => pull.tree === tree);
  if (same) return standing(facts, same.split, true, false, `${folder} is ${from} at ${same.split.slice(0, 7)}`);
  const last = pulls[0];
  if (!last)
    return standing(
      facts,
      undefined,
      undefined,
      false,
      `no pull of ${folder} is recorded: it was not copied by git subtree`,
    );
  if (last.tree === undefined)
    return standing(
      facts,
      last.split,
      undefined,
      false,
      `${from} has no commit ${last.split.slice(0, 7)}, which ${folder} says it is`,
    );
  const changed = `${folder} was changed by hand: it is not ${from} at ${last.split.slice(0, 7)}`;
  return standing(facts, last.split, false, false, changed);
}

function standing(
  { folder, from }: SharedFolderFacts,
  commit: string | undefined,
  pristine: boolean | undefined,
  current: boolean,
  reason: string,
): SharedFolderStanding {
  return { folder, from, commit, pristine, current, reason };
}
