import type { Component, Family } from "../family/index.ts";
import { canaryTagOf } from "../family/index.ts";
import type { Git, RefValue, Repository } from "../git/index.ts";
import type { Job } from "../jobs/index.ts";
import {
  countedTags,
  type Facts,
  type FamilyEvent,
  type ReleasedEvent,
  type RunEvent,
  type TagEvent,
} from "../plan/index.ts";
import { builtImages, currentCanary, findRelease, releasesOf } from "../release/index.ts";
import { findRun, runOf } from "../runs/index.ts";
import type { Store } from "../store/index.ts";
import type { InRepoReader, InRepoReading } from "./in-repo.ts";
import { deploymentsOf, newestCanaryTimes } from "./lane-facts.ts";
import { changeFactsOf, findChange, openChanges, type StoredEvent } from "./records.ts";
import { tagFacts } from "./tag-facts.ts";

export interface FactSources {
  readonly store: Store;
  readonly git: Git;
  readonly family: () => Family;
  /** Jobs of the component, generated with its default branch known. */
  readonly jobsOf: (component: string, defaultBranch: string) => readonly Job[];
  /** Every periodic of the family, those of repositories that are no components included. */
  readonly periodics: () => readonly Job[];
  /** Jobs that the repositories bring themselves. */
  readonly inRepo: InRepoReader;
}

/** The event with what its stored form leaves out; `undefined` when what it was about is gone. */
export async function completeEvent(sources: FactSources, stored: StoredEvent): Promise<FamilyEvent | undefined> {
  if (stored.kind === "change") {
    const row = await findChange(sources.store, stored.component, stored.number);
    if (!row) return undefined;
    const files: string[] = JSON.parse(row.files);
    const { number: _, ...rest } = stored;
    return { ...rest, change: changeFactsOf(row), files };
  }
  if (stored.kind === "comment") {
    const row = await findChange(sources.store, stored.component, stored.number);
    if (!row) return undefined;
    const files: string[] = JSON.parse(row.files);
    const contexts = await contextsOn(sources.store, stored.component, stored.number, row.head);
    const { number: _, ...rest } = stored;
    return { ...rest, change: changeFactsOf(row), files, contexts };
  }
  if (stored.kind === "run") return await completeRunEvent(sources, stored.runId);
  if (stored.kind === "released") return await completeReleasedEvent(sources, stored.releaseId);
  return stored;
}

/** Contexts that runs of this head reported, and those whose newest run is red. */
async function contextsOn(store: Store, component: string, number: number, head: string) {
  const rows = await store.db
    .selectFrom("runs")
    .select(["context", "state"])
    .where("component", "=", component)
    .where("change_number", "=", number)
    .where("head", "=", head)
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  const newest = new Map(rows.map((row) => [row.context, row.state]));
  // Prow 5.3: aborted is reported as a failure.
  const red = [...newest].filter(([, state]) => ["failure", "error", "aborted"].includes(state));
  return { reported: [...newest.keys()], failed: red.map(([context]) => context) };
}

async function completeRunEvent(sources: FactSources, runId: string): Promise<RunEvent | undefined> {
  const row = await findRun(sources.store, runId);
  if (!row || row.state === "triggered" || row.state === "pending") return undefined;
  const run = runOf(row);
  const images = await sources.store.db.selectFrom("built_images").select("name").where("run_id", "=", runId).execute();
  return {
    kind: "run",
    component: run.component,
    at: row.finished_at ?? row.created_at,
    actor: undefined,
    run: {
      id: run.id,
      job: run.job.name,
      type: run.type,
      state: row.state,
      description: row.description,
      refs: run.refs,
      ref: run.ref,
      commit: run.head,
      tier: run.tier,
      releaseId: run.releaseId,
      images: images.map((image) => image.name),
    },
  };
}

