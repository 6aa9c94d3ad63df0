import type { Selectable } from "kysely";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { CanaryRow } from "../../store/index.ts";
import type { CanaryItem, CanaryMove, List } from "./model.ts";
import { canaryMoves, newestCanaries } from "./records.ts";
import type { ViewSources } from "./sources.ts";
import { iso } from "./text.ts";

export interface CanaryFilter {
  readonly tag?: string | undefined;
  /** Moves before this one. */
  readonly before?: number | undefined;
  readonly limit?: number | undefined;
}

/** Every move of a component's canary tags, newest first: rows are only ever added. Fault `not-found`. */
export async function listCanaryMoves(
  sources: ViewSources,
  component: string,
  filter: CanaryFilter,
): Promise<Result<List<CanaryMove>>> {
  if (!sources.family().components.some((each) => each.name === component))
    return err(fault("not-found", `there is no component ${component}`, { hint: "fairlead status" }));
  const current = new Set((await newestCanaries(sources.db, component)).map((row) => row.seq));
  const rows = await canaryMoves(sources.db, component, filter);
  return ok({ items: rows.map((row) => ({ ...canaryItem(row), id: row.seq, current: current.has(row.seq) })) });
}

export function canaryItem(row: Selectable<CanaryRow>): CanaryItem {
  return {
    tag: row.tag,
    image: row.image,
    digest: row.digest,
    commit: row.commit_id,
    moved: iso(row.at),
    run: row.run_id,
  };
}
