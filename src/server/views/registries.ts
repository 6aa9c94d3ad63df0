import type { Kysely, Selectable } from "kysely";
import { type FindingKind, remedyOf, sentenceOf } from "../../proof/index.ts";
import type { Database, PublicationRow } from "../../store/index.ts";
import { type Judged, markOfPublication } from "./marks.ts";
import type { AuditView, NextStep, RegistriesView, RegistryCell } from "./model.ts";
import { imagesOfRuns, publicationsOfReleases } from "./records.ts";
import type { ViewSources } from "./sources.ts";
import { iso } from "./text.ts";

const mostLeft = 200;
const mostFindings = 500;

type Left = RegistriesView["left"][number];

/** Component × registry over all releases that are, or are being, published. */
export async function showRegistries(sources: ViewSources, component?: string): Promise<RegistriesView> {
  const { db } = sources;
  const family = sources.family();
  let query = db
    .selectFrom("releases")
    .select(["id", "component", "version", "run_id"])
    .where("state", "in", ["publishing", "published"]);
  if (component !== undefined) query = query.where("component", "=", component);
  const releases = await query.orderBy("requested_at").execute();
  const built = await imagesOfRuns(
    db,
    releases.flatMap((row) => row.run_id ?? []),
  );
  const publications = await publicationsOfReleases(
    db,
    releases.map((row) => row.id),
  );
  const byPlace = new Map(publications.map((row) => [placeOf(row.release_id, row.image, row.registry), row]));
  const registries = [...new Set([...family.registries.release, ...publications.map((row) => row.registry)])];
  const rows = new Map<string, { component: string; image: string; entries: Left[] }>();
  for (const release of releases) {
    for (const image of built.filter((each) => each.run_id === release.run_id)) {
      const row = rows.get(image.name) ?? { component: release.component, image: image.name, entries: [] };
      rows.set(image.name, row);
      for (const registry of registries) {
        const publication = byPlace.get(placeOf(release.id, image.name, registry));
        if (!publication && !family.registries.release.includes(registry)) continue;
        row.entries.push({
          release: release.id,
          component: release.component,
          version: release.version,
          image: image.name,
          digest: image.digest,
          registry,
          ...stateOf(publication),
        });
      }
    }
  }
  const items = [...rows.values()]
    .sort((a, b) => (a.component + a.image < b.component + b.image ? -1 : 1))
    .map(({ entries, ...row }) => ({ ...row, registries: registries.map((name) => cellOf(name, entries)) }));
  const left = [...rows.values()].flatMap((row) => row.entries).filter((entry) => entry.state !== "published");
  const audit = await showAudit(sources);
  return {
    registries,
    items,
    left: left.slice(0, mostLeft),
    leftOut: Math.max(0, left.length - mostLeft),
    audit,
    next: nextOf(left, audit),
  };
}

function placeOf(release: string, image: string, registry: string): string {
  return `${release}|${image}|${registry}`;
}

function stateOf(publication: Selectable<PublicationRow> | undefined): Judged & { state: string; detail: string } {
  const state = publication?.state ?? "absent";
  const detail = publication?.detail ?? "added after the release was published";
  return { state, detail, ...markOfPublication(state) };
}

function cellOf(registry: string, entries: readonly Left[]): RegistryCell {
  const here = entries.filter((entry) => entry.registry === registry);
  const count = (...states: string[]) => here.filter((entry) => states.includes(entry.state)).length;
  const published = count("published");
  const absent = count("absent");
  const refused = count("refused");
  const left = here.length - published - absent - refused;
  const newest = here.filter((entry) => entry.state === "published").at(-1)?.version ?? null;
  return { registry, published, left, absent, refused, newest, ...judge({ published, left, absent, refused }) };
}

/** The worst of what is there decides the mark; the words say all of it. */
function judge(cell: { published: number; left: number; absent: number; refused: number }): Judged {
  const words = [
    ...(cell.published > 0 ? [`${cell.published} published`] : []),
    ...(cell.left > 0 ? [`${cell.left} under way`] : []),
    ...(cell.absent > 0 ? [`${cell.absent} absent`] : []),
    ...(cell.refused > 0 ? [`${cell.refused} refused`] : []),
  ];
  const word = words.length === 0 ? "no release" : words.join(", ");
  if (cell.refused > 0) return { mark: "error", word };
  if (cell.left > 0) return { mark: "running", word };
  if (cell.absent > 0) return { mark: "notrun", word };
  return cell.published > 0 ? { mark: "published", word } : { mark: "queued", word };
}

function nextOf(left: readonly Left[], audit: AuditView): NextStep {
  const absent = left.find((entry) => entry.state === "absent" || entry.state === "refused");
  if (absent)
    return {
      urgency: "ready",
      text: "copies what is absent, by digest; nothing is built",
      command: `fairlead promote --all --registry ${absent.registry}`,
    };
  const first = audit.items[0];
  if (first) return { urgency: "person", text: `${first.sentence}: ${first.remedy}` };
  if (left.length > 0)
    return {
      urgency: "wait",
      text: "what is under way is tried again by itself; at once:",
      command: "fairlead promote --all",
    };
  if (audit.finished === null)
    return { urgency: "ready", text: "compare the registries with the record", command: "fairlead audit" };
  return { urgency: "none", text: "every registry has every release" };
}

export async function openFindings(db: Kysely<Database>): Promise<number> {
  const row = await db
    .selectFrom("audit_findings")
    .select((eb) => eb.fn.countAll<number>().as("n"))
    .where("resolved_at", "is", null)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** What the last audit left open. */
export async function showAudit(sources: ViewSources): Promise<AuditView> {
  const { db } = sources;
  const last = await db.selectFrom("audits").selectAll().orderBy("seq", "desc").limit(1).executeTakeFirst();
  const rows = await db
    .selectFrom("audit_findings")
    .selectAll()
    .where("resolved_at", "is", null)
    .orderBy("first_seen", "desc")
    .orderBy("id")
    .limit(mostFindings + 1)
    .execute();
  const unread: AuditView["unread"] = JSON.parse(last?.unread ?? "[]");
  const every = sources.family().registries.auditEveryMs;
  return {
    finished: iso(last?.finished_at ?? null),
    compared: last?.compared ?? 0,
    everyMs: every ?? null,
    unread,
    items: rows.slice(0, mostFindings).map((row) => {
      const finding = { ...row, kind: kindOf(row.kind), release: row.release_id };
      const { kind, registry, component, image, tag, release, expected, found } = finding;
      return {
        ...{ kind, registry, component, image, tag, release, expected, found },
        since: iso(row.first_seen),
        sentence: sentenceOf(finding),
        remedy: remedyOf(finding),
      };
    }),
    more: rows.length > mostFindings,
  };
}

const kinds: readonly FindingKind[] = ["moved", "deleted", "unexpected", "missing", "unsigned"];

function kindOf(text: string): FindingKind {
  return kinds.find((kind) => kind === text) ?? "unexpected";
}
