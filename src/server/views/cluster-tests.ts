import { clusterTestOf, findPinSet, type PinnedComponent } from "../../combine/index.ts";
import { markOfRun } from "./marks.ts";
import type { ClusterTestView, LaneOfRelease, PinnedComponentView } from "./model.ts";
import type { ViewSources } from "./sources.ts";

export function componentView(component: PinnedComponent): PinnedComponentView {
  const { images, commit, version, from, run } = component;
  return {
    component: component.component,
    commit,
    version,
    from,
    run,
    images: images.map(({ name, digest, platforms }) => ({ name, digest, platforms })),
  };
}

/** What a run tested in a cluster; null: nothing. */
export async function showClusterTest(sources: ViewSources, run: string): Promise<ClusterTestView | null> {
  const test = await clusterTestOf(sources.db, run);
  if (!test) return null;
  const { row, evidence } = test;
  const recorded = await findPinSet(sources.db, row.pin_set_id);
  const read = evidence.readBack;
  return {
    pinSet: row.pin_set_id,
    state: row.state === "proven" || row.state === "differs" ? row.state : "deploying",
    kubernetes: evidence.cluster?.kubernetes ?? null,
    nodeImage: evidence.cluster?.nodeImage ?? null,
    sourceRevision: evidence.cluster?.sourceRevision ?? null,
    suite: evidence.suite ?? null,
    components: recorded.ok ? recorded.value.set.components.map(componentView) : [],
    containers: (read?.containers ?? []).slice(0, 500).map((each) => ({
      pod: `${each.namespace}/${each.pod}`,
      container: each.container,
      image: each.image,
      ran: each.ran,
      component: each.component ?? null,
      answer: each.answer,
    })),
    differences: read?.differences ?? [],
    absent: read?.absent ?? [],
  };
}

/** Runs that judge a release, newest first. */
export async function lanesOfRelease(sources: ViewSources, release: string): Promise<readonly LaneOfRelease[]> {
  const rows = await sources.db
    .selectFrom("release_lanes")
    .innerJoin("runs", "runs.id", "release_lanes.run_id")
    .select(["runs.id as run", "runs.job as job", "runs.state", "runs.description", "runs.not_run_need"])
    .where("release_lanes.release_id", "=", release)
    .orderBy("release_lanes.at", "desc")
    .execute();
  return rows.map(({ run, job, state, description, not_run_need }) => ({
    ...{ run, job, state, description },
    ...markOfRun(state, not_run_need),
  }));
}
