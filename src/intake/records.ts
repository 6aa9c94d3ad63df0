import type { Selectable } from "kysely";
import type { Role } from "../family/index.ts";
import type { ChangeFacts, FamilyEvent } from "../plan/index.ts";
import type { Freeze } from "../policy/index.ts";
import type { ChangeRow, ComponentRow, EventRow, RefRow, Store, Trx } from "../store/index.ts";

export type StoredChange = Selectable<ChangeRow>;

export async function findComponent(store: Store, name: string): Promise<Selectable<ComponentRow> | undefined> {
  return await store.db.selectFrom("components").selectAll().where("name", "=", name).executeTakeFirst();
}

export async function allComponents(store: Store): Promise<readonly Selectable<ComponentRow>[]> {
  return await store.db.selectFrom("components").selectAll().orderBy("name").execute();
}

export async function knownRefs(store: Store, component: string): Promise<readonly Selectable<RefRow>[]> {
  return await store.db.selectFrom("refs").selectAll().where("component", "=", component).execute();
}

/** The newest push that wanted the ref to be at `after`: who did it. */
export async function pusherOf(
  store: Store,
  component: string,
  ref: string,
  after: string,
): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("pushes")
    .select("actor")
    .where("component", "=", component)
    .where("ref", "=", ref)
    .where("after_id", "=", after)
    .orderBy("at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.actor;
}

export async function insertEvent(
  trx: Trx,
  event: {
    readonly id: string;
    readonly component: string;
    readonly kind: string;
    readonly body: unknown;
    readonly at: number;
  },
): Promise<void> {
  await trx
    .insertInto("events")
    .values({
      id: event.id,
      component: event.component,
      kind: event.kind,
      body: JSON.stringify(event.body),
      at: event.at,
      state: "new",
      decided_at: null,
    })
    .execute();
}

export async function undecidedEvents(store: Store, component: string): Promise<readonly Selectable<EventRow>[]> {
  return await store.db
    .selectFrom("events")
    .selectAll()
    .where("state", "=", "new")
    .where("component", "=", component)
    .orderBy("seq")
    .limit(100)
    .execute();
}

export async function componentsWithEvents(store: Store): Promise<readonly string[]> {
  const rows = await store.db.selectFrom("events").select("component").distinct().where("state", "=", "new").execute();
  return rows.flatMap((row) => (row.component === null ? [] : [row.component]));
}

export async function findChange(store: Store, component: string, number: number): Promise<StoredChange | undefined> {
  return await store.db
    .selectFrom("changes")
    .selectAll()
    .where("component", "=", component)
    .where("number", "=", number)
    .executeTakeFirst();
}

export async function openChanges(store: Store, component: string): Promise<readonly StoredChange[]> {
  return await store.db
    .selectFrom("changes")
    .selectAll()
    .where("component", "=", component)
    .where("state", "=", "open")
    .orderBy("number")
    .execute();
}

export function changeFactsOf(row: StoredChange): ChangeFacts {
  return {
    number: row.number,
    base: row.base,
    baseSha: row.base_sha,
    head: row.head,
    author: row.author,
    title: row.title,
    authorRole: row.author_role ?? undefined,
    headAllowed: row.allowed_head === row.head,
  };
}

/** Freezes of a component that were not thawed; those whose date or publication ended them are among them. */
export async function freezesOf(db: Store["db"], component: string): Promise<readonly Freeze[]> {
  const rows = await db
    .selectFrom("freezes")
    .selectAll()
    .where("component", "=", component)
    .where("ended_at", "is", null)
    .orderBy("from_at")
    .execute();
  return rows.map((row) => ({
    id: row.id,
    branch: row.branch,
    version: row.version,
    from: row.from_at,
    until: row.until_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
    by: row.by_user,
  }));
}

/** Versions of the component that are public: what ends a freeze by itself. */
export async function publishedVersions(db: Store["db"], component: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom("releases")
    .select("version")
    .where("component", "=", component)
    .where("state", "in", ["published", "withdrawn"])
    .execute();
  return new Set(rows.map((row) => row.version));
}

