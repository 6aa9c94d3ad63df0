import type { Place } from "../../core/index.ts";

/** A line of a Dockerfile with its continuations joined and the comments between them left out. */
export interface LogicalLine {
  readonly text: string;
  /** Where each piece of `text` stands in the file, in order. */
  readonly pieces: readonly { readonly at: number; readonly line: number; readonly column: number }[];
}

/** The place in the file of a character of the joined text. */
export function placeIn(file: string, logical: LogicalLine, offset: number): Place {
  const piece = logical.pieces.findLast((each) => each.at <= offset) ?? { at: 0, line: 1, column: 1 };
  return { file, line: piece.line, column: piece.column + Math.max(offset - piece.at, 0) };
}

/** Joins from `index` on. `undefined` for a blank line or a comment; `next` is the first line not taken. */
export function readLogicalLine(
  lines: readonly string[],
  index: number,
  escapeMark: string,
): { readonly logical: LogicalLine | undefined; readonly next: number } {
  const parts: string[] = [];
  const pieces: { at: number; line: number; column: number }[] = [];
  let length = 0;
  let next = index;
  for (let more = true; more && next < lines.length; ) {
    const line = lines[next++] ?? "";
    const skipped = /^\s*#/.test(line) || line.trim() === "";
    if (skipped && pieces.length > 0) continue;
    if (skipped) return { logical: undefined, next };
    const trimmed = line.trimEnd();
    more = trimmed.endsWith(escapeMark);
    const piece = more ? trimmed.slice(0, -1) : line;
    pieces.push({ at: length, line: next, column: 1 });
    parts.push(piece);
    length += piece.length;
  }
  const text = parts.join("");
  return { logical: text.trim() === "" ? undefined : { text, pieces }, next };
}

/** Docker: `# escape=` at the very top, before anything that is no directive. */
export function escapeDirective(lines: readonly string[]): string | undefined {
  for (const line of lines) {
    const directive = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
    if (!directive) return "\\";
    if (directive[1]?.toLowerCase() !== "escape") continue;
    return directive[2] === "\\" || directive[2] === "`" ? directive[2] : undefined;
  }
  return "\\";
}
