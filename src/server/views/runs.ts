import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Job, Refs } from "../../jobs/index.ts";
import type { ResultKey } from "../../results/index.ts";
import type { RunRow } from "../../store/index.ts";
import { readTests } from "./checks.ts";
import { showClusterTest } from "./cluster-tests.ts";
import { markOfRun } from "./marks.ts";
import type { List, NextStep, RunFilter, RunItem, RunView } from "./model.ts";
import { attemptRows, boundedLimit, imagesOfRuns, runRow, runRows } from "./records.ts";
import type { ViewSources } from "./sources.ts";
import { iso, pagePath, shellWord } from "./text.ts";

export async function listRuns(sources: ViewSources, filter: RunFilter): Promise<List<RunItem>> {
  const rows = await runRows(sources.db, filter);
  const limit = boundedLimit(filter.limit);
  return { items: rows.slice(0, limit).map((row) => runItem(sources, row)), more: rows.length > limit };
}

export function runItem(sources: ViewSources, row: Selectable<RunRow>): RunItem {
  const refs: Refs = JSON.parse(row.refs);
  return {
    id: row.id,
    job: row.job,
    type: row.type,
    component: row.component,
    tier: row.tier,
    state: row.state,
    refs,
    started: iso(row.started_at),
    finished: iso(row.finished_at),
    url: `${sources.url()}${pagePath.run(row.id)}`,
    created: iso(row.created_at),
    buildId: row.build_id,
    change: row.change_number,
    required: row.required === 1,
    description: row.description,
    notRunNeed: row.not_run_need,
    ...markOfRun(row.state, row.not_run_need),
  };
}

/** Where the results of the run's newest attempt stand; `undefined` before the first. */
export function resultKeyOfRow(row: Selectable<RunRow>): ResultKey | undefined {
  if (row.build_id === null) return undefined;
  const refs: Refs = JSON.parse(row.refs);
  return {
    type: row.type,
    job: row.job,
    buildId: row.build_id,
    org: refs.org,
    repo: refs.repo,
    pull: row.change_number ?? undefined,
  };
}

/** Fault `not-found`. */
export async function showRun(sources: ViewSources, idOrBuildId: string): Promise<Result<RunView>> {
  const row = await runRow(sources.db, idOrBuildId);
  if (!row) return err(fault("not-found", `there is no run ${idOrBuildId}`, { hint: "fairlead runs" }));
  const attempts = await attemptRows(sources.db, row.id);
  const images = await imagesOfRuns(sources.db, [row.id]);
  const key = resultKeyOfRow(row);
  const job: Job = JSON.parse(row.job_body);
  return ok({
    ...runItem(sources, row),
    context: row.context,
    reason: row.reason,
    origin: job.origin,
    timeoutMs: job.timeoutMs,
    attempt: row.attempt,
    attempts: attempts.map((attempt) => ({
      attempt: attempt.attempt,
      buildId: attempt.build_id,
      started: iso(attempt.started_at),
      finished: iso(attempt.finished_at),
      exitCode: attempt.exit_code,
      outcome: attempt.outcome,
    })),
    testedCommit: row.tested_commit,
    baseCommit: row.base_sha,
    headCommit: row.head,
    release: row.release_id,
    rerunOf: row.rerun_of,
    tests: readTests(row.tests),
    artifacts: key ? await sources.results.listArtifacts(key) : [],
    resultsPath: key ? sources.results.pathOf(key) : null,
    reproduce:
      row.build_id === null
        ? null
        : `fairlead run ${shellWord(row.job)} --run ${row.build_id} --component ${shellWord(row.component)}`,
    clusterTest: await showClusterTest(sources, row.id),
    images: images.map((image) => ({ name: image.name, digest: image.digest })),
    next: nextOfRun(row),
  });
}

function nextOfRun(row: Selectable<RunRow>): NextStep {
  const { mark } = markOfRun(row.state, row.not_run_need);
  switch (mark) {
    case "notrun":
      return {
        urgency: "person",
        mark: { state: "notrun", word: "not run here" },
        text: row.description,
        command: "fairlead doctor",
      };
    case "queued":
    case "running":
      return { urgency: "wait", text: "goes on by itself", command: `fairlead logs ${row.id} -f` };
    case "success":
      return afterSuccess(row);
    case "failure":
      return {
        urgency: "person",
        text: "mend it and push again, or run it again as it is",
        command: `fairlead rerun ${row.id}`,
      };
    default:
      return { urgency: "person", text: "start it again", command: `fairlead rerun ${row.id}` };
  }
}

function afterSuccess(row: Selectable<RunRow>): NextStep {
  if (row.change_number !== null) {
    return {
      urgency: "ready",
      text: "see what else its change waits for",
      command: `fairlead why ${shellWord(`${row.component}#${row.change_number}`)}`,
      page: pagePath.change(row.component, row.change_number),
    };
  }
  if (row.release_id !== null) {
    return {
      urgency: "none",
      text: "the release goes on by itself",
      command: `fairlead releases ${shellWord(row.release_id)}`,
      page: pagePath.release(row.release_id),
    };
  }
  return {
    urgency: "none",
    text: "nothing to do here",
    command: `fairlead status ${shellWord(row.component)}`,
    page: pagePath.component(row.component),
  };
}
