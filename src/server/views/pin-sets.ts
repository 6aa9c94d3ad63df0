import {
  comparePinSets,
  findPinSet,
  listPinSets,
  type PinnedComponent,
  type RecordedPinSet,
} from "../../combine/index.ts";
import { ok, type Result } from "../../core/index.ts";
import { componentView } from "./cluster-tests.ts";
import type { List, PinSetItem, PinSetView } from "./model.ts";
import { boundedLimit } from "./records.ts";
import { runItem } from "./runs.ts";
import type { ViewSources } from "./sources.ts";
import { iso } from "./text.ts";

export interface PinSetFilter {
  readonly deployment?: string | undefined;
  readonly limit?: number | undefined;
}

export async function showPinSets(sources: ViewSources, filter: PinSetFilter): Promise<List<PinSetItem>> {
  const found = await listPinSets(sources.db, boundedLimit(filter.limit), filter.deployment);
  return {
    items: found.map(({ id, set, at }) => ({
      id,
      resolved: iso(at),
      deployment: set.deployment.component,
      commit: set.deployment.commit,
      components: set.components.map(({ component, version, commit }) => ({ component, version, commit })),
    })),
  };
}

/** With what it differs in from `other`, or from the set resolved before it for the deployment. Faults: `not-found`, `bad-input`. */
export async function showPinSet(sources: ViewSources, id: string, other?: string): Promise<Result<PinSetView>> {
  const found = await findPinSet(sources.db, id);
  if (!found.ok) return found;
  const compared =
    other === undefined ? ok(await setBefore(sources, found.value)) : await findPinSet(sources.db, other);
  if (!compared.ok) return compared;
  const { set, at } = found.value;
  const before = compared.value;
  const rows = await sources.db
    .selectFrom("runs")
    .selectAll()
    .where("id", "in", (eb) =>
      eb.selectFrom("cluster_tests").select("cluster_tests.run_id").where("pin_set_id", "=", found.value.id),
    )
    .orderBy("created_at", "desc")
    .limit(50)
    .execute();
  return ok({
    id: found.value.id,
    resolved: iso(at),
    family: set.family,
    deployment: set.deployment,
    components: set.components.map(componentView),
    runs: rows.map((row) => runItem(sources, row)),
    before: before?.id ?? null,
    differences: (before ? comparePinSets(before.set, set) : []).map((each) => ({
      component: each.component,
      before: describe(each.before),
      after: describe(each.after),
      images: each.images,
    })),
  });
}

async function setBefore(sources: ViewSources, recorded: RecordedPinSet): Promise<RecordedPinSet | undefined> {
  const row = await sources.db
    .selectFrom("pin_sets")
    .selectAll()
    .where("deployment", "=", recorded.set.deployment.component)
    .where("at", "<=", recorded.at)
    .where("id", "!=", recorded.id)
    .orderBy("at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { id: row.id, set: JSON.parse(row.body), at: row.at };
}

function describe(component: PinnedComponent | undefined): string | null {
  return component ? `${component.version} of ${component.commit.slice(0, 7)}` : null;
}
