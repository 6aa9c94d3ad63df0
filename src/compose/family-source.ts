import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  type Diagnostic,
  type FamilyReading,
  isInRepoEnabled,
  type KnownRules,
  type ProwReading,
  readFamilyFile,
  readProw,
} from "../config/index.ts";
import { err, fault, hashOf, ok, type Result } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import { generateJobs, type Job, missingTests } from "../jobs/index.ts";
import { rules } from "../policy/index.ts";

export const knownRules: KnownRules = Object.fromEntries(rules.map((rule) => [rule.id, { fixed: !rule.overridable }]));

/** Everything users wrote, read and checked: the family file and the job files it names. */
export interface Configuration extends FamilyReading {
  /** Jobs of Prow files for components of the family. */
  readonly loaded: readonly Job[];
  readonly counts: ProwReading["counts"];
  /** Bounds of queues, by name. */
  readonly queues: Readonly<Record<string, number>>;
  /** How jobs of repositories are read; `undefined`: no repository brings any. */
  readonly inRepo: ProwReading["inRepo"] | undefined;
  /** Whether the repository of a component may bring jobs itself. */
  bringsJobs(component: Component): boolean;
}

export interface ConfigurationSource {
  /** The built program that reads job files in a thread; `undefined`: read in place. */
  readonly worker: string | URL | undefined;
  /** Where readings of unchanged job files are kept; `undefined`: nowhere. */
  readonly cache: string | undefined;
}

const nothingLoaded = { presubmits: 0, postsubmits: 0, periodics: 0, inactive: 0 };

/** Reads and checks a family file on disk with all it names. Faults: `not-found` where there is none. */
export async function readConfiguration(file: string, source: ConfigurationSource): Promise<Result<Configuration>> {
  const text = await readFile(file, "utf8").catch((error: unknown) => error);
  if (typeof text !== "string")
    return err(
      fault("not-found", `there is no family file at ${file}`, {
        hint: "fairlead init URL… writes one; --config names another",
      }),
    );
  const read = readFamilyFile(file, text, knownRules);
  const family = read.family && withAbsolutePaths(read.family, dirname(file));
  const reading = { ...read, family };
  if (!family)
    return ok({
      ...reading,
      loaded: [],
      counts: nothingLoaded,
      queues: {},
      inRepo: undefined,
      bringsJobs: () => false,
    });
  const generated = generateJobs(family, {});
  if (!family.prow) {
    const untested = untestedComponents(file, reading, family, generated);
    const whole = { ...reading, diagnostics: [...reading.diagnostics, ...untested] };
    return ok({
      ...whole,
      family: untested.length > 0 ? undefined : family,
      loaded: [],
      counts: nothingLoaded,
      queues: {},
      inRepo: undefined,
      bringsJobs: () => false,
    });
  }
  const prow = await readProw({
    folder: dirname(file),
    config: family.prow.config,
    jobs: family.prow.jobs,
    components: Object.fromEntries(family.components.map((each) => [`${each.org}/${each.repo}`, each.name])),
    ...source,
  });
  const taken = takenNames(generated, prow.jobs);
  const wrong = prow.diagnostics.some((each) => each.severity === "error");
  const untested = wrong ? [] : untestedComponents(file, reading, family, [...generated, ...prow.jobs]);
  const diagnostics: readonly Diagnostic[] = [...reading.diagnostics, ...prow.diagnostics, ...taken, ...untested];
  const failed = diagnostics.some((each) => each.severity === "error");
  return ok({
    placeOf: reading.placeOf,
    family: failed ? undefined : { ...family, configHash: hashOf([family.configHash, prow.hash]) },
    diagnostics,
    loaded: prow.jobs,
    counts: prow.counts,
    queues: prow.queues,
    inRepo: prow.inRepo,
    bringsJobs: (component) => isInRepoEnabled(component, [family.prow?.inRepo?.enabled ?? {}, prow.inRepo.enabled]),
  });
}

/** Whoever connects to a cluster need not know where the family file stands. */
function withAbsolutePaths(family: Family, folder: string): Family {
  const clusters = Object.entries(family.execute.clusters ?? {}).map(([alias, cluster]) => {
    const { kubeconfig } = cluster;
    return [alias, { ...cluster, kubeconfig: kubeconfig === undefined ? undefined : resolve(folder, kubeconfig) }];
  });
  return { ...family, execute: { ...family.execute, clusters: Object.fromEntries(clusters) } };
}

/** KEP: unit tests and, where deployed, tests on Kubernetes block merging; a family without is refused. */
function untestedComponents(
  file: string,
  reading: FamilyReading,
  family: Family,
  jobs: readonly Job[],
): readonly Diagnostic[] {
  return missingTests(family, jobs, {}).map(({ component, code, message, hint }) => {
    const place = reading.placeOf(["components", component]);
    return { severity: "error", code, file, ...place, message, hint };
  });
}

/** A loaded job beside a generated one of its name or context could take over its gate. */
function takenNames(generated: readonly Job[], loaded: readonly Job[]): readonly Diagnostic[] {
  return loaded.flatMap((job): readonly Diagnostic[] => {
    const other = generated.find(
      (each) =>
        each.component === job.component &&
        (each.name === job.name || (each.type === job.type && each.context === job.context)),
    );
    if (!other) return [];
    const colon = job.origin.lastIndexOf(":");
    const place = { file: job.origin.slice(0, colon), line: Number(job.origin.slice(colon + 1)), column: 1 };
    const message = `${job.name} takes the name or context of the generated job ${other.name} of ${other.component}`;
    return [
      { severity: "error", code: "taken-name", ...place, message, hint: "rename it, or set jobs.generate to false" },
    ];
  });
}

/** A family that may be served, or the first error with its place. */
export function familyOrFault(reading: FamilyReading): Result<Family> {
  if (reading.family) return ok(reading.family);
  const errors = reading.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const [first] = errors;
  if (!first) throw new Error("a family that cannot be read has an error");
  const { file, line, column, message, hint } = first;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more: fairlead check)` : "";
  return err(fault("bad-input", `${message}${more}`, { place: { file, line, column }, hint }));
}
