import { gunzipSync } from "node:zlib";
import type { JobType } from "../../jobs/index.ts";
import type { Diagnostic } from "../diagnostics.ts";
import { type JobEntry, type JobRead, type JobSurroundings, jobOf } from "./job.ts";
import { type Preset, presetOf } from "./presets.ts";
import { type Complaints, isMap, type Path, structOf } from "./struct.ts";
import type { Yaml } from "./yaml-scalars.ts";
import { isProblem, readYaml11, type YamlDocument } from "./yaml11.ts";

/** A file as it was read; `name` is how people are told of it. */
export interface ProwFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Something accepted and not acted on, with how often and where first. */
export interface Ignored {
  readonly what: string;
  readonly why: string;
  readonly count: number;
  readonly first: { readonly file: string; readonly line: number; readonly column: number };
}

/** The same in one file; its place is looked up only when it is wanted. */
export type IgnoredHere = Omit<Ignored, "first"> & { first(): Ignored["first"] };

/** A file of jobs after its YAML was read: presets at once, jobs when the presets of all files are known. */
export interface ParsedFile {
  readonly presets: readonly { readonly preset: Preset; readonly line: number; readonly column: number }[];
  readonly decorateAll: boolean | undefined;
  readonly entries: number;
  /** The top of the document, for whoever reads more of it. */
  readonly top: Yaml;
  finish(around: JobSurroundings): FinishedFile;
  readonly complaints: Complaints;
  told(): { readonly diagnostics: readonly Diagnostic[]; readonly ignored: readonly IgnoredHere[] };
}

export interface FinishedFile {
  readonly jobs: readonly JobRead[];
}

const largestFile = 64 * 1024 * 1024;
const mostDiagnostics = 200;
const mostJobs = 200_000;
const members: ReadonlySet<string> = new Set([
  "presets",
  "presubmits",
  "postsubmits",
  "periodics",
  "prow_ignored",
  "decorate_all_jobs",
]);

/** The main configuration, whose other members are its reader's; a file of jobs; or one that a repository brings itself. */
export type FileKind = "main" | "jobs" | { readonly inRepo: string };

/** Prow: lists of presubmits and postsubmits, which are the repository's own, so no map and no periodics. */
const inRepoMembers: ReadonlySet<string> = new Set(["presets", "presubmits", "postsubmits", "prow_ignored"]);
/** A file that strangers write is read as long as it is of the size that people write. */
const inRepoBounds = { jobs: 500, nodes: 200_000 };

/** Reads a file of jobs, gunzipping it where it is compressed. */
export function parseFile(file: ProwFile, kind: FileKind): ParsedFile {
  const inRepo = typeof kind === "object" ? kind.inRepo : undefined;
  const most = inRepo === undefined ? mostJobs : inRepoBounds.jobs;
  const diagnostics: Diagnostic[] = [];
  const ignored = new Map<string, { why: string; count: number; path: Path }>();
  let left = 0;
  let text = "";
  let document: YamlDocument | undefined;
  let lines: readonly number[] | undefined;

  const placeAt = (offset: number) => {
    lines ??= lineStarts(text);
    const line = lineOf(lines, offset);
    return { file: file.name, line: line + 1, column: offset - (lines[line] ?? 0) + 1 };
  };
  const say = (severity: Diagnostic["severity"], offset: number, code: string, message: string, hint?: string) => {
    if (diagnostics.length < mostDiagnostics) diagnostics.push({ severity, code, ...placeAt(offset), message, hint });
    else left += 1;
  };
  const complaints: Complaints = {
    error: (path, code, message, hint) => {
      if (diagnostics.length < mostDiagnostics) say("error", document?.placeOf(path) ?? 0, code, message, hint);
      else left += 1;
    },
    ignored: (path, what, why) => {
      const known = ignored.get(what);
      if (known) known.count += 1;
      else ignored.set(what, { why, count: 1, path });
    },
  };

  const decoded = decode(file.bytes);
  if (typeof decoded === "string") {
    text = decoded;
    const read = inRepo === undefined ? readYaml11(text) : readYaml11(text, inRepoBounds.nodes);
    if (isProblem(read)) say("error", read.offset, "not-yaml", read.message);
    else document = read;
  } else say("error", 0, decoded.code, decoded.message);

  const top = document?.value ?? null;
  const read = structOf(
    top,
    [],
    kind === "main" ? undefined : inRepo === undefined ? members : inRepoMembers,
    complaints,
  );
  if (inRepo !== undefined && isMap(top))
    for (const key of Object.keys(top).filter((each) => each.toLowerCase() === "periodics"))
      complaints.error([key], "no-periodics-here", "periodics stand in the family's files, not in a repository");
  const presets = read.items("presets").map(({ value, path }) => {
    const { line, column } = placeAt(isMap(value) ? (document?.offsetOf(value) ?? 0) : 0);
    return { preset: presetOf(value, path, complaints), line, column };
  });
  const entries = entriesOf();
  document?.forgetOffsets();

  function entriesOf(): readonly JobEntry[] {
    const found: JobEntry[] = [];
    const add = (type: Exclude<JobType, "batch">, repository: string | undefined, value: Yaml, path: Path) => {
      if (found.length >= most) return;
      const { line } = placeAt(isMap(value) ? (document?.offsetOf(value) ?? 0) : 0);
      found.push({ type, repository, value, path, origin: `${file.name}:${line}` });
    };
    for (const type of ["presubmit", "postsubmit"] as const) {
      const name = `${type}s`;
      const raw = read.raw(name);
      if (raw === undefined) continue;
      if (inRepo !== undefined) {
        for (const { value, path } of read.items(name)) add(type, inRepo, value, path);
        continue;
      }
      const repositories = structOf(raw, read.at(name), undefined, complaints);
      for (const repository of isMap(raw) ? Object.keys(raw) : [])
        for (const { value, path } of repositories.items(repository)) add(type, withoutScheme(repository), value, path);
    }
    if (inRepo === undefined)
      for (const { value, path } of read.items("periodics")) add("periodic", undefined, value, path);
    if (found.length >= most) complaints.error([], "too-many-jobs", `${most} jobs or more stand in one file`);
    return found;
  }

  return {
    presets,
    decorateAll: inRepo === undefined ? read.bool("decorate_all_jobs") : undefined,
    entries: entries.length,
    top,
    complaints,
    finish: (around) => ({ jobs: entries.map((entry) => jobOf(entry, around, complaints)) }),
    told: () => ({
      diagnostics:
        left === 0
          ? diagnostics
          : [
              ...diagnostics,
              {
                severity: "error",
                code: "more-errors",
                file: file.name,
                line: 1,
                column: 1,
                message: `and ${left} more errors in this file`,
              },
            ],
      ignored: [...ignored].map(([what, { why, count, path }]) => ({
        what,
        why,
        count,
        first: () => placeAt(document?.placeOf(path) ?? 0),
      })),
    }),
  };
}

/** Gerrit's keys may carry a scheme. */
function withoutScheme(repository: string): string {
  return repository.replace(/^https?:\/\//, "");
}

/** Prow 0: a file that begins with the mark of gzip is one. */
function decode(bytes: Uint8Array): string | { readonly code: string; readonly message: string } {
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: largestFile }) : bytes;
    if (plain.length > largestFile) return { code: "too-large", message: "is larger than 64 MiB" };
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    return tooLarge
      ? { code: "too-large", message: "is larger than 64 MiB when unpacked" }
      : { code: "not-text", message: "is neither UTF-8 text nor gzip of it" };
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
