import { type Clock, err, fault, type Ids, nextBuildId, ok, type Result } from "../core/index.ts";
import { type Family, tierOfChange } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { type Job, primaryRefs, type Refs } from "../jobs/index.ts";
import { type ChangeFacts, mainRefs, refsOf } from "../plan/index.ts";
import { findRunByAnyId, type Run, runOf } from "../runs/index.ts";
import { type FactSources, gatherFacts } from "./facts.ts";
import { changeFactsOf, findChange } from "./records.ts";

export interface ReproductionRequest {
  readonly job: string;
  /** Needed only where several components have a job of the name. */
  readonly component: string | undefined;
  /** At most one of the three; without any the default branch as it is now. */
  /** Several are a batch: merged in the order of their numbers. */
  readonly changes: readonly number[];
  readonly ref: string | undefined;
  /** A run's id or one of its build ids. */
  readonly run: string | undefined;
}

/** All that is needed to do elsewhere what the server did: the run as it was decided, and the family it was decided for. */
export interface Reproduction {
  readonly run: Run;
  readonly buildId: string;
  readonly family: Family;
}

/** Reads only. Faults: `not-found`, `bad-input`. */
export async function reproductionOf(
  sources: FactSources & { readonly clock: Clock; readonly ids: Ids },
  request: ReproductionRequest,
): Promise<Result<Reproduction>> {
  const family = sources.family();
  if (request.run !== undefined) return await ofRun(sources, request, request.run);
  const found = await findJob(sources, request);
  if (!found.ok) return found;
  const { component } = found.value;
  const batch = request.changes.length > 1;
  if (batch && found.value.job.type !== "presubmit")
    return err(fault("bad-input", `${request.job} is no presubmit: only those run on several changes together`));
  // Prow 2.7: a batch is the presubmit itself, of another type.
  const job: Job = batch ? { ...found.value.job, type: "batch" } : found.value.job;
  const place = await placeOf(sources, job, component, request);
  if (!place.ok) return place;
  const now = sources.clock.now();
  return ok({
    family,
    buildId: nextBuildId(now, undefined),
    run: {
      id: sources.ids.uuid(),
      job,
      type: job.type,
      component,
      state: "pending",
      releaseId: undefined,
      attempt: 0,
      createdAt: now,
      fencing: 0,
      ...place.value,
      refs: job.type === "periodic" ? place.value.refs : primaryRefs(job, place.value.refs),
    },
  });
}

async function ofRun(sources: FactSources, request: ReproductionRequest, id: string): Promise<Result<Reproduction>> {
  const found = await findRunByAnyId(sources.store, id);
  if (!found) return err(fault("not-found", `there is no run ${id}`, { hint: "fairlead runs" }));
  if (found.row.job !== request.job)
    return err(fault("bad-input", `run ${id} is of ${found.row.job}, not of ${request.job}`));
  return ok({ run: { ...runOf(found.row), state: "pending" }, buildId: found.buildId, family: sources.family() });
}

async function findJob(
  sources: FactSources,
  request: ReproductionRequest,
): Promise<Result<{ readonly job: Job; readonly component: string }>> {
  const names = sources.family().components.map((component) => component.name);
  if (request.component !== undefined && !names.includes(request.component))
    return err(
      fault("not-found", `there is no component ${request.component}`, { hint: `known: ${names.join(", ")}` }),
    );
  const found: { job: Job; component: string }[] = [];
  for (const name of request.component === undefined ? names : [request.component]) {
    const repository = await sources.git.open(name);
    const branch = (await repository.defaultBranch()) ?? "main";
    const brought = await broughtJobs(sources, repository, name, branch, request);
    const jobs = [...sources.jobsOf(name, branch), ...sources.periodics(), ...brought];
    const job = jobs.find((candidate) => candidate.name === request.job && candidate.component === name);
    if (job) found.push({ job, component: name });
  }
  const [first, second] = found;
  if (!first) return err(fault("not-found", `there is no job ${request.job}`, { hint: "fairlead jobs lists them" }));
  if (second) {
    const owners = found.map((each) => each.component).join(", ");
    return err(fault("bad-input", `${owners} have a job ${request.job}`, { hint: "name one with --component" }));
  }
  return ok(first);
}