export interface NewChange {
  readonly component: string;
  readonly base: string;
  readonly baseSha: string;
  readonly head: string;
  readonly title: string;
  readonly author: string;
  readonly authorRole: Role | undefined;
  readonly files: readonly string[];
  readonly backportOf?: number | undefined;
  readonly purpose?: string | undefined;
  readonly at: number;
}

/** The next number of the component; numbers are never used twice. */
export async function insertChange(trx: Trx, change: NewChange): Promise<number> {
  const last = await trx
    .selectFrom("changes")
    .select((eb) => eb.fn.max("number").as("number"))
    .where("component", "=", change.component)
    .executeTakeFirst();
  const number = Number(last?.number ?? 0) + 1;
  await trx
    .insertInto("changes")
    .values({
      component: change.component,
      number,
      base: change.base,
      base_sha: change.baseSha,
      head: change.head,
      title: change.title,
      author: change.author,
      author_role: change.authorRole ?? null,
      allowed_head: null,
      state: "open",
      files: JSON.stringify(change.files),
      opened_at: change.at,
      updated_at: change.at,
      merged_at: null,
      merged_commit: null,
      merged_by: null,
      override_reason: null,
      conflicts: "",
      for_release: null,
      backport_of: change.backportOf ?? null,
      purpose: change.purpose ?? null,
    })
    .execute();
  return number;
}

/** Marks an event as decided if nobody else did, and raises the component's fact version from `version`. */
export async function closeEvent(
  trx: Trx,
  event: { readonly seq: number; readonly component: string | null },
  version: number,
  at: number,
): Promise<boolean> {
  const closed = await trx
    .updateTable("events")
    .set({ state: "done", decided_at: at })
    .where("seq", "=", event.seq)
    .where("state", "=", "new")
    .executeTakeFirst();
  if (closed.numUpdatedRows !== 1n) return false;
  if (event.component === null) return true;
  const raised = await trx
    .updateTable("components")
    .set({ facts_version: version + 1 })
    .where("name", "=", event.component)
    .where("facts_version", "=", version)
    .executeTakeFirst();
  return raised.numUpdatedRows === 1n;
}

/** Branches of each component as last seen, its default branch first. */
export async function branchesOf(store: Store): Promise<Readonly<Record<string, readonly string[]>>> {
  const rows = await store.db
    .selectFrom("refs")
    .innerJoin("components", "components.name", "refs.component")
    .select(["refs.component", "refs.name", "components.default_branch"])
    .where("refs.name", "like", "refs/heads/%")
    .orderBy("refs.name")
    .execute();
  const branches: Record<string, string[]> = {};
  for (const row of rows) {
    const name = row.name.slice("refs/heads/".length);
    const known = branches[row.component] ?? [];
    branches[row.component] = name === row.default_branch ? [name, ...known] : [...known, name];
  }
  return branches;
}

/** Stored bodies are events as this program wrote them. */
export function eventBodyOf(row: { readonly body: string }): StoredEvent {
  const body: StoredEvent = JSON.parse(row.body);
  return body;
}

/** What a stored event holds; changes and runs are completed from their rows when the event is decided. */
export type StoredEvent =
  | Extract<FamilyEvent, { kind: "push" | "tag" }>
  | {
      readonly kind: "change";
      readonly component: string;
      readonly action: Extract<FamilyEvent, { kind: "change" }>["action"];
      readonly number: number;
      readonly actor: Extract<FamilyEvent, { kind: "change" }>["actor"];
      readonly at: number;
    }
  | {
      readonly kind: "comment";
      readonly component: string;
      readonly number: number;
      readonly comment: string;
      readonly actor: Extract<FamilyEvent, { kind: "comment" }>["actor"];
      readonly at: number;
    }
  | (Extract<FamilyEvent, { kind: "tick" }> & { readonly component: string })
  | { readonly kind: "run"; readonly component: string; readonly runId: string }
  | { readonly kind: "released"; readonly component: string; readonly releaseId: string };
