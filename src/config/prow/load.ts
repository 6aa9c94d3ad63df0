import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Job } from "../../jobs/index.ts";
import type { Diagnostic } from "../diagnostics.ts";
import { findJobFiles, readBounded } from "./files.ts";
import type { ProwSurroundings } from "./in-repo.ts";
import { noMainConfig } from "./main-config.ts";
import type { Ignored } from "./parsed-file.ts";
import { createPart, type Part, type PartFile, type PartOpening, type PresetAt } from "./part.ts";
import { duplicatePairs } from "./presets.ts";
import { createThreadPart } from "./threads.ts";
import { checkTogether } from "./together.ts";

export interface ProwRequest {
  /** Folder to which the paths are relative. */
  readonly folder: string;
  readonly config: string | undefined;
  /** Files and folders. */
  readonly jobs: readonly string[];
  /** `org/repo` -> component. */
  readonly components: Readonly<Record<string, string>>;
  /** The built worker; `undefined`: everything is read in place. */
  readonly worker: string | URL | undefined;
  /** Folder for readings of unchanged files; `undefined`: none is kept. */
  readonly cache: string | undefined;
}

export interface ProwReading {
  /** Jobs of components; empty when there is an error. */
  readonly jobs: readonly Job[];
  /** All that were read, of repositories that are no components included. */
  readonly counts: {
    readonly presubmits: number;
    readonly postsubmits: number;
    readonly periodics: number;
    readonly inactive: number;
  };
  readonly queues: Readonly<Record<string, number>>;
  readonly diagnostics: readonly Diagnostic[];
  /** What jobs of a repository are completed with, and where such jobs are read. */
  readonly inRepo: {
    readonly around: ProwSurroundings;
    readonly enabled: Readonly<Record<string, boolean>>;
    readonly clusters: Readonly<Record<string, readonly string[]>>;
  };
  /** Of everything read. */
  readonly hash: string;
}

/** Raised whenever a reading of the same files would differ. */
const format = 2;
/** Below this reading in place takes less than a thread takes to start. */
const worthThreads = 400_000;

/** Reads Prow's job files, all of them, whatever is wrong with some. */
export async function readProw(request: ProwRequest): Promise<ProwReading> {
  const found = await findJobFiles(request.folder, request.jobs);
  const diagnostics: Diagnostic[] = [...found.diagnostics];
  const files: PartFile[] = [];
  const named =
    request.config === undefined ? [] : [{ name: request.config, path: resolve(request.folder, request.config) }];
  for (const [index, file] of [...named, ...found.files].entries()) {
    const bytes = await readBounded(file.path);
    if (bytes) files.push({ name: file.name, bytes, index, main: index < named.length });
    else
      diagnostics.push({
        severity: "error",
        code: "no-such-file",
        file: file.name,
        line: 1,
        column: 1,
        message: "is no file that can be read",
        hint: file.name === request.config ? "prow.config is absolute, or relative to the family file" : undefined,
      });
  }
  const hash = hashOfFiles(request, files);
  const known = diagnostics.length === 0 ? await cached(request.cache, hash) : undefined;
  if (known) return known;
  const reading = await readFiles(request, files, diagnostics, hash);
  if (request.cache !== undefined) await keep(request.cache, reading);
  return reading;
}

async function readFiles(
  request: ProwRequest,
  files: readonly PartFile[],
  before: readonly Diagnostic[],
  hash: string,
): Promise<ProwReading> {
  const parts = partsFor(request, files);
  try {
    const opened = await Promise.all(parts.map(({ part, files: share }) => part.open(share)));
    const main = opened.find((each) => each.main)?.main ?? noMainConfig;
    const presets = opened.flatMap((each) => each.presets).sort((a, b) => a.index - b.index);
    const around: ProwSurroundings = {
      presets: presets.map(({ preset }) => preset),
      decorationDefaults: main.decorationDefaults,
      decorateAll: opened.some((each: PartOpening) => each.decorateAll),
      podNamespace: main.podNamespace,
      queues: request.config === undefined ? undefined : main.queues,
    };
    const { components } = request;
    const results = await Promise.all(parts.map(({ part }) => part.finish({ ...around, components })));
    const outlines = results.flatMap((each) => each.outlines).sort((a, b) => a.index - b.index);
    const diagnostics = [
      ...before,
      ...results.flatMap((each) => each.diagnostics),
      ...duplicatePresets(presets),
      ...checkTogether(outlines),
      ...ignoredOnes(results.flatMap((each) => each.ignored)),
      ...longNames(outlines),
    ];
    const failed = diagnostics.some((each) => each.severity === "error");
    const order = new Map(outlines.map((outline, index) => [outline.origin, index]));
    const jobs = results
      .flatMap((each) => each.jobs)
      .sort((a, b) => (order.get(a.origin) ?? 0) - (order.get(b.origin) ?? 0));
    const count = (type: string) => outlines.filter((each) => each.type === type).length;
    return {
      jobs: failed ? [] : jobs,
      counts: {
        presubmits: count("presubmit"),
        postsubmits: count("postsubmit"),
        periodics: count("periodic"),
        inactive: outlines.filter((each) => !each.active).length,
      },
      queues: main.queues ?? {},
      inRepo: { around, enabled: main.inRepo, clusters: main.inRepoClusters },
      diagnostics,
      hash,
    };
  } finally {
    for (const { part } of parts) part.close();
  }
}

