/**
 * The funnel for text of strangers (branch names, titles, log lines, job output) on its way to a person. HTML is escaped
 * by the page renderer; these are the other sinks.
 */

function shownControl(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this replaces
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Safe to print on a terminal: control and direction-changing characters are shown, not obeyed; tab and newline stay. */
export function forTerminal(text: string): string {
  return text.replace(controls, shownControl).replace(directions, "\ufffd");
}

/** One line for a `remote:` message of git, a table cell or a log field, cut at `limit` characters. */
export function forOneLine(text: string, limit = 200): string {
  const line = forTerminal(text.replaceAll("\n", " ").replaceAll("\t", " "));
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
