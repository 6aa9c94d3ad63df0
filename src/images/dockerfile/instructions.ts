import { err, fault, ok, type Result } from "../../core/index.ts";

/** One instruction of a Dockerfile with where it begins; lines count from 1. */
export interface Instruction {
  /** Upper case. */
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, continuations joined, not yet substituted. */
  readonly rest: string;
  readonly line: number;
}

const largest = 256 * 1024;
const mostInstructions = 2000;

/** Instructions that need something to be run while building, or that nothing here acts on. */
const unsupported: Readonly<Record<string, string>> = {
  RUN: "build what it makes in the `build` script and COPY it",
  ADD: "use COPY; what ADD would download or unpack belongs into the `build` script",
  ONBUILD: "write the instruction itself",
  HEALTHCHECK: "leave it out; orchestrators have probes of their own",
  SHELL: "use the JSON form of ENTRYPOINT and CMD",
};
const supported = [
  "FROM",
  "ARG",
  "LABEL",
  "MAINTAINER",
  "ENV",
  "COPY",
  "ENTRYPOINT",
  "CMD",
  "USER",
  "WORKDIR",
  "EXPOSE",
  "VOLUME",
  "STOPSIGNAL",
];

/** Splits a Dockerfile into instructions: comments, continuations, the escape directive, flags. Never runs anything. */
export function parseDockerfile(file: string, text: string): Result<readonly Instruction[]> {
  const at = (line: number, message: string, hint?: string, column = 1) =>
    err(fault("bad-input", message, { place: { file, line, column }, hint }));
  if (text.length > largest) return at(1, `a Dockerfile has at most ${largest / 1024} KiB`);
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const escapeCharacter = escapeDirective(lines);
  const instructions: Instruction[] = [];
  for (let index = 0; index < lines.length; ) {
    const start = index;
    let logical = "";
    let more = true;
    while (more && index < lines.length) {
      const line = lines[index++] ?? "";
      if (/^\s*#/.test(line) || (logical !== "" && line.trim() === "")) continue;
      const continued = line.trimEnd().endsWith(escapeCharacter);
      logical += continued ? line.trimEnd().slice(0, -1) : line;
      more = continued;
    }
    if (logical.trim() === "") continue;
    if (instructions.length >= mostInstructions) return at(start + 1, `more than ${mostInstructions} instructions`);
    const number = firstTextLine(lines, start) + 1;
    const [, word = "", after = ""] = /^\s*(\S+)\s*([\s\S]*)$/.exec(logical) ?? [];
    const name = word.toUpperCase();
    const instead = unsupported[name];
    if (instead !== undefined) return at(number, `${name} is not carried out by the built-in assembler`, instead);
    if (!supported.includes(name)) return at(number, `${word.slice(0, 40)} is no Dockerfile instruction`);
    if (/<<-?\s*["']?[A-Za-z_]/.test(after) && name === "COPY")
      return at(number, "here-documents are not carried out by the built-in assembler", "put the text into a file");
    const { flags, rest } = splitFlags(after);
    instructions.push({ name, flags, rest: rest.trim(), line: number });
  }
  if (!instructions.some((instruction) => instruction.name === "FROM")) return at(1, "there is no FROM");
  return ok(instructions);
}

function escapeDirective(lines: readonly string[]): string {
  for (const line of lines) {
    const directive = /^\s*#\s*([a-z]+)\s*=\s*(\S+)\s*$/i.exec(line);
    if (!directive) return "\\";
    if (directive[1]?.toLowerCase() === "escape" && directive[2] === "`") return "`";
  }
  return "\\";
}

function firstTextLine(lines: readonly string[], from: number): number {
  let index = from;
  while (index < lines.length && (/^\s*#/.test(lines[index] ?? "") || (lines[index] ?? "").trim() === "")) index++;
  return index;
}

function splitFlags(text: string): { readonly flags: Record<string, string>; readonly rest: string } {
  const flags: Record<string, string> = {};
  let rest = text;
  for (;;) {
    const match = /^\s*--([a-z-]+)(?:=(\S*))?\s*/.exec(rest);
    if (!match) return { flags, rest };
    flags[match[1] ?? ""] = match[2] ?? "";
    rest = rest.slice(match[0].length);
  }
}

/** The JSON form `["a", "b"]`, or `undefined` when it is the shell form. */
export function jsonForm(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((each): each is string => typeof each === "string")) return value;
  } catch {
    // Docker takes what is no JSON for the shell form.
  }
  return undefined;
}

/** Words, with quotes taken off and `key="a b"` kept together. */
export function words(text: string): readonly string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === "\\" && quote !== "'" && index + 1 < text.length) {
      word = (word ?? "") + (text[++index] ?? "");
    } else if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = (word ?? "") + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (word !== undefined) found.push(word);
  return found;
}
