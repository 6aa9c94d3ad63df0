import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Component, Family, ReleaseState } from "../../family/index.ts";
import type { Finding, Unchecked } from "../../policy/index.ts";
import type { BuiltImageRow, PublicationRow, ReleaseRow } from "../../store/index.ts";
import { runRefOf } from "./checks.ts";
import { lanesOfRelease } from "./cluster-tests.ts";
import { markOfRelease } from "./marks.ts";
import type { List, ListFilter, NextStep, RegistryState, ReleaseImageView, ReleaseItem, ReleaseView } from "./model.ts";
import {
  boundedLimit,
  imagesOfRuns,
  notesOf,
  publicationsOfReleases,
  releaseRow,
  releaseRows,
  runRow,
} from "./records.ts";
import { proofOf } from "./release-proof.ts";
import type { ViewSources } from "./sources.ts";
import { stopTimes, stripOf } from "./strip.ts";
import { iso, pagePath, shellWord } from "./text.ts";

export async function listReleases(sources: ViewSources, filter: ListFilter): Promise<List<ReleaseItem>> {
  const rows = await releaseRows(sources.db, filter);
  const limit = boundedLimit(filter.limit);
  return { items: await releaseItems(sources, rows.slice(0, limit)), more: rows.length > limit };
}

export async function releaseItems(
  sources: ViewSources,
  rows: readonly Selectable<ReleaseRow>[],
): Promise<readonly ReleaseItem[]> {
  const runIds = rows.flatMap((row) => (row.run_id === null ? [] : [row.run_id]));
  const built = await imagesOfRuns(sources.db, runIds);
  const publications = await publicationsOfReleases(
    sources.db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => ({
    id: row.id,
    component: row.component,
    version: row.version,
    state: row.state,
    commit: row.commit_id,
    prerelease: row.prerelease === 1,
    images: imagesOf(
      sources,
      row,
      built.filter((image) => image.run_id === row.run_id),
      publications.filter((publication) => publication.release_id === row.id),
    ),
    requested: iso(row.requested_at),
    published: iso(row.published_at),
    reason: row.reason,
    url: `${sources.url()}${pagePath.release(row.id)}`,
    ...markOfRelease(row.state),
  }));
}

/** Built images with where they went; before the build, the names the family file gives the component. */
function imagesOf(
  sources: ViewSources,
  row: Selectable<ReleaseRow>,
  built: readonly Selectable<BuiltImageRow>[],
  publications: readonly Selectable<PublicationRow>[],
): readonly ReleaseImageView[] {
  const family = sources.family();
  const owned = componentOf(sources, row.component)?.images ?? [];
  const names = built.length > 0 ? built.map((image) => image.name) : owned;
  return names.map((name) => {
    const image = built.find((candidate) => candidate.name === name);
    const mine = publications.filter((publication) => publication.image === name);
    return {
      name,
      digest: image?.digest ?? mine[0]?.digest ?? null,
      platforms: image ? platformsOf(image.platforms) : [],
      registries:
        mine.length > 0
          ? [
              ...mine.map(({ registry, state, detail }) => ({ registry, state, detail })),
              ...absentFrom(family, mine, row.state),
            ]
          : family.registries.release.map((registry) => ({ registry, state: "waiting", detail: "" })),
    };
  });
}

/** Registries that were added to the family file after the release was published. */
function absentFrom(
  family: Family,
  mine: readonly Selectable<PublicationRow>[],
  state: ReleaseState,
): readonly RegistryState[] {
  if (state !== "published") return [];
  const known = new Set(mine.map((row) => row.registry));
  return family.registries.release
    .filter((registry) => !known.has(registry))
    .map((registry) => ({ registry, state: "absent", detail: "added after the release was published" }));
}

interface StoredPlatform {
  readonly platform?: PlatformParts | string;
}

interface PlatformParts {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
}

function platformsOf(text: string): readonly string[] {
  const stored: readonly StoredPlatform[] = JSON.parse(text);
  return stored.map(({ platform }) => {
    if (platform === undefined || typeof platform === "string") return platform ?? "unknown";
    const parts = [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])];
    const version = platform["os.version"];
    return `${parts.join("/")}${version ? ` ${version}` : ""}`;
  });
}

function componentOf(sources: ViewSources, name: string): Component | undefined {
  return sources.family().components.find((component) => component.name === name);
}

