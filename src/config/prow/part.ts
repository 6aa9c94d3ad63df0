import type { Job } from "../../jobs/index.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { JobSurroundings } from "./job.ts";
import { type MainConfig, mainConfigOf } from "./main-config.ts";
import {
  type FileKind,
  type Ignored,
  type IgnoredHere,
  type ParsedFile,
  type ProwFile,
  parseFile,
} from "./parsed-file.ts";
import type { Preset } from "./presets.ts";
import type { JobOutline } from "./together.ts";

/**
 * A share of the files, numbered in the order of loading; `main` marks Prow's main configuration, `inRepo` a file that the
 * repository of that name brings itself.
 */
export type PartFile = ProwFile & {
  readonly index: number;
  readonly main: boolean;
  readonly inRepo?: string | undefined;
};

export interface PresetAt {
  /** Number of the file. */
  readonly index: number;
  readonly preset: Preset;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What all parts must know of each other before jobs can be completed. */
export interface PartOpening {
  readonly presets: readonly PresetAt[];
  readonly main: MainConfig | undefined;
  readonly decorateAll: boolean;
}

export interface PartResult {
  /** Jobs of components, whole. */
  readonly jobs: readonly Job[];
  /** Every job, in the order of the files. */
  readonly outlines: readonly (JobOutline & { readonly index: number; readonly active: boolean })[];
  readonly diagnostics: readonly Diagnostic[];
  readonly ignored: readonly Ignored[];
}

/** Two steps, because presets of one file complete the jobs of another. Runs in a thread of its own or in place. */
export interface Part {
  open(files: readonly PartFile[]): Promise<PartOpening>;
  finish(around: JobSurroundings): Promise<PartResult>;
  close(): void;
}

export function createPart(): Part {
  let parsed: readonly { readonly file: PartFile; readonly read: ParsedFile }[] = [];
  return {
    open: async (files) => {
      parsed = files.map((file) => ({ file, read: parseFile(file, kindOf(file)) }));
      const main = parsed.find(({ file }) => file.main);
      return {
        presets: parsed.flatMap(({ file, read }) =>
          read.presets.map((each) => ({ ...each, index: file.index, file: file.name })),
        ),
        main: main && mainConfigOf(main.read),
        decorateAll: parsed.some(({ read }) => read.decorateAll === true),
      };
    },
    finish: async (around) => {
      const all = parsed.map(({ file, read }) => ({ index: file.index, read: read.finish(around).jobs }));
      const told = parsed.map(({ read }) => read.told());
      parsed = [];
      return {
        jobs: all.flatMap(({ read }) => read.flatMap(({ job }) => (job ? [job] : []))),
        outlines: all.flatMap(({ index, read }) =>
          read.map(({ outline, job }) => ({ index, active: job !== undefined, ...outline })),
        ),
        diagnostics: told.flatMap((each) => each.diagnostics),
        ignored: joined(told.flatMap((each) => each.ignored)),
      };
    },
    close: () => {},
  };
}

function kindOf(file: PartFile): FileKind {
  if (file.main) return "main";
  return file.inRepo === undefined ? "jobs" : { inRepo: file.inRepo };
}

/** Each thing once, placed where it stands first. */
function joined(all: readonly IgnoredHere[]): readonly Ignored[] {
  const counts = new Map<string, { readonly here: IgnoredHere; count: number }>();
  for (const here of all) {
    const known = counts.get(here.what);
    if (known) known.count += here.count;
    else counts.set(here.what, { here, count: here.count });
  }
  return [...counts.values()].map(({ here, count }) => ({
    what: here.what,
    why: here.why,
    count,
    first: here.first(),
  }));
}
