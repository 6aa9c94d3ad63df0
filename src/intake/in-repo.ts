import { findInRepoFiles, type InRepoRequest, inRepoVersion, readInRepoJobs } from "../config/index.ts";
import { forOneLine } from "../core/index.ts";
import type { Component } from "../family/index.ts";
import type { Git, ObjectId, Repository } from "../git/index.ts";
import type { Job } from "../jobs/index.ts";
import type { InRepoFacts } from "../plan/index.ts";

/** How the jobs that a repository brings itself are read, and what the family leaves to them. */
export type InRepoRules = Pick<InRepoRequest, "around" | "limits" | "worker">;

/** A commit, or a change that is tested merged with its base. */
export type Revision =
  | { readonly kind: "commit"; readonly commit: ObjectId }
  | {
      readonly kind: "merged";
      readonly base: string;
      readonly baseSha: ObjectId;
      readonly pulls: readonly { readonly number: number; readonly head: ObjectId }[];
    };

export interface InRepoReading {
  readonly jobs: readonly Job[];
  /** `undefined`: the revision brings no jobs, or this repository may not. */
  readonly facts: InRepoFacts | undefined;
}

/** Reads a repository's own jobs at the revision that is tested (Prow: in-repo configuration). */
export interface InRepoReader {
  read(repository: Repository, component: Component, revision: Revision): Promise<InRepoReading>;
}

const nothing: InRepoReading = { jobs: [], facts: undefined };
/** Readings kept: a revision is asked for when its change is planned, shown, merged and planned again. */
const keepAtMost = 200;

export function createInRepoReader(options: {
  /** `undefined`: jobs of this component's repository do not count. */
  readonly rulesOf: (component: Component) => InRepoRules | undefined;
  /** Of everything else that decides about the reading. */
  readonly configHash: () => string;
}): InRepoReader {
  const known = new Map<string, Promise<InRepoReading>>();

  async function readTree(
    repository: Repository,
    component: Component,
    commit: ObjectId,
    rules: InRepoRules,
  ): Promise<InRepoReading> {
    const tree = {
      list: (folder: string) => repository.listFolder(commit, folder),
      read: (path: string, limit: number) => repository.readFile(commit, path, limit),
    };
    const version = await inRepoVersion(tree);
    if (version === undefined) return nothing;
    const key = `${component.name} ${version} ${options.configHash()}`;
    const before = known.get(key);
    if (before) return await before;
    const reading = readFiles(component, tree, rules);
    if (known.size >= keepAtMost) known.delete(known.keys().next().value ?? "");
    known.set(key, reading);
    reading.catch(() => known.delete(key));
    return await reading;
  }

  return {
    read: async (repository, component, revision) => {
      const rules = options.rulesOf(component);
      if (!rules) return nothing;
      const tested = await testedCommit(repository, revision);
      if (tested.commit === undefined) return { jobs: [], facts: { version: tested.version, problem: undefined } };
      const reading = await readTree(repository, component, tested.commit, rules);
      if (!reading.facts) return reading;
      return {
        jobs: reading.jobs.map((job) => ({ ...job, origin: `${job.origin} of ${tested.version}` })),
        facts: { ...reading.facts, version: tested.version },
      };
    },
  };
}

/** What the repositories bring on their default branches as they are now. */
export async function inRepoJobsOf(
  sources: { readonly git: Git; readonly inRepo: InRepoReader },
  components: readonly Component[],
  defaultBranches: ReadonlyMap<string, string | null>,
): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  for (const component of components) {
    const branch = defaultBranches.get(component.name);
    if (!branch) continue;
    const repository = await sources.git.open(component.name);
    const commit = await repository.commitOf(`refs/heads/${branch}`);
    if (commit !== undefined)
      jobs.push(...(await sources.inRepo.read(repository, component, { kind: "commit", commit })).jobs);
  }
  return jobs;
}

async function readFiles(
  component: Component,
  tree: Parameters<typeof findInRepoFiles>[0],
  rules: InRepoRules,
): Promise<InRepoReading> {
  const found = await findInRepoFiles(tree);
  const repository = `${component.org}/${component.repo}`;
  const read = found.problem
    ? { jobs: [], diagnostics: [found.problem] }
    : await readInRepoJobs({ files: found.files, repository, component: component.name, ...rules });
  const errors = read.diagnostics.filter((each) => each.severity === "error");
  const [first] = errors;
  const problem = first && {
    place: `${forOneLine(first.file, 200)}:${first.line}:${first.column}`,
    message: forOneLine(`${first.message}${first.hint === undefined ? "" : ` (${first.hint})`}`, 500),
    more: errors.length - 1,
  };
  return { jobs: read.jobs, facts: { version: "", problem } };
}

/** Prow: the base with the heads merged into it in their order; in conflict there is nothing to read. */
async function testedCommit(
  repository: Repository,
  revision: Revision,
): Promise<{ readonly commit: ObjectId | undefined; readonly version: string }> {
  if (revision.kind === "commit")
    return { commit: await repository.commitOf(revision.commit), version: revision.commit.slice(0, 7) };
  const { base, baseSha, pulls } = revision;
  const named = pulls.map(({ number, head }) => `#${number} at ${head.slice(0, 7)}`).join(", ");
  const version = `${base} at ${baseSha.slice(0, 7)} merged with ${named}`;
  const ids = [baseSha, ...pulls.map(({ head }) => head)];
  const present = await Promise.all(ids.map((id) => repository.commitOf(id)));
  if (present.includes(undefined)) return { commit: undefined, version };
  const merged = await repository.tentativeMerge(
    baseSha,
    base,
    pulls.map(({ head }) => head),
  );
  return { commit: merged.ok ? merged.value.commit : undefined, version };
}
