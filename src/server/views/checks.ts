import type { Selectable } from "kysely";
import type { TestSummary } from "../../results/index.ts";
import type { RunRow } from "../../store/index.ts";
import { glyphs, markOfRun } from "./marks.ts";
import type { CheckSummary, Mark, RunRef } from "./model.ts";
import { iso } from "./text.ts";

export type CheckRow = Pick<
  Selectable<RunRow>,
  | "id"
  | "job"
  | "context"
  | "state"
  | "description"
  | "not_run_need"
  | "required"
  | "tests"
  | "created_at"
  | "started_at"
  | "finished_at"
>;

/** The newest run of each context, in order of context. */
export function newestPerContext<T extends Pick<CheckRow, "context" | "created_at" | "id">>(
  rows: readonly T[],
): readonly T[] {
  const newest = new Map<string, T>();
  for (const row of rows) {
    const seen = newest.get(row.context);
    const isNewer =
      !seen || row.created_at > seen.created_at || (row.created_at === seen.created_at && row.id > seen.id);
    if (isNewer) newest.set(row.context, row);
  }
  return [...newest.values()].sort((a, b) => (a.context < b.context ? -1 : 1));
}

export function runRefOf(row: CheckRow): RunRef {
  return {
    id: row.id,
    job: row.job,
    context: row.context,
    state: row.state,
    ...markOfRun(row.state, row.not_run_need),
    description: row.description,
    notRunNeed: row.not_run_need,
    required: row.required === 1,
    failedTest: row.state === "failure" ? firstFailure(readTests(row.tests)) : null,
    at: iso(row.finished_at ?? row.started_at ?? row.created_at),
  };
}

export function readTests(text: string | null): TestSummary | null {
  if (text === null) return null;
  const summary: TestSummary = JSON.parse(text);
  return summary;
}

function firstFailure(tests: TestSummary | null): string | null {
  const first = tests?.failures[0];
  if (!tests || !first) return null;
  return tests.failed > 1 ? `${first.name} and ${tests.failed - 1} more` : first.name;
}

/** Judges the required checks among the runs of one commit. */
export function summariseChecks(rows: readonly CheckRow[]): CheckSummary {
  const runs = newestPerContext(rows.filter((row) => row.required === 1)).map(runRefOf);
  const couldRun = runs.filter((run) => run.mark !== "notrun");
  const count = (...marks: Mark[]) => couldRun.filter((run) => marks.includes(run.mark)).length;
  const passed = count("success");
  const running = count("running", "queued");
  const notRun = runs.length - couldRun.length;
  const mark = overall(runs.length, couldRun.length, passed, running, notRun);
  return {
    mark,
    text: textOf(mark, passed, couldRun.length, notRun),
    green: runs.length > 0 && passed === runs.length,
    passed,
    total: couldRun.length,
    running,
    notRun,
    runs,
  };
}

function overall(all: number, total: number, passed: number, running: number, notRun: number): Mark | undefined {
  if (all === 0) return undefined;
  if (total === 0 && notRun > 0) return "notrun";
  if (passed + running < total) return "failure";
  return running > 0 ? "running" : "success";
}

function textOf(mark: Mark | undefined, passed: number, total: number, notRun: number): string {
  if (mark === undefined) return "–";
  if (mark === "notrun") return `${glyphs.notrun} ${notRun} not run here`;
  return `${glyphs[mark]} ${passed}/${total}${notRun > 0 ? `, ${notRun} not run here` : ""}`;
}
