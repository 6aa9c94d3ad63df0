import { err, type Fault, fault, ok, type Place, type Result } from "../../core/index.ts";
import { escapeDirective, type LogicalLine, placeIn, readLogicalLine } from "./lines.ts";

export interface Flag {
  readonly name: string;
  readonly value: string;
  /** In the joined line. */
  readonly at: number;
}

/** One instruction of a Dockerfile, with what is needed to say where each of its words stands. */
export interface Instruction {
  /** Upper case. */
  readonly name: string;
  readonly flags: readonly Flag[];
  /** What follows the flags, continuations joined, not yet substituted. */
  readonly rest: string;
  readonly restAt: number;
  readonly logical: LogicalLine;
  readonly file: string;
  readonly escapeMark: string;
  /** Where a here-document begins, in the joined line. */
  readonly heredocAt: number | undefined;
}

const largest = 256 * 1024;
const mostInstructions = 2000;
const mostStages = 100;

/** Flags of the instructions that are carried out. */
const flagsOf: Readonly<Record<string, readonly string[]>> = {
  FROM: ["platform"],
  COPY: ["from", "chown", "chmod", "link"],
  ARG: [],
  LABEL: [],
  MAINTAINER: [],
  ENV: [],
  ENTRYPOINT: [],
  CMD: [],
  USER: [],
  WORKDIR: [],
  EXPOSE: [],
  VOLUME: [],
  STOPSIGNAL: [],
  ADD: ["chown", "chmod", "link"],
  HEALTHCHECK: ["interval", "timeout", "start-period", "start-interval", "retries"],
  SHELL: [],
  ONBUILD: [],
};

/** Instructions that need something to be run while building. */
const unsupported: Readonly<Record<string, string>> = {
  RUN: "build what it makes in the `build` script and COPY it, or install buildah or podman, which builds it here",
};

/** Where a character of `rest` stands; without one, where the instruction begins. */
export function placeOf(instruction: Instruction, offsetInRest?: number): Place {
  const { file, logical } = instruction;
  const begins = logical.text.length - logical.text.trimStart().length;
  return placeIn(file, logical, offsetInRest === undefined ? begins : instruction.restAt + offsetInRest);
}

/**
 * Splits a Dockerfile into instructions: directives, comments, continuations, flags, here-documents. Instructions that
 * are not carried out are no fault here, since a stage that nothing needs may hold them: see `unsupportedIn`.
 */
export function parseDockerfile(file: string, text: string): Result<readonly Instruction[]> {
  const top = (line: number, message: string, hint?: string) =>
    err(fault("bad-input", message, { place: { file, line, column: 1 }, hint }));
  if (text.length > largest) return top(1, `a Dockerfile has at most ${largest / 1024} KiB`);
  if (text.includes("\u0000")) return top(1, "the Dockerfile is not text");
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const escapeMark = escapeDirective(lines);
  if (escapeMark === undefined) return top(1, "the escape directive takes a backslash or a backtick");
  const instructions: Instruction[] = [];
  for (let index = 0; index < lines.length; ) {
    const { logical, next } = readLogicalLine(lines, index, escapeMark);
    index = next;
    if (!logical) continue;
    const instruction = readInstruction(file, logical, escapeMark);
    if (!instruction.ok) return instruction;
    instructions.push(instruction.value);
    const { line } = placeOf(instruction.value);
    if (instructions.length > mostInstructions) return top(line, `more than ${mostInstructions} instructions`);
    const end = afterHeredocs(lines, index, instruction.value);
    if (end === undefined)
      return top(line, "a here-document has no end", "close it with its word on a line of its own");
    index = end;
  }
  const stages = instructions.filter((instruction) => instruction.name === "FROM");
  if (stages.length === 0) return top(1, "there is no FROM");
  if (stages.length > mostStages) return top(1, `more than ${mostStages} stages`);
  return ok(instructions);
}