/** `undefined` when it was withdrawn meanwhile: nothing is tried of it then. */
async function completeReleasedEvent(sources: FactSources, id: string): Promise<ReleasedEvent | undefined> {
  const row = await findRelease(sources.store, id);
  if (row?.state !== "published") return undefined;
  const images = row.run_id === null ? [] : await builtImages(sources.store, row.run_id);
  return {
    kind: "released",
    component: row.component,
    at: row.published_at ?? row.requested_at,
    actor: undefined,
    release: {
      id: row.id,
      version: row.version,
      commit: row.commit_id,
      prerelease: row.prerelease === 1,
      run: images.length === 0 ? undefined : (row.run_id ?? undefined),
    },
  };
}

/** Everything a decision about the event may look at. Only reads; git objects and rows. */
export async function gatherFacts(sources: FactSources, event: FamilyEvent): Promise<Facts> {
  const family = sources.family();
  const name = event.component ?? "";
  const component = family.components.find((candidate) => candidate.name === name);
  const repository = await sources.git.open(name);
  const refs = await repository.refs();
  const defaultBranch = component?.defaultBranch ?? (await repository.defaultBranch()) ?? "main";
  const tags = refs
    .filter((ref) => ref.name.startsWith("refs/tags/"))
    .map((ref) => ({ name: ref.name.slice("refs/tags/".length), object: ref.object, commit: ref.commit }));
  const branches = refs
    .filter((ref) => ref.name.startsWith("refs/heads/"))
    .map((ref) => ref.name.slice("refs/heads/".length));
  const tagged = event.kind === "tag" ? await taggedCommit(repository, refs, event) : undefined;
  const own = sources.jobsOf(name, defaultBranch);
  const brought = component ? await inRepoAt(sources, repository, component, event) : undefined;
  const known = event.kind === "tag" ? withEventTag(tags, event, tagged) : tags;
  const periodics = sources.periodics().filter((job) => event.component === undefined || job.component === name);
  const releases = (await releasesOf(sources.store, name)).map((row) => ({
    id: row.id,
    version: row.version,
    tagObject: row.tag_object,
    commit: row.commit_id,
    state: row.state,
  }));
  return {
    family,
    component,
    defaultBranch,
    jobs: event.kind === "tick" ? periodics : [...own, ...(brought?.jobs ?? [])],
    inRepo: brought?.facts,
    previous: event.kind === "tick" ? await previousRuns(sources.store, periodics) : {},
    liveRuns: await liveRuns(sources.store, name),
    openChanges: (await openChanges(sources.store, name)).map(changeFactsOf),
    releases,
    tags: known,
    branches,
    ...(event.kind === "tag" && component && tagged !== undefined
      ? await tagFacts(sources, component, repository, event, countedTags(known, releases), tagged)
      : {}),
    signedBy:
      event.kind === "tag" && family.signers && tagged !== undefined
        ? await repository.tagSigner(event.after, event.ref.slice("refs/tags/".length), family.signers)
        : undefined,
    containing: tagged === undefined ? [] : await repository.branchesContaining(tagged),
    checks: tagged === undefined ? [] : await checksOn(sources.store, name, tagged),
    canaries: event.kind === "tick" ? await newestCanaryTimes(sources.store) : undefined,
    deployments: event.kind === "released" ? await deploymentsOf(sources, name) : undefined,
    canary: event.kind === "run" ? await canaryFacts(sources, repository, event, defaultBranch) : undefined,
  };
}

/**
 * A repository's own jobs count on changes, as merged with their base, and on branches, as pushed. A tag is released by the
 * family's jobs alone; the end of a run is about the job as it was recorded.
 */