/** Two threads, the largest files first and always to the one with less; or one part in place. */
function partsFor(
  request: ProwRequest,
  files: readonly PartFile[],
): readonly { readonly part: Part; readonly files: readonly PartFile[] }[] {
  const total = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const { worker } = request;
  if (worker === undefined || total < worthThreads) return [{ part: createPart(), files }];
  const shares: { files: PartFile[]; bytes: number }[] = [
    { files: [], bytes: 0 },
    { files: [], bytes: 0 },
  ];
  for (const file of [...files].sort((a, b) => b.bytes.length - a.bytes.length)) {
    const share = shares.reduce((least, each) => (each.bytes < least.bytes ? each : least));
    share.files.push(file);
    share.bytes += file.bytes.length;
  }
  return shares.map((share) => ({
    part: createThreadPart(worker),
    files: share.files.sort((a, b) => a.index - b.index),
  }));
}

function duplicatePresets(presets: readonly PresetAt[]): readonly Diagnostic[] {
  return duplicatePairs(presets.map(({ preset }) => preset)).flatMap(({ index, pair }) => {
    const at = presets[index];
    if (!at) return [];
    const { file, line, column } = at;
    return [
      {
        severity: "error",
        code: "duplicate-preset",
        file,
        line,
        column,
        message: `the label ${pair} belongs to another preset already`,
      },
    ];
  });
}

/** Nothing is dropped silently: each thing once, with its count and where it stands first. */
function ignoredOnes(all: readonly Ignored[]): readonly Diagnostic[] {
  const joined = new Map<string, Ignored>();
  for (const each of all) {
    const known = joined.get(each.what);
    joined.set(each.what, known ? { ...known, count: known.count + each.count } : each);
  }
  return [...joined.values()].map(({ what, why, count, first }) => {
    const key = /^unknown-key:(.*)$/s.exec(what)?.[1];
    const times = count === 1 ? "once" : `${count} times`;
    const message =
      key === undefined
        ? `${what} (${times}): ${why}`
        : `${JSON.stringify(key.slice(0, 80))} is ignored (${times}): ${why}`;
    return { severity: "warning", code: key === undefined ? "not-acted-on" : "unknown-key", ...first, message };
  });
}

function longNames(outlines: readonly { readonly name: string; readonly origin: string }[]): readonly Diagnostic[] {
  const long = outlines.filter((each) => each.name.length > 63);
  const [first] = long;
  if (!first) return [];
  const colon = first.origin.lastIndexOf(":");
  const message = `names of more than 63 characters (${long.length} times), cut short in labels: ${first.name.slice(0, 100)}`;
  return [
    {
      severity: "warning",
      code: "long-job-names",
      file: first.origin.slice(0, colon),
      line: Number(first.origin.slice(colon + 1)),
      column: 1,
      message,
    },
  ];
}

function hashOfFiles(request: ProwRequest, files: readonly PartFile[]): string {
  const hash = createHash("sha256").update(JSON.stringify([format, request.components, request.config]));
  for (const file of files) hash.update(JSON.stringify([file.name, file.bytes.length])).update(file.bytes);
  return hash.digest("hex");
}

async function cached(folder: string | undefined, hash: string): Promise<ProwReading | undefined> {
  if (folder === undefined) return undefined;
  const text = await readFile(join(folder, `prow-${hash}.json`), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const reading: ProwReading = JSON.parse(text);
    return reading.hash === hash ? reading : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: a torn write would be read as another file's name. */
async function keep(folder: string, reading: ProwReading): Promise<void> {
  const file = join(folder, `prow-${reading.hash}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(`${file}.${process.pid}.tmp`, JSON.stringify(reading));
  await rename(`${file}.${process.pid}.tmp`, file);
}