/** Says why an instruction cannot be carried out, where it stands and what to do instead; an outside builder may. */
export function unsupportedIn(instruction: Instruction): Result<void> {
  const { name, flags, logical, file, heredocAt } = instruction;
  const cannot = (what: string, place: Place, hint?: string) =>
    err(fault("bad-input", `${what} not carried out by the built-in assembler`, { place, hint, facts: needsBuilder }));
  const hint = unsupported[name];
  if (hint !== undefined) return cannot(`${name} is`, placeOf(instruction), hint);
  const odd = flags.find((flag) => !flagsOf[name]?.includes(flag.name));
  if (odd) return cannot(`${name} --${odd.name} is`, placeIn(file, logical, odd.at));
  if (heredocAt === undefined) return ok(undefined);
  const place = placeIn(file, logical, heredocAt);
  return cannot("here-documents are", place, "put the text into a file of the repository and COPY it");
}

/** Facts of a fault that an outside builder would not meet. */
const needsBuilder = { needs: "builder" } as const;

export function isForBuilder(error: Fault): boolean {
  return error.facts?.["needs"] === needsBuilder.needs;
}

/** Images or stages that an instruction takes files from: `COPY --from`, `RUN --mount=…,from=…`. */
export function takenFrom(instruction: Instruction): readonly string[] {
  return instruction.flags.flatMap(({ name, value }) => {
    if (instruction.name === "COPY" && name === "from") return [value];
    if (instruction.name !== "RUN" || name !== "mount") return [];
    return value.split(",").flatMap((part) => (part.startsWith("from=") ? [part.slice("from=".length)] : []));
  });
}

function readInstruction(file: string, logical: LogicalLine, escapeMark: string): Result<Instruction> {
  const [lead = "", word = ""] = /^\s*(\S+)\s*/.exec(logical.text) ?? [];
  const name = word.toUpperCase();
  const wrong = (at: number, message: string, hint?: string) =>
    err(fault("bad-input", message, { place: placeIn(file, logical, at), hint }));
  const wordAt = lead.indexOf(word);
  const allowed = Object.hasOwn(flagsOf, name) ? flagsOf[name] : undefined;
  if (allowed === undefined && !Object.hasOwn(unsupported, name))
    return wrong(wordAt, `${word.slice(0, 40)} is no Dockerfile instruction`, nearest(name));
  const flags: Flag[] = [];
  let at = lead.length;
  for (;;) {
    const match = /^--([A-Za-z][A-Za-z0-9-]*)(?:=(\S*))?(?:\s+|$)/.exec(logical.text.slice(at));
    if (!match) break;
    const [whole, flag = "", value = ""] = match;
    flags.push({ name: flag, value, at });
    at += whole.length;
  }
  const rest = logical.text.slice(at).trimEnd();
  if (rest === "") return wrong(wordAt, `${name} needs at least one argument`);
  const inner = name === "RUN" || name === "COPY" || name === "ADD" ? heredocs(rest)[0] : undefined;
  const heredocAt = inner === undefined ? undefined : at + inner.at;
  return ok({ name, flags, rest, restAt: at, logical, file, escapeMark, heredocAt });
}

function nearest(name: string): string | undefined {
  const known = Object.keys(flagsOf).find(
    (each) => name.length > 2 && (each.startsWith(name) || name.startsWith(each)),
  );
  return known === undefined ? undefined : `${known} is one`;
}

function heredocs(rest: string): readonly { readonly at: number; readonly word: string; readonly tabs: boolean }[] {
  const pattern = /(?<=^|\s)\d*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.-]*)\2(?=\s|$)/g;
  return [...rest.matchAll(pattern)].map((match) => ({
    at: match.index,
    word: match[3] ?? "",
    tabs: match[1] === "-",
  }));
}

function afterHeredocs(lines: readonly string[], from: number, instruction: Instruction): number | undefined {
  if (instruction.heredocAt === undefined) return from;
  let index = from;
  for (const { word, tabs } of heredocs(instruction.rest)) {
    const end = lines.findIndex((line, at) => at >= index && (tabs ? line.replace(/^\t+/, "") : line) === word);
    if (end < 0) return undefined;
    index = end + 1;
  }
  return index;
}
