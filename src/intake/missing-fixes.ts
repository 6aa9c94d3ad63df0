import { err, fault, ok, type Result } from "../core/index.ts";
import { type Component, lineOf, lineOfBranch, sortedVersions } from "../family/index.ts";
import { type MissingFix, missingOn } from "../policy/index.ts";
import type { FactSources } from "./facts.ts";

/** What one maintenance branch lacks. */
export interface BranchStanding {
  readonly component: string;
  readonly branch: string;
  /** Newest release of its line, which ships without what is missing; null: none yet. */
  readonly release: string | null;
  readonly missing: readonly (MissingFix & { readonly change: number | null })[];
  /** Why it could not be compared. */
  readonly unchecked: string | null;
}

/** Steps of a branch that are compared: older ones are not fixes that anybody still waits for. */
const mostCommits = 1000;

/** The maintenance branches of a component, newest line first, with what of the default branch each lacks. */
export async function missingFixes(
  sources: FactSources,
  name: string | undefined,
): Promise<Result<readonly BranchStanding[]>> {
  const { components } = sources.family();
  const wanted = components.filter((each) => name === undefined || each.name === name);
  if (wanted.length === 0) return err(fault("not-found", `there is no component ${name ?? ""}`));
  const found: BranchStanding[] = [];
  for (const component of wanted) found.push(...(await branchesOf(sources, component)));
  return ok(found);
}

async function branchesOf(sources: FactSources, component: Component): Promise<readonly BranchStanding[]> {
  const repository = await sources.git.open(component.name);
  const refs = await repository.refs();
  const main = component.defaultBranch ?? (await repository.defaultBranch());
  const head = main === undefined ? undefined : await repository.commitOf(`refs/heads/${main}`);
  if (head === undefined) return [];
  const versions = sortedVersions(
    refs.flatMap((ref) => (ref.name.startsWith("refs/tags/v") ? [ref.name.slice(10)] : [])),
  );
  const supported = refs
    .map((ref) => ref.name.replace(/^refs\/heads\//, ""))
    .filter((branch) => lineOfBranch(branch) !== undefined)
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .slice(0, component.supportedLines);
  const rows = await sources.store.db
    .selectFrom("changes")
    .select(["number", "merged_commit", "backport_of", "base"])
    .where("component", "=", component.name)
    .where("state", "=", "merged")
    .execute();
  const found: BranchStanding[] = [];
  for (const branch of supported) {
    const release = versions.find((each) => each.prerelease === undefined && lineOf(each) === lineOfBranch(branch));
    const at = await repository.commitOf(`refs/heads/${branch}`);
    const fork = at === undefined ? undefined : await repository.mergeBase(head, at);
    const standing = { component: component.name, branch, release: release?.tag ?? null };
    if (at === undefined || fork === undefined) {
      found.push({ ...standing, missing: [], unchecked: `${branch} has no history in common with ${main}` });
      continue;
    }
    const onMain = await repository.landed(fork, head, mostCommits);
    const onBranch = onMain.ok ? await repository.landed(fork, at, mostCommits) : onMain;
    if (!onMain.ok || !onBranch.ok) {
      const why = onMain.ok ? onBranch : onMain;
      found.push({ ...standing, missing: [], unchecked: why.ok ? "" : why.error.message });
      continue;
    }
    const brought = new Set(rows.flatMap((row) => (row.base === branch && row.backport_of ? [row.backport_of] : [])));
    const backported = new Set(rows.flatMap((row) => (brought.has(row.number) ? [row.merged_commit ?? ""] : [])));
    const numbers = new Map(rows.map((row) => [row.merged_commit, row.number]));
    const missing = missingOn(onMain.value, onBranch.value, backported);
    found.push({
      ...standing,
      missing: missing.map((each) => ({ ...each, change: numbers.get(each.commit) ?? null })),
      unchecked: null,
    });
  }
  return found;
}
