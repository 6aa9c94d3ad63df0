/** A document as Go's YAML library reads it: YAML 1.1 scalars, the last of equal keys wins. */
export type Yaml = null | boolean | number | string | Yaml[] | YamlMap;
export interface YamlMap {
  [key: string]: Yaml;
}

/** What cannot be read, with its place; never leaves this folder. */
export class Unreadable extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

export function keyText(value: Yaml, offset: number): string {
  if (value !== null && typeof value === "object") throw new Unreadable("a key must be a scalar", offset);
  return value === null ? "null" : scalarText(value);
}

const words = new Map<string, null | boolean>([
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
]);

/** Plain scalars by the rules of YAML 1.1 as Go's library has them; a whole number too large to be exact stays text. */
export function resolvePlain(raw: string): Yaml {
  if (raw.length <= 5) {
    const word = words.get(raw);
    if (word !== undefined) return word;
  }
  const first = raw.charCodeAt(0);
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
  return numeric ? (numberOf(raw) ?? raw) : raw;
}

function numberOf(raw: string): number | undefined {
  const plain = raw.replaceAll("_", "");
  if (/^[-+]?\.(inf|Inf|INF)$/.test(plain)) return plain.startsWith("-") ? -Infinity : Infinity;
  if (/^\.(nan|NaN|NAN)$/.test(plain)) return Number.NaN;
  const sign = plain.startsWith("-") ? -1 : 1;
  const digits = plain.replace(/^[-+]/, "");
  const whole = /^0x[0-9a-fA-F]+$|^0b[01]+$|^0o[0-7]+$|^(0|[1-9]\d*)$/.test(digits)
    ? Number(digits)
    : /^0[0-7]+$/.test(digits)
      ? Number.parseInt(digits, 8)
      : undefined;
  if (whole !== undefined) return Number.isSafeInteger(whole) ? sign * whole : undefined;
  return /^(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(digits) ? sign * Number(digits) : undefined;
}

/** Prow 0: where Go wants a string, other scalars are written out again: `true`, `30`, `1.5`. */
export function scalarText(value: boolean | number | string): string {
  return String(value);
}
