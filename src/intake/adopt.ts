import type { Clock } from "../core/index.ts";
import type { Component } from "../family/index.ts";
import type { Git } from "../git/index.ts";
import { appendFeed, type Store } from "../store/index.ts";
import { findComponent, openChanges } from "./records.ts";

export interface AdoptOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly git: Git;
  readonly progress: (component: string, line: string) => void;
}

/**
 * Takes a component in at first sight: its branches and tags are recorded, never built. Later starts find it adopted and
 * read nothing from its URL again, since from then on the local forge hosts it.
 */
export async function adoptComponent(options: AdoptOptions, component: Component): Promise<void> {
  const { store, clock } = options;
  const known = await findComponent(store, component.name);
  if (known?.state === "adopted") return;
  if (!known) {
    await store.db
      .insertInto("components")
      .values({
        name: component.name,
        repository: component.repository,
        default_branch: component.defaultBranch ?? null,
        state: "new",
        state_detail: "",
        commits: 0,
        adopted_tags: 0,
        facts_version: 0,
        adopted_at: null,
      })
      .onConflict((oc) => oc.column("name").doNothing())
      .execute();
  }
  await setState(options, component.name, "copying", `reading ${component.repository}`);
  const repository = await options.git.open(component.name);
  const adopted = await options.git.adopt(repository, component.repository, (line) =>
    options.progress(component.name, line),
  );
  if (!adopted.ok) {
    await setState(options, component.name, "unreachable", adopted.error.message);
    return;
  }
  const refs = (await repository.refs()).filter(
    (ref) => ref.name.startsWith("refs/heads/") || ref.name.startsWith("refs/tags/"),
  );
  const at = clock.now();
  await store.transaction(async (trx) => {
    await trx.deleteFrom("refs").where("component", "=", component.name).execute();
    for (let start = 0; start < refs.length; start += 100) {
      await trx
        .insertInto("refs")
        .values(
          refs.slice(start, start + 100).map((ref) => ({
            component: component.name,
            name: ref.name,
            object: ref.object,
            commit_id: ref.commit ?? null,
            adopted: 1 as const,
            seen_at: at,
          })),
        )
        .execute();
    }
    const { commits, tags, defaultBranch } = adopted.value;
    await trx
      .updateTable("components")
      .set({
        state: "adopted",
        state_detail: `${commits.toLocaleString("en")} commits, ${tags.toLocaleString("en")} tags: adopted, not rebuilt; upstream is never written`,
        default_branch: component.defaultBranch ?? defaultBranch ?? null,
        commits,
        adopted_tags: tags,
        adopted_at: at,
      })
      .where("name", "=", component.name)
      .execute();
    await appendFeed(store, trx, [
      { at, topic: "component", component: component.name, subject: component.name, state: "adopted" },
    ]);
  });
}

async function setState(options: AdoptOptions, component: string, state: string, detail: string): Promise<void> {
  await options.store.db
    .updateTable("components")
    .set({ state, state_detail: detail })
    .where("name", "=", component)
    .execute();
}

/** Refs of open changes are made again where a crash came between their row and their ref. */
export async function mendChangeRefs(store: Store, git: Git, component: string): Promise<void> {
  const open = await openChanges(store, component);
  if (open.length === 0) return;
  const repository = await git.open(component);
  const refs = new Map((await repository.refs()).map((ref) => [ref.name, ref.object]));
  for (const change of open) {
    const name = `refs/pull/${change.number}/head`;
    const now = refs.get(name);
    if (now === change.head) continue;
    await repository.updateRef(name, now ?? "0".repeat(40), change.head);
  }
}
