import { err, fault, ok, type Result } from "../../core/index.ts";

export type Lookup = (name: string) => string | undefined;

const deepest = 16;
/** Variables made of variables double with every line; nothing sensible comes near this. */
const longest = 64 * 1024;

class Malformed extends Error {}

/**
 * Takes quotes and escapes off one word and puts the values of variables in, whose own spaces and quotes then mean
 * nothing. Docker: `$v`, `${v}`, `${v:-d}`, `${v-d}`, `${v:+a}`, `${v+a}`, `${v:?m}`, `${v?m}`; single quotes and `\$`
 * keep a dollar as it is; what is unset is empty.
 */
export function substitute(text: string, lookup: Lookup, escapeMark = "\\"): Result<string> {
  try {
    const { value } = read(text, 0, undefined, { lookup, escapeMark }, 0);
    return ok(value);
  } catch (error) {
    if (error instanceof Malformed) return err(fault("bad-input", error.message));
    throw error;
  }
}

interface Reading {
  readonly lookup: Lookup;
  readonly escapeMark: string;
}

interface Piece {
  readonly value: string;
  /** The first character not read. */
  readonly end: number;
}

function read(text: string, from: number, stop: string | undefined, how: Reading, depth: number): Piece {
  if (depth > deepest) throw new Malformed(`variables are nested deeper than ${deepest}`);
  let value = "";
  let index = from;
  while (index < text.length) {
    const character = text[index] ?? "";
    if (character === stop) return { value, end: index + 1 };
    const piece =
      character === "'"
        ? singleQuoted(text, index)
        : character === '"'
          ? doubleQuoted(text, index, how, depth)
          : character === "$"
            ? variable(text, index, how, depth)
            : character === how.escapeMark
              ? { value: text[index + 1] ?? "", end: index + 2 }
              : { value: character, end: index + 1 };
    value += piece.value;
    index = piece.end;
    if (value.length > longest) throw new Malformed(`a word becomes longer than ${longest / 1024} KiB`);
  }
  if (stop !== undefined) throw new Malformed(`\${ is not closed: ${text.slice(Math.max(from - 20, 0), from + 20)}`);
  return { value, end: index };
}

function singleQuoted(text: string, from: number): Piece {
  const end = text.indexOf("'", from + 1);
  if (end < 0) throw new Malformed("a single quote is not closed");
  return { value: text.slice(from + 1, end), end: end + 1 };
}

function doubleQuoted(text: string, from: number, how: Reading, depth: number): Piece {
  let value = "";
  for (let index = from + 1; index < text.length; ) {
    const character = text[index] ?? "";
    if (character === '"') return { value, end: index + 1 };
    if (character === "$") {
      const piece = variable(text, index, how, depth);
      value += piece.value;
      index = piece.end;
      continue;
    }
    const next = text[index + 1] ?? "";
    const escaped = character === how.escapeMark && (next === '"' || next === "$" || next === how.escapeMark);
    value += escaped ? next : character;
    index += escaped ? 2 : 1;
    if (value.length > longest) throw new Malformed(`a word becomes longer than ${longest / 1024} KiB`);
  }
  throw new Malformed("a double quote is not closed");
}

const special = /^(?:[A-Za-z_][A-Za-z0-9_]*|\d+|[@*#?$!-])/;

function variable(text: string, from: number, how: Reading, depth: number): Piece {
  if (text[from + 1] !== "{") {
    const name = special.exec(text.slice(from + 1, from + 301))?.[0];
    if (name === undefined) return { value: "$", end: from + 1 };
    return { value: how.lookup(name) ?? "", end: from + 1 + name.length };
  }
  const name = special.exec(text.slice(from + 2, from + 302))?.[0];
  if (name === undefined) throw new Malformed(`${text.slice(from, from + 20)} names no variable`);
  const after = from + 2 + name.length;
  if (text[after] === "}") return { value: how.lookup(name) ?? "", end: after + 1 };
  if (after >= text.length) throw new Malformed(`\${ is not closed: ${text.slice(from, from + 40)}`);
  const operator = /^:?[-+?]/.exec(text.slice(after, after + 2))?.[0];
  if (operator === undefined) throw new Malformed(`${text.slice(from, from + 40)} is a form that is not carried out`);
  const word = read(text, after + operator.length, "}", how, depth + 1);
  const known = how.lookup(name);
  const isSet = known !== undefined && !(operator.startsWith(":") && known === "");
  if (operator.endsWith("?") && !isSet)
    throw new Malformed(`${name} is not set${word.value === "" ? "" : `: ${word.value}`}`);
  if (operator.endsWith("+")) return { value: isSet ? word.value : "", end: word.end };
  return { value: isSet ? known : operator.endsWith("?") ? "" : word.value, end: word.end };
}