/** Jobs of the repository itself, at the revision that is asked for. */
async function broughtJobs(
  sources: FactSources,
  repository: Repository,
  name: string,
  defaultBranch: string,
  request: ReproductionRequest,
): Promise<readonly Job[]> {
  const component = sources.family().components.find((each) => each.name === name);
  if (!component) return [];
  if (request.changes.length === 0) {
    const commit = await commitNamed(repository, request.ref ?? defaultBranch);
    if (commit === undefined) return [];
    return (await sources.inRepo.read(repository, component, { kind: "commit", commit: commit.commit })).jobs;
  }
  const rows = await changesOf(sources, name, request.changes);
  if (!rows.ok) return [];
  const [{ base }] = rows.value;
  const baseSha = await repository.commitOf(`refs/heads/${base}`);
  if (baseSha === undefined) return [];
  const pulls = rows.value.map(({ number, head }) => ({ number, head }));
  return (await sources.inRepo.read(repository, component, { kind: "merged", base, baseSha, pulls })).jobs;
}

/** In the order of their numbers, as Prow merges them; all of one branch. */
async function changesOf(
  sources: FactSources,
  component: string,
  numbers: readonly number[],
): Promise<Result<readonly [ChangeFacts, ...ChangeFacts[]]>> {
  const found: ChangeFacts[] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const row = await findChange(sources.store, component, number);
    if (!row) return err(fault("not-found", `${component} has no change ${number}`, { hint: "fairlead changes" }));
    found.push(changeFactsOf(row));
  }
  const [first, ...rest] = found;
  if (!first) return err(fault("bad-input", "no change was named"));
  const other = rest.find((each) => each.base !== first.base);
  if (other)
    return err(
      fault("bad-input", `change ${other.number} is for ${other.base}, and change ${first.number} for ${first.base}`, {
        hint: "a batch is of changes for one branch",
      }),
    );
  return ok([first, ...rest]);
}

/** A branch, a tag or a commit. */
async function commitNamed(
  repository: Repository,
  named: string,
): Promise<{ readonly ref: string; readonly commit: string } | undefined> {
  const full = named.startsWith("refs/") ? [named] : [`refs/heads/${named}`, `refs/tags/${named}`, named];
  for (const ref of full) {
    const commit = await repository.commitOf(ref);
    if (commit !== undefined) return { ref, commit };
  }
  return undefined;
}

type RunPlace = Pick<Run, "refs" | "ref" | "change" | "head" | "tier">;

async function placeOf(
  sources: FactSources & { readonly clock: Clock },
  job: Job,
  component: string,
  request: ReproductionRequest,
): Promise<Result<RunPlace>> {
  const at = sources.clock.now();
  const facts = await gatherFacts(sources, { kind: "tick", component, at, since: at });
  const repository = await sources.git.open(component);
  if (request.changes.length > 0) {
    const named = await changesOf(sources, component, request.changes);
    if (!named.ok) return named;
    const changes = named.value;
    const [{ base, baseSha: known, number, head }] = changes;
    const baseSha = (await repository.commitOf(`refs/heads/${base}`)) ?? known;
    const pulls = changes.map((each) => ({
      number: each.number,
      author: each.author,
      sha: each.head,
      title: each.title,
    }));
    return ok({
      refs: { ...refsOf(facts, base, baseSha), pulls },
      ref: `refs/pull/${number}/head`,
      change: number,
      head,
      tier: changes.some((each) => tierOfChange(each) === "stranger") ? "stranger" : "change",
    });
  }
  if (job.type === "periodic") {
    const refs = mainRefs(job);
    return ok({ refs, ref: `refs/heads/${refs.base_ref}`, change: undefined, head: refs.base_sha, tier: "branch" });
  }
  const named = request.ref ?? facts.defaultBranch;
  const found = await commitNamed(repository, named);
  if (!found) return err(fault("not-found", `${component} has no branch, tag or commit ${named}`));
  const { ref, commit } = found;
  const short = ref.replace(/^refs\/(heads|tags)\//, "");
  const refs: Refs = refsOf(facts, ref === named && !ref.startsWith("refs/") ? facts.defaultBranch : short, commit);
  return ok({ refs, ref, change: undefined, head: commit, tier: "branch" });
}
