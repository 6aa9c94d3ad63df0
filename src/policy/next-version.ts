import { type Bump, bumpAtLeast, bumpedTag, parseVersionTag } from "../family/index.ts";
import type { PlacedPin } from "./model.ts";
import { bumpAsked, describeChange, pinChanges } from "./pin-changes.ts";

/** A version, and why this one. */
export interface Proposal {
  readonly version: string;
  readonly reason: string;
}

/**
 * The next version of a deployment (KEP: major if any pinned component had a major change; its image is rebuilt with the
 * version in it whatever changed). `own` is what its own commits ask for at least.
 */
export function proposeVersion(
  last: string,
  before: readonly PlacedPin[],
  after: readonly PlacedPin[],
  self: string,
  own: Bump,
): Proposal | undefined {
  const version = parseVersionTag(last);
  if (!version.ok) return undefined;
  const changes = pinChanges(before, after, self);
  const asked = bumpAsked(changes);
  const cause = changes.find((change) => change.change === asked);
  if (cause && bumpAtLeast(asked, own))
    return { version: bumpedTag(version.value, asked), reason: describeChange(cause) };
  const pins = changes.length === 0 ? "no pinned component changed" : "the pins ask for less";
  return { version: bumpedTag(version.value, own), reason: `its own commits; ${pins}` };
}
