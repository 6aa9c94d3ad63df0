import { stableWithRelease, testsInClusters } from "../jobs/index.ts";
import type { Facts, Plan, PlannedRun, ReleasedEvent, Skipped } from "./model.ts";
import { mainRefs } from "./ticks.ts";

/**
 * A published release is tried in the stable example with only its own images replaced: a candidate before its final, a
 * final before the deployment is offered it (design 1.7). The run judges the release; it builds nothing.
 */
export function planReleased(event: ReleasedEvent, facts: Facts): Plan {
  const { family } = facts;
  const { release, component } = event;
  const runs: PlannedRun[] = [];
  const skipped: Skipped[] = [];
  const skip = (job: string, reason: string) => skipped.push({ job, rule: "release", reason });
  if (!family.lanes || !testsInClusters(family)) return { event, runs, skipped, effects: [] };
  for (const { name, starts } of facts.deployments ?? []) {
    const deployment = family.components.find((each) => each.name === name);
    if (!deployment) continue;
    const { run } = release;
    const job =
      run === undefined
        ? undefined
        : stableWithRelease(family, deployment, { component, version: release.version, commit: release.commit, run });
    if (!job) skip(`${family.name}-stable-with-release`, `${release.id} has no images`);
    else if ("unknown" in starts) skip(job.name, `what ${name} starts is not known: ${starts.unknown}`);
    else if (!starts.value) skip(job.name, `${name} starts no image of ${component}`);
    else {
      const refs = mainRefs(job);
      const what = release.prerelease ? "before its final is tagged" : "before the deployment is offered it";
      runs.push({
        job,
        type: "periodic",
        component: name,
        refs,
        ref: `refs/heads/${refs.base_ref}`,
        change: undefined,
        tier: "branch",
        rule: "release",
        reason: `${release.id} was published: it is tried with everything else as pinned ${what}`,
        judges: release.id,
      });
    }
  }
  return { event, runs, skipped, effects: [] };
}
