import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { tierOfChange } from "../../family/index.ts";
import { frozenSentence, inRepoContext, saysHowItIsTested } from "../../plan/index.ts";
import type { ChangeRow, RunRow } from "../../store/index.ts";
import { newestPerContext, runRefOf, summariseChecks } from "./checks.ts";
import { type Freezes, readFreezes } from "./freezes.ts";
import { markOfChange } from "./marks.ts";
import type { ChangeItem, ChangeView, CheckSummary, List, ListFilter } from "./model.ts";
import { changeNext, endedHow } from "./next-step.ts";
import { boundedLimit, changeRow, changeRows, changeRuns, statusSaid } from "./records.ts";
import { runItem } from "./runs.ts";
import type { ViewSources } from "./sources.ts";
import { iso, pagePath, shellWord } from "./text.ts";

export async function listChanges(sources: ViewSources, filter: ListFilter): Promise<List<ChangeItem>> {
  const rows = await changeRows(sources.db, filter);
  const limit = boundedLimit(filter.limit);
  const items: ChangeItem[] = [];
  const freezes = new Map<string, Freezes>();
  for (const row of rows.slice(0, limit)) {
    const frozen = freezes.get(row.component) ?? (await readFreezes(sources, row.component));
    freezes.set(row.component, frozen);
    const runs = await changeRuns(sources.db, row.component, row.number);
    items.push(changeItem(sources, row, runs, frozen, await statusSaid(sources.db, row, inRepoContext)));
  }
  return { items, more: rows.length > limit };
}

export function changeItem(
  sources: ViewSources,
  row: Selectable<ChangeRow>,
  runs: readonly Selectable<RunRow>[],
  freezes: Freezes,
  brought: Awaited<ReturnType<typeof statusSaid>>,
): ChangeItem {
  const required = summariseChecks(runs.filter((run) => run.head === row.head));
  return {
    component: row.component,
    number: row.number,
    title: row.title,
    author: row.author,
    base: row.base,
    head: row.head,
    state: row.state,
    ...markOfChange(row.state),
    opened: iso(row.opened_at),
    updated: iso(row.updated_at),
    url: `${sources.url()}${pagePath.change(row.component, row.number)}`,
    required,
    next: changeNext({
      component: row.component,
      number: row.number,
      state: row.state,
      base: row.base,
      required,
      blockers: blockersOf(row, required, freezes, brought),
    }),
  };
}

/** Why the gate is shut, in words; the most telling first. */
function blockersOf(
  row: Selectable<ChangeRow>,
  required: CheckSummary,
  freezes: Freezes,
  brought: Awaited<ReturnType<typeof statusSaid>>,
): readonly string[] {
  if (row.state !== "open") return [];
  const conflicts = fileList(row.conflicts);
  const freeze = freezes.on(row.base);
  const allowed = tierOfChange({
    authorRole: row.author_role ?? undefined,
    headAllowed: row.allowed_head === row.head,
  });
  return [
    ...(brought?.state === "error" ? [`the repository's own jobs cannot be read: ${brought.description}`] : []),
    ...(conflicts.length > 0 ? [`it conflicts with ${row.base} in ${conflicts.join(", ")}`] : []),
    ...(freeze && row.for_release !== freeze.version ? [`the freeze ${frozenSentence(row.base, freeze)}`] : []),
    ...required.runs.flatMap((run) => {
      if (run.mark === "success") return [];
      if (run.mark === "notrun") return [`${run.job} was not run here: needs ${run.notRunNeed ?? "something"}`];
      if (run.mark === "running") return [`${run.job} runs`];
      if (run.mark === "queued") return [`${run.job} is queued`];
      return [`${run.job} ${endedHow(run)}`];
    }),
    ...(required.runs.length === 0 && conflicts.length === 0
      ? [allowed === "stranger" ? noRunForStranger : "no required check was started on its head"]
      : []),
  ];
}

const noRunForStranger = "its author has no role here, and no maintainer has allowed this head commit to be tested";

function fileList(text: string): readonly string[] {
  if (text === "") return [];
  const files: string[] = JSON.parse(text);
  return files;
}

/** Fault `not-found`. */
export async function showChange(sources: ViewSources, component: string, number: number): Promise<Result<ChangeView>> {
  const row = await changeRow(sources.db, component, number);
  if (!row) {
    const hint = `fairlead changes --component ${shellWord(component)}`;
    return err(fault("not-found", `${component} has no change ${number}`, { hint }));
  }
  const runs = await changeRuns(sources.db, component, number);
  const freezes = await readFreezes(sources, component);
  const brought = await statusSaid(sources.db, row, inRepoContext);
  const item = changeItem(sources, row, runs, freezes, brought);
  const current = newestPerContext(runs.filter((run) => run.head === row.head));
  return ok({
    ...item,
    authorRole: row.author_role,
    baseCommit: row.base_sha,
    headAllowed: row.allowed_head === row.head,
    files: fileList(row.files),
    conflicts: fileList(row.conflicts),
    forRelease: row.for_release,
    backportOf: row.backport_of,
    merged:
      row.merged_commit === null
        ? null
        : {
            at: iso(row.merged_at),
            commit: row.merged_commit,
            by: row.merged_by ?? "unknown",
            override: row.override_reason,
          },
    blockers: blockersOf(row, item.required, freezes, brought),
    ownTests: fileList(row.files).filter(saysHowItIsTested),
    inRepo: brought?.description ?? null,
    optional: current.filter((run) => run.required === 0).map(runRefOf),
    earlier: runs.filter((run) => !current.includes(run)).map((run) => runItem(sources, run)),
    update: `git push origin HEAD:refs/changes/${number}`,
    merge: `fairlead merge ${shellWord(component)} ${number}`,
  });
}