async function inRepoAt(
  sources: FactSources,
  repository: Repository,
  component: Component,
  event: FamilyEvent,
): Promise<InRepoReading | undefined> {
  switch (event.kind) {
    case "change":
    case "comment": {
      const { base, baseSha, number, head } = event.change;
      const pulls = [{ number, head }];
      return await sources.inRepo.read(repository, component, { kind: "merged", base, baseSha, pulls });
    }
    case "push":
      if (/^0+$/.test(event.after)) return undefined;
      return await sources.inRepo.read(repository, component, { kind: "commit", commit: event.after });
    case "run": {
      const row = await findRun(sources.store, event.run.id);
      const job = row && runOf(row).job;
      return job?.inRepo === true ? { jobs: [job], facts: undefined } : undefined;
    }
    default:
      return undefined;
  }
}

/** A tag that is only thought of, for a dry run, is read from the event. */
async function taggedCommit(
  repository: Repository,
  refs: readonly RefValue[],
  event: TagEvent,
): Promise<string | undefined> {
  const present = refs.find((ref) => ref.name === event.ref && ref.object === event.after);
  return present ? present.commit : await repository.commitOf(event.after);
}

function withEventTag(tags: Facts["tags"], event: TagEvent, commit: string | undefined): Facts["tags"] {
  const name = event.ref.slice("refs/tags/".length);
  if (/^0+$/.test(event.after)) return tags;
  return [...tags.filter((tag) => tag.name !== name), { name, object: event.after, commit }];
}

async function liveRuns(store: Store, component: string): Promise<Facts["liveRuns"]> {
  const rows = await store.db
    .selectFrom("runs")
    .select(["id", "job", "type", "change_number", "head", "release_id"])
    .where("component", "=", component)
    .where("state", "in", ["triggered", "pending"])
    .execute();
  return rows.map((row) => ({
    id: row.id,
    job: row.job,
    type: row.type,
    change: row.change_number ?? undefined,
    head: row.head,
    releaseId: row.release_id ?? undefined,
  }));
}

/** Prow 2.6: the newest run of each periodic by job name, whatever started it. */
export async function previousRuns(store: Store, periodics: readonly Job[]): Promise<Facts["previous"]> {
  if (periodics.length === 0) return {};
  const rows = await store.db
    .selectFrom("runs")
    .select(["job", "created_at", "finished_at"])
    .where("type", "=", "periodic")
    .orderBy("created_at")
    .execute();
  const known = new Set(periodics.map((job) => job.name));
  return Object.fromEntries(
    rows
      .filter((row) => known.has(row.job))
      .map((row) => [row.job, { startedAt: row.created_at, completedAt: row.finished_at ?? undefined }]),
  );
}

/** The newest run of each context on exactly this commit; runs of changes test something else, the merged commit. */
export async function checksOn(store: Store, component: string, commit: string): Promise<Facts["checks"]> {
  const rows = await store.db
    .selectFrom("runs")
    .select(["context", "state", "description"])
    .where("component", "=", component)
    .where("head", "=", commit)
    .where("change_number", "is", null)
    .where("tier", "=", "branch")
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
  const newest = new Map<string, Facts["checks"][number]>();
  for (const row of rows) if (!newest.has(row.context)) newest.set(row.context, row);
  return [...newest.values()];
}

async function canaryFacts(
  sources: FactSources,
  repository: Repository,
  event: RunEvent,
  defaultBranch: string,
): Promise<Facts["canary"]> {
  if (!event.run.ref.startsWith("refs/heads/")) return undefined;
  const tag = canaryTagOf(event.run.ref.slice("refs/heads/".length), defaultBranch);
  if (tag === undefined) return undefined;
  const commit = await currentCanary(sources.store, event.component, tag);
  if (commit === undefined) return undefined;
  const newer = commit !== event.run.commit && (await repository.isAncestor(event.run.commit, commit));
  return { commit, newerThanThisRun: newer };
}

/** Maintainers of a component, for sentences that say who may act. */
export function maintainersOf(component: Component | undefined): string {
  const names = component?.maintainers ?? [];
  return names.length === 0 ? "an administrator" : `${names.join(", ")} or an administrator`;
}
