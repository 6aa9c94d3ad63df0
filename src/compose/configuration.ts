import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { clustersInRepo, findJobFiles } from "../config/index.ts";
import { type Fault, ok, type Result } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import type { InRepoRules } from "../intake/index.ts";
import { generateJobs, type Job } from "../jobs/index.ts";
import { type ConfigurationSource, familyOrFault, readConfiguration } from "./family-source.ts";

/** The configuration in force: the last one that was good. */
export interface ConfigurationInForce {
  family(): Family;
  /** Where the family file stands: paths in it are relative to it. */
  readonly folder: string;
  /** Generated and loaded jobs; `defaultBranches` by component. */
  jobs(defaultBranches: Readonly<Record<string, string>>): readonly Job[];
  queues(): Readonly<Record<string, number>>;
  /** How a repository's own jobs are read; `undefined` where they do not count. */
  inRepo(component: Component): InRepoRules | undefined;
  /** Why the files as they are now are not in force. */
  problem(): Fault | undefined;
  /** Reads the files again where one changed. `changed`: another configuration is in force now. */
  refresh(): Promise<"same" | "changed" | "refused">;
}

/** Reads the configuration; its first reading must be good. */
export async function openConfiguration(
  file: string,
  source: ConfigurationSource,
): Promise<Result<ConfigurationInForce>> {
  let signature = await signatureOf(file, undefined);
  const first = await readConfiguration(file, source);
  if (!first.ok) return first;
  const good = familyOrFault(first.value);
  if (!good.ok) return good;
  let family = good.value;
  let { loaded, queues, inRepo, bringsJobs } = first.value;
  let problem: Fault | undefined;
  signature = await signatureOf(file, family);

  async function refresh(): Promise<"same" | "changed" | "refused"> {
    const now = await signatureOf(file, family);
    if (now === signature) return "same";
    signature = now;
    const read = await readConfiguration(file, source);
    const next = read.ok ? familyOrFault(read.value) : read;
    if (!read.ok || !next.ok) {
      problem = read.ok && !next.ok ? next.error : read.ok ? undefined : read.error;
      return "refused";
    }
    problem = undefined;
    const changed = next.value.configHash !== family.configHash;
    family = next.value;
    loaded = read.value.loaded;
    queues = read.value.queues;
    inRepo = read.value.inRepo;
    bringsJobs = read.value.bringsJobs;
    signature = await signatureOf(file, family);
    return changed ? "changed" : "same";
  }

  return ok({
    folder: dirname(file),
    family: () => family,
    jobs: (defaultBranches) => [...generateJobs(family, defaultBranches), ...loaded],
    queues: () => queues,
    inRepo: (component) => {
      if (!inRepo || !bringsJobs(component)) return undefined;
      const jobs = [...generateJobs(family, {}), ...loaded];
      return {
        around: inRepo.around,
        limits: {
          clusters: clustersInRepo(component, inRepo.clusters),
          secrets: family.prow?.inRepo?.secrets ?? [],
          names: jobs.map((job) => job.name),
          contexts: jobs.filter((job) => job.component === component.name).map((job) => job.context),
        },
        worker: source.worker,
      };
    },
    problem: () => problem,
    refresh,
  });
}

/** Changes whenever a file that was read does: names, sizes and times, which are cheap to ask for. */
async function signatureOf(file: string, family: Family | undefined): Promise<string> {
  const folder = dirname(file);
  const named = family?.prow?.config === undefined ? [] : [join(folder, family.prow.config)];
  const found = family?.prow ? (await findJobFiles(folder, family.prow.jobs)).files.map((each) => each.path) : [];
  const stamps = await Promise.all(
    [file, ...named, ...found].map(async (path) => {
      const facts = await stat(path, { bigint: true }).catch(() => undefined);
      return `${path} ${facts?.size ?? "-"} ${facts?.mtimeNs ?? "-"} ${facts?.ino ?? "-"}`;
    }),
  );
  return stamps.join("\n");
}
