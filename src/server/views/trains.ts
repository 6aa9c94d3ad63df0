import type { Kysely, Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { TrainStopState } from "../../policy/index.ts";
import type { Database, TrainRow } from "../../store/index.ts";
import type { Mark, TrainPlanView, TrainStopView, TrainView } from "./model.ts";
import type { ViewSources } from "./sources.ts";
import { iso } from "./text.ts";

const mostTrains = 10;

export async function showTrainPlan(sources: ViewSources): Promise<TrainPlanView> {
  const rows = await sources.db
    .selectFrom("trains")
    .selectAll()
    .orderBy("started_at", "desc")
    .limit(mostTrains)
    .execute();
  const trains: TrainView[] = [];
  for (const row of rows) trains.push(await trainView(sources.db, row));
  return { ...(await sources.trainPlan()), trains };
}

/** Fault `not-found`. */
export async function showTrain(sources: ViewSources, id: string): Promise<Result<TrainView>> {
  const row = await sources.db.selectFrom("trains").selectAll().where("id", "=", id).executeTakeFirst();
  return row
    ? ok(await trainView(sources.db, row))
    : err(fault("not-found", `there is no train ${id}`, { hint: "fairlead train" }));
}

async function trainView(db: Kysely<Database>, row: Selectable<TrainRow>): Promise<TrainView> {
  const stops = await db
    .selectFrom("train_stops")
    .selectAll()
    .where("train_id", "=", row.id)
    .orderBy("place")
    .execute();
  const by: { readonly user: string } = JSON.parse(row.actor);
  return {
    id: row.id,
    state: row.state,
    reason: row.reason,
    by: by.user,
    started: iso(row.started_at),
    ended: iso(row.ended_at),
    stops: stops.map(
      (stop): TrainStopView => ({
        component: stop.component,
        version: stop.version,
        state: stop.state,
        ...markOfStop(stop.state),
        reason: stop.reason,
        after: JSON.parse(stop.after_stops),
        release: stop.release_id,
        change: stop.change_number,
        began: iso(stop.began_at),
        ended: iso(stop.ended_at),
      }),
    ),
  };
}

function markOfStop(state: TrainStopState): { readonly mark: Mark; readonly word: string } {
  switch (state) {
    case "waiting":
      return { mark: "queued", word: "waits" };
    case "pins":
      return { mark: "quarantined", word: "pins wait" };
    case "checks":
      return { mark: "running", word: "checks run" };
    case "releasing":
      return { mark: "running", word: "releasing" };
    case "published":
      return { mark: "published", word: "published" };
    case "failed":
      return { mark: "failure", word: "failed" };
    case "held":
      return { mark: "skipped", word: "held back" };
    case "stopped":
      return { mark: "aborted", word: "stopped" };
  }
}
