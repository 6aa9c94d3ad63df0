/** One ref that is not where it was last seen. */
export interface RefDifference {
  readonly ref: string;
  /** All zeros: it was not there. */
  readonly before: string;
  readonly after: string;
}

const absent = "0".repeat(40);

/**
 * Compares states, not events: what the repository holds with what was last decided. Branches come before tags, so that
 * a branch pushed together with its tag is known when the tag is judged.
 */
export function reconcileRefs(
  known: readonly { readonly name: string; readonly object: string }[],
  seen: readonly { readonly name: string; readonly object: string }[],
): readonly RefDifference[] {
  const before = new Map(known.map((ref) => [ref.name, ref.object]));
  const after = new Map(seen.map((ref) => [ref.name, ref.object]));
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names
    .map((ref) => ({ ref, before: before.get(ref) ?? absent, after: after.get(ref) ?? absent }))
    .filter((difference) => difference.before !== difference.after);
}
