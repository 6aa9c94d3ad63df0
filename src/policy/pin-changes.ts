import {
  type Bump,
  bumpBetween,
  compareVersions,
  highestBump,
  isFinalTag,
  parseVersionTag,
  type Version,
} from "../family/index.ts";
import type { PlacedPin } from "./model.ts";

/** An image that is pinned otherwise than in the release before, in these deployments. */
export interface PinChange {
  readonly image: string;
  readonly owner: string;
  /** Tags; `undefined`: not pinned there. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** `unknown` where one of the tags is no version. */
  readonly change: Bump | "added" | "removed" | "unknown";
  readonly backwards: boolean;
  readonly deployments: readonly string[];
}

/**
 * Compares pins of other components deployment by deployment, the highest of each image within one; a deployment that is
 * new or gone tells nothing. Sorted by image and tags.
 */
export function pinChanges(
  before: readonly PlacedPin[],
  after: readonly PlacedPin[],
  self: string,
): readonly PinChange[] {
  const [old, now] = [highestPins(before, self), highestPins(after, self)];
  const changes = new Map<string, PinChange>();
  for (const [deployment, pinned] of now) {
    const earlier = old.get(deployment);
    if (!earlier) continue;
    for (const image of new Set([...pinned.keys(), ...earlier.keys()])) {
      const [from, to] = [earlier.get(image), pinned.get(image)];
      if (from?.tag === to?.tag) continue;
      const key = JSON.stringify([image, from?.tag, to?.tag]);
      const same = changes.get(key);
      const deployments = [...(same?.deployments ?? []), deployment].sort();
      const owner = to?.owner ?? from?.owner ?? image;
      changes.set(key, { image, owner, from: from?.tag, to: to?.tag, ...judged(from, to), deployments });
    }
  }
  return [...changes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
}

/** The bump of the deployment that these changes ask for: the highest among them (the rule as designed). */
export function bumpAsked(changes: readonly PinChange[]): Bump {
  return highestBump(
    changes.flatMap((each) => {
      const { change } = each;
      return change === "added" || change === "removed" || change === "unknown" ? [] : [change];
    }),
  );
}

export function describeChange(change: PinChange): string {
  if (change.from === undefined) return `${change.image} ${change.to} is new`;
  if (change.to === undefined) return `${change.image} ${change.from} is gone`;
  const kind = change.change === "unknown" ? "" : ` is a ${change.change}`;
  return `${change.image} ${change.from} → ${change.to}${kind}`;
}

interface Highest {
  readonly tag: string;
  readonly owner: string;
  readonly version: Version | undefined;
}

/** By deployment and image. */
function highestPins(pins: readonly PlacedPin[], self: string): ReadonlyMap<string, ReadonlyMap<string, Highest>> {
  const all = new Map<string, Map<string, Highest>>();
  for (const pin of pins) {
    let images = all.get(pin.deployment);
    if (!images) {
      images = new Map();
      all.set(pin.deployment, images);
    }
    if (pin.owner === undefined || pin.owner === self || pin.tag === undefined) continue;
    const parsed = parseVersionTag(pin.tag);
    const here: Highest = { tag: pin.tag, owner: pin.owner, version: parsed.ok ? parsed.value : undefined };
    const other = images.get(pin.name);
    const higher = !other?.version || (here.version && compareVersions(here.version, other.version) > 0);
    if (higher) images.set(pin.name, here);
  }
  return all;
}

function judged(from: Highest | undefined, to: Highest | undefined): Pick<PinChange, "change" | "backwards"> {
  if (!from) return { change: "added", backwards: false };
  if (!to) return { change: "removed", backwards: false };
  if (!from.version || !to.version) return { change: "unknown", backwards: isFinalTag(from.tag) && !to.version };
  return { change: bumpBetween(from.version, to.version), backwards: compareVersions(to.version, from.version) < 0 };
}
