import type { PinnedComponent, PinSet } from "./model.ts";

/** One component that two sets have differently; `undefined` where a set has none of it. */
export interface PinSetDifference {
  readonly component: string;
  readonly before: PinnedComponent | undefined;
  readonly after: PinnedComponent | undefined;
  /** Names of the images whose digests differ. */
  readonly images: readonly string[];
}

/** What changed between two sets, by component name; the same bytes from another commit are no difference of images. */
export function comparePinSets(before: PinSet, after: PinSet): readonly PinSetDifference[] {
  const names = [...new Set([...before.components, ...after.components].map((each) => each.component))].sort();
  return names.flatMap((component) => {
    const old = before.components.find((each) => each.component === component);
    const now = after.components.find((each) => each.component === component);
    const all = [...new Set([...(old?.images ?? []), ...(now?.images ?? [])].map((image) => image.name))].sort();
    const images = all.filter((name) => digestOf(old, name) !== digestOf(now, name));
    return images.length === 0 && old?.commit === now?.commit ? [] : [{ component, before: old, after: now, images }];
  });
}

function digestOf(component: PinnedComponent | undefined, name: string): string | undefined {
  return component?.images.find((image) => image.name === name)?.digest;
}
