import { type AuditFindingRow, appendFeed, type Store } from "../../store/index.ts";
import type { AuditFinding, RecordedTag } from "./model.ts";
import { sentenceOf } from "./sentences.ts";

/** Every image and tag of a release whose bytes are, or may be, public. */
export async function recordedTags(store: Store): Promise<readonly RecordedTag[]> {
  const rows = await store.db
    .selectFrom("publications")
    .innerJoin("releases", "releases.id", "publications.release_id")
    .select([
      "publications.release_id",
      "publications.component",
      "publications.image",
      "publications.tag",
      "publications.registry",
      "publications.digest",
      "publications.state",
      "releases.state as release_state",
    ])
    .where("releases.state", "in", ["publishing", "published", "withdrawn"])
    .execute();
  const tags = new Map<string, RecordedTag & { readonly at: Map<string, string> }>();
  for (const row of rows) {
    const key = `${row.image}:${row.tag}`;
    const entry = tags.get(key) ?? {
      release: row.release_id,
      component: row.component,
      image: row.image,
      tag: row.tag,
      digest: row.digest,
      // A withdrawn one stays where it is, and is not brought anywhere else.
      complete: row.release_state === "published",
      at: new Map<string, string>(),
    };
    entry.at.set(row.registry, row.state);
    tags.set(key, entry);
  }
  return [...tags.values()];
}

/** `component tag` of the tags that were there when a component was taken in. */
export async function adoptedTags(store: Store): Promise<ReadonlySet<string>> {
  const rows = await store.db
    .selectFrom("refs")
    .select(["component", "name"])
    .where("adopted", "=", 1)
    .where("name", ">=", "refs/tags/")
    .where("name", "<", "refs/tags0")
    .execute();
  return new Set(rows.map((row) => `${row.component} ${row.name.slice("refs/tags/".length)}`));
}

export interface Audited {
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly compared: number;
  readonly unread: readonly { readonly registry: string; readonly reason: string }[];
  readonly findings: readonly AuditFinding[];
}

/**
 * Keeps what an audit found. What is new is an alarm: a decision with its reason, and news for whoever follows the feed.
 * Findings of a registry that could not be read stay as they were. Answers the new ones.
 */
export async function keepAudit(store: Store, audited: Audited, configHash: string): Promise<readonly AuditFinding[]> {
  const unread = new Set(audited.unread.map((each) => each.registry));
  const at = audited.finishedAt;
  return await store.transaction(async (trx) => {
    await store.orderAppends(trx);
    const known = await trx.selectFrom("audit_findings").selectAll().execute();
    const open = new Map(known.filter((row) => row.resolved_at === null).map((row) => [row.id, row]));
    const found = new Map(audited.findings.map((finding) => [idOf(finding), finding]));
    const fresh = [...found].filter(([id]) => !open.has(id));
    for (const [id, finding] of found) {
      const row = rowOf(id, finding, open.get(id)?.first_seen ?? at, at);
      await trx
        .insertInto("audit_findings")
        .values(row)
        .onConflict((oc) => oc.column("id").doUpdateSet(row))
        .execute();
    }
    const gone = [...open.values()].filter((row) => !found.has(row.id) && !unread.has(row.registry));
    for (const { id } of gone)
      await trx.updateTable("audit_findings").set({ resolved_at: at }).where("id", "=", id).execute();
    const inserted = await trx
      .insertInto("audits")
      .values({
        started_at: audited.startedAt,
        finished_at: at,
        compared: audited.compared,
        unread: JSON.stringify(audited.unread),
      })
      .returning("seq")
      .executeTakeFirstOrThrow();
    for (const [, finding] of fresh)
      await trx
        .insertInto("decisions")
        .values({
          event_id: `audit-${inserted.seq}`,
          component: finding.component,
          kind: "alarm",
          subject: finding.release ?? finding.component,
          commit_id: null,
          reason: sentenceOf(finding),
          body: JSON.stringify(finding),
          config_hash: configHash,
          at,
        })
        .execute();
    const news = new Set([...fresh.map(([, each]) => each.component), ...gone.map((row) => row.component)]);
    const alarmed = new Set(fresh.map(([, each]) => each.component));
    await appendFeed(
      store,
      trx,
      [...news].map((component) => ({
        at,
        topic: "component" as const,
        component,
        subject: component,
        state: alarmed.has(component) ? "alarm" : "audited",
      })),
    );
    return fresh.map(([, finding]) => finding);
  });
}

function idOf({ kind, registry, image, tag }: AuditFinding): string {
  return [kind, registry, image, tag].join("|");
}

function rowOf(id: string, finding: AuditFinding, firstSeen: number, lastSeen: number): AuditFindingRow {
  const { kind, registry, component, image, tag, release, expected, found } = finding;
  return {
    id,
    kind,
    registry,
    component,
    image,
    tag,
    release_id: release ?? null,
    expected: expected ?? null,
    found: found ?? null,
    first_seen: firstSeen,
    last_seen: lastSeen,
    resolved_at: null,
  };
}
