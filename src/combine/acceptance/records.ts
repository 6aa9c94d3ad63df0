import type { Selectable } from "kysely";
import type { ClusterTestRow, Store } from "../../store/index.ts";
import type { TestEvidence } from "./model.ts";

/** Writes down what an attempt tests, and what was seen of it; each time over what stood there. */
export async function recordClusterTest(
  store: Store,
  test: {
    readonly runId: string;
    readonly buildId: string;
    readonly evidence: TestEvidence;
    readonly state: "deploying" | "proven" | "differs";
    readonly at: number;
  },
): Promise<void> {
  const body = { pin_set_id: test.evidence.pinSet, state: test.state, evidence: JSON.stringify(test.evidence) };
  await store.db
    .insertInto("cluster_tests")
    .values({ ...body, build_id: test.buildId, run_id: test.runId, at: test.at })
    .onConflict((oc) => oc.column("build_id").doUpdateSet(body))
    .execute();
}

/** The test of a run's newest attempt. */
export async function clusterTestOf(
  db: Store["db"],
  run: string,
): Promise<{ readonly row: Selectable<ClusterTestRow>; readonly evidence: TestEvidence } | undefined> {
  const row = await db
    .selectFrom("cluster_tests")
    .selectAll()
    .where("run_id", "=", run)
    .orderBy("at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && { row, evidence: JSON.parse(row.evidence) };
}
