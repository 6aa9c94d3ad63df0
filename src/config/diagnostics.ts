import { type Fault, fault } from "../core/index.ts";

/** One thing wrong, or worth knowing, in a file of the user's. Lines and columns count from 1. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "note";
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

export function faultOf(diagnostic: Diagnostic): Fault {
  const { file, line, column, message, hint } = diagnostic;
  return fault("bad-input", message, { place: { file, line, column }, hint, facts: { code: diagnostic.code } });
}

/** The nearest of `known` if it is near enough to have been meant: `did you mean …?`. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = editDistance(word.toLowerCase().slice(0, 64), name.toLowerCase());
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && (!best || distance < best.distance))
      best = { name, distance };
  }
  return best && `did you mean ${best.name}?`;
}

/** Letters changed, missing, added, or two neighbours in the wrong order. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
