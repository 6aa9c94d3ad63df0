import type { ReleaseState } from "../family/index.ts";

/** Which states may follow which; everything else is a bug or a race that lost. */
const following: Readonly<Record<ReleaseState, readonly ReleaseState[]>> = {
  requested: ["quarantined", "building", "failed", "closed"],
  quarantined: ["building", "closed"],
  building: ["verifying", "failed", "closed"],
  verifying: ["publishing", "published", "failed", "closed"],
  publishing: ["published", "failed"],
  published: ["withdrawn"],
  // A failed build may be tried again: nothing was published under its tag.
  failed: ["building", "closed"],
  closed: [],
  withdrawn: [],
};

export function mayFollow(from: ReleaseState, to: ReleaseState): boolean {
  return following[from].includes(to);
}

/** States in which bytes are, or may be, public under the tag: it neither moves nor goes. */
export const publicStates: readonly ReleaseState[] = ["publishing", "published", "withdrawn"];
