import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { type Component, compareVersions, parseVersionTag } from "../../family/index.ts";
import { inRepoContext } from "../../plan/index.ts";
import type { ComponentRow, ReleaseRow } from "../../store/index.ts";
import { canaryItem } from "./canaries.ts";
import { changeItem } from "./changes.ts";
import { summariseChecks } from "./checks.ts";
import { readFreezes } from "./freezes.ts";
import type { ChangeItem, ComponentView, NextStep, StatusRow, StatusView } from "./model.ts";
import { nextStep, type UnfinishedRelease } from "./next-step.ts";
import {
  branchChecks,
  branchHead,
  canaryMoves,
  changeRows,
  changeRuns,
  componentRows,
  newestAdopted,
  newestCanaries,
  releaseRows,
  runRows,
  statusSaid,
} from "./records.ts";
import { releaseItems } from "./releases.ts";
import { runItem } from "./runs.ts";
import type { ViewSources } from "./sources.ts";
import { iso, shellWord } from "./text.ts";

/** Fault `not-found` for a name that is no component. */
export async function showStatus(sources: ViewSources, only: string | undefined): Promise<Result<StatusView>> {
  const family = sources.family();
  const wanted = only === undefined ? family.components : family.components.filter(({ name }) => name === only);
  if (only !== undefined && wanted.length === 0) return err(noComponent(only));
  const rows = await componentRows(sources.db);
  const items: StatusRow[] = [];
  for (const component of [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    items.push((await statusOf(sources, component, rows.get(component.name))).row);
  }
  return ok({
    family: family.name,
    at: iso(sources.clock.now()),
    items,
    needsPerson: items.filter((item) => item.next.urgency === "person").length,
    ready: items.filter((item) => item.next.urgency === "ready").length,
    next: firstStep(items),
  });
}

/** What waits for a person first; else what is ready, releases before the rest. */
function firstStep(items: readonly StatusRow[]): NextStep {
  const first =
    items.find((item) => item.next.urgency === "person") ??
    items.find((item) => item.next.mark?.word === "ready") ??
    items.find((item) => item.next.urgency === "ready") ??
    items.find((item) => item.next.urgency === "wait");
  if (!first) return { urgency: "none", text: "nothing to do", command: "fairlead releases" };
  return { ...first.next, text: `${first.component}: ${first.next.text}` };
}

function noComponent(name: string) {
  return fault("not-found", `there is no component ${name}`, { hint: "fairlead status" });
}

interface Standing {
  readonly row: StatusRow;
  readonly changes: readonly ChangeItem[];
}

async function statusOf(
  sources: ViewSources,
  component: Component,
  stored: Selectable<ComponentRow> | undefined,
): Promise<Standing> {
  const { db } = sources;
  const { name } = component;
  const branch = component.defaultBranch ?? stored?.default_branch ?? undefined;
  const commit = branch === undefined ? undefined : await branchHead(db, name, branch);
  const head = branch === undefined || commit === undefined ? undefined : { branch, commit };
  const required = summariseChecks(head ? await branchChecks(db, name, head.commit) : []);
  const releases = await releaseRows(db, { component: name, limit: 100 });
  const published = releases.filter((release) => release.state === "published");
  const newest = published.find((release) => release.prerelease === 0) ?? published[0];
  const adopted = component.kind === "internal" ? undefined : await newestAdopted(db, name);
  const canary = (await newestCanaries(db, name)).find((row) => row.tag === "canary");
  const open = (await changeRows(db, { component: name, state: "open", limit: 100 })).slice(0, 100);
  const freezes = await readFreezes(sources, name);
  const nextRelease = stored?.state === "adopted" ? await sources.nextRelease(name) : undefined;
  const withdrawn = releases.find(
    (release) => release.state === "withdrawn" && isNewer(release.version, newest?.version),
  );
  const changes: ChangeItem[] = [];
  for (const row of open.slice(0, 20)) {
    const runs = await changeRuns(db, name, row.number);
    changes.push(changeItem(sources, row, runs, freezes, await statusSaid(db, row, inRepoContext)));
  }
  const row: StatusRow = {
    component: name,
    kind: component.kind,
    state: stored?.state ?? "new",
    release: newest
      ? { id: newest.id, version: newest.version, published: iso(newest.published_at ?? newest.requested_at) }
      : adopted
        ? { id: null, version: adopted.version, published: null }
        : null,
    head: head ?? null,
    required,
    canary: canary ? { tag: canary.tag, commit: canary.commit_id, moved: iso(canary.at) } : null,
    openChanges: open.length,
    frozen: freezes.all,
    withdrawn: withdrawn
      ? { id: withdrawn.id, version: withdrawn.version, reason: withdrawn.withdrawn_reason ?? "" }
      : null,
    unreleased: nextRelease?.commits ?? null,
    next: nextStep({
      component: name,
      kind: component.kind,
      state: stored?.state ?? "new",
      stateDetail: stored?.state_detail ?? "",
      head,
      required,
      unfinished: unfinishedOf(releases),
      published: [
        ...published.map((release) => ({ version: release.version, commit: release.commit_id })),
        ...(adopted ? [adopted] : []),
      ],
      changes,
      nextRelease,
    }),
  };
  return { row, changes };
}

function isNewer(version: string, than: string | undefined): boolean {
  const [a, b] = [parseVersionTag(version), parseVersionTag(than ?? "")];
  return a.ok && (!b.ok || compareVersions(a.value, b.value) > 0);
}

/** The newest try of each version, where it is neither done nor given up; a failure is over once a newer one succeeded. */
function unfinishedOf(releases: readonly Selectable<ReleaseRow>[]): readonly UnfinishedRelease[] {
  const seen = new Set<string>();
  const unfinished: UnfinishedRelease[] = [];
  for (const release of releases) {
    if (seen.has(release.version)) continue;
    seen.add(release.version);
    const { state } = release;
    if (state === "published" || state === "closed" || state === "withdrawn") continue;
    const overtaken =
      state === "failed" &&
      releases.some((other) => other.state === "published" && other.requested_at > release.requested_at);
    if (overtaken) continue;
    const since = release.ended_at ?? release.quarantined_at ?? release.building_at ?? release.requested_at;
    unfinished.push({ id: release.id, version: release.version, state, reason: release.reason, since: iso(since) });
  }
  return unfinished;
}

/** Fault `not-found`. */
export async function showComponent(sources: ViewSources, name: string): Promise<Result<ComponentView>> {
  const component = sources.family().components.find((candidate) => candidate.name === name);
  if (!component) return err(noComponent(name));
  const { db } = sources;
  const stored = (await componentRows(db)).get(name);
  const standing = await statusOf(sources, component, stored);
  const releases = await releaseRows(db, { component: name, limit: 20 });
  const canaries = await newestCanaries(db, name);
  const current = new Set(canaries.map((row) => row.seq));
  const moves = await canaryMoves(db, name, { limit: 20 });
  return ok({
    status: standing.row,
    repository: component.repository,
    clone: `git clone ${shellWord(`${sources.url()}/git/${name}.git`)}`,
    images: component.images ?? null,
    deployed: component.deployed,
    maintainers: component.maintainers,
    stateDetail: stored?.state_detail ?? "",
    adopted: { at: iso(stored?.adopted_at ?? null), commits: stored?.commits ?? 0, tags: stored?.adopted_tags ?? 0 },
    changes: standing.changes,
    runs: (await runRows(db, { component: name, limit: 15 })).slice(0, 15).map((row) => runItem(sources, row)),
    releases: await releaseItems(sources, releases.slice(0, 20)),
    canaries: canaries.map(canaryItem),
    earlierCanaries: moves.filter((row) => !current.has(row.seq)).map(canaryItem),
    next: standing.row.next,
  });
}
