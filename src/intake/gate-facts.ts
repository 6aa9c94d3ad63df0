import type { Repository } from "../git/index.ts";
import { type GateAnswer, gate, inRepoProblem } from "../plan/index.ts";
import { freezeOn } from "../policy/index.ts";
import type { FactSources } from "./facts.ts";
import { freezesOf, publishedVersions, type StoredChange } from "./records.ts";

export interface GateReading {
  readonly answer: GateAnswer;
  /** Where the base branch is now. */
  readonly baseSha: string;
  /** Tree of the change merged with it; `undefined` when they conflict. */
  readonly tree: string | undefined;
}

/** The gate of one change, from our own record of runs and the repository as it is now; `undefined` without its branch. */
export async function readGate(
  sources: FactSources,
  repository: Repository,
  change: StoredChange,
  defaultBranch: string,
  now: number,
): Promise<GateReading | undefined> {
  const baseSha = await repository.commitOf(`refs/heads/${change.base}`);
  if (baseSha === undefined) return undefined;
  const merged = await repository.tentativeMerge(baseSha, change.base, [change.head]);
  const rows = await sources.store.db
    .selectFrom("runs")
    .select(["context", "state", "description", "base_sha", "not_run_need", "tested_tree"])
    .where("component", "=", change.component)
    .where("change_number", "=", change.number)
    .where("head", "=", change.head)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
  const newest = new Map<string, (typeof rows)[number]>();
  for (const row of rows) if (!newest.has(row.context)) newest.set(row.context, row);
  const files: string[] = JSON.parse(change.files);
  const component = sources.family().components.find((each) => each.name === change.component);
  const pulls = [{ number: change.number, head: change.head }];
  const brought =
    component &&
    (await sources.inRepo.read(repository, component, { kind: "merged", base: change.base, baseSha, pulls }));
  const answer = gate({
    jobs: [...sources.jobsOf(change.component, defaultBranch), ...(brought?.jobs ?? [])],
    inRepoProblem: inRepoProblem(brought?.facts),
    base: change.base,
    head: change.head,
    baseSha,
    files,
    runs: [...newest.values()].map((row) => ({
      context: row.context,
      state: row.state,
      description: row.description,
      baseSha: row.base_sha,
      notRunNeed: row.not_run_need ?? undefined,
    })),
    freeze: freezeOn(
      change.base,
      await freezesOf(sources.store.db, change.component),
      await publishedVersions(sources.store.db, change.component),
      now,
    ),
    forRelease: change.for_release ?? undefined,
    conflicts: merged.ok ? [] : (merged.error.conflicts ?? [merged.error.message]),
  });
  const tree = merged.ok ? merged.value.tree : undefined;
  const other = [...newest.values()].find(
    (row) => answer.allowed && row.state === "success" && row.tested_tree !== null && row.tested_tree !== tree,
  );
  if (!other) return { answer, baseSha, tree };
  // Compare-and-swap on what was tested: another tree than the checks saw is never landed.
  const why = `tested another tree than would be merged now`;
  const missing = [...answer.missing, { context: other.context, why }];
  return {
    answer: { ...answer, allowed: false, stale: true, missing, reason: `${other.context} ${why}` },
    baseSha,
    tree,
  };
}