/** Fault `not-found`. */
export async function showRelease(sources: ViewSources, id: string): Promise<Result<ReleaseView>> {
  const row = await releaseRow(sources.db, id);
  if (!row) return err(fault("not-found", `there is no release ${id}`, { hint: "fairlead releases" }));
  const [item] = await releaseItems(sources, [row]);
  if (!item) return err(fault("not-found", `there is no release ${id}`, { hint: "fairlead releases" }));
  const findings: readonly Finding[] = JSON.parse(row.findings);
  const unchecked: readonly Unchecked[] = JSON.parse(row.unchecked);
  const run = row.run_id === null ? undefined : await runRow(sources.db, row.run_id);
  const siblings = await releaseRows(sources.db, { component: row.component, limit: 20 });
  const component = componentOf(sources, row.component);
  const over = ["published", "withdrawn", "failed", "closed"].includes(row.state);
  const withoutImages =
    item.images.length === 0 && (over || component?.images?.length === 0 || component?.kind === "internal");
  const registries = new Set(item.images.flatMap((image) => image.registries.map((each) => each.registry)));
  return ok({
    ...item,
    tagObject: row.tag_object,
    requestedBy: row.requested_by,
    run: run ? runRefOf(run) : null,
    findings,
    unchecked,
    findingsHash: row.findings_hash,
    strip: stripOf(
      {
        ...row,
        requestedBy: row.requested_by,
        rules: refusals(findings).length,
        approvedBy: row.approved_by,
        images: item.images.length,
        registries: registries.size,
      },
      sources.clock.now(),
    ),
    lastTimes: lastTimes(siblings, row),
    hold: row.state === "quarantined" ? holdOf(component, findings) : null,
    approved:
      row.approved_by === null ? null : { by: row.approved_by, reason: row.approved_reason ?? "no reason was kept" },
    withdrawn:
      row.withdrawn_at === null
        ? null
        : { at: iso(row.withdrawn_at), by: row.withdrawn_by ?? "", reason: row.withdrawn_reason ?? "" },
    notes: (await notesOf(sources.db, row.id)).map((note) => ({
      at: iso(note.at),
      result: note.result === "pass" ? "pass" : "fail",
      text: note.text,
      by: note.by_user,
    })),
    withoutImages,
    pull: row.state === "published" ? pullOf(sources, item) : null,
    lanes: await lanesOfRelease(sources, row.id),
    proof: await proofOf(sources, row),
    others: (
      await releaseItems(
        sources,
        siblings.filter((other) => other.id !== row.id),
      )
    ).slice(0, 20),
    next: nextOfRelease(sources, row, item, findings),
  });
}

function lastTimes(
  siblings: readonly Selectable<ReleaseRow>[],
  row: Selectable<ReleaseRow>,
): Readonly<Record<string, number>> {
  const before = siblings.find((other) => other.id !== row.id && other.published_at !== null);
  return before ? stopTimes(before) : {};
}

function refusals(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter((finding) => finding.severity === "refuse");
}

function holdOf(component: Component | undefined, findings: readonly Finding[]): ReleaseView["hold"] {
  const held = refusals(findings);
  return {
    findings: held.length > 0 ? held : findings,
    approvable: held.every((finding) => finding.overridable),
    approvers: component?.maintainers ?? [],
  };
}

function pullOf(sources: ViewSources, item: ReleaseItem): string | null {
  const image = item.images[0];
  if (!image) return null;
  const name = sources.imageReference?.(image.name);
  return name === undefined ? null : `fairlead pull ${shellWord(`${name}:${item.version}`)} ${shellWord(image.name)}`;
}

function nextOfRelease(
  sources: ViewSources,
  row: Selectable<ReleaseRow>,
  item: ReleaseItem,
  findings: readonly Finding[],
): NextStep {
  const id = shellWord(row.id);
  switch (row.state) {
    case "quarantined": {
      const approvable = refusals(findings).every((finding) => finding.overridable);
      return approvable
        ? {
            urgency: "person",
            text: "satisfy the rule, or let it through on the record",
            command: `fairlead approve ${id} --reason 'why it is right'`,
          }
        : {
            urgency: "person",
            text: "nobody may override this: withdraw the tag and tag again",
            command: `git push origin :refs/tags/${shellWord(row.version)}`,
          };
    }
    case "failed":
      return row.run_id === null
        ? { urgency: "person", text: "see what was decided", command: `fairlead why ${id}` }
        : { urgency: "person", text: "read the log of its build", command: `fairlead logs ${row.run_id}` };
    case "published": {
      const pull = pullOf(sources, item);
      return pull === null
        ? { urgency: "none", text: "nothing to do", command: `fairlead why ${id}` }
        : { urgency: "none", text: "pull it", command: pull };
    }
    case "closed":
    case "withdrawn":
      return { urgency: "none", text: "nothing to do", command: `fairlead why ${id}` };
    default:
      return { urgency: "wait", text: "goes on by itself", command: `fairlead releases ${id} -f` };
  }
}
