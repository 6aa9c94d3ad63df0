import type { Job } from "./model.ts";
import { decidePeriodic, type PeriodicDecision, type PreviousRun } from "./periodics.ts";

/** Canaries as they are now. Milliseconds. */
export interface CanaryNews {
  /** A lane starts at most so often because of a canary; `undefined`: never because of one. */
  readonly afterCanaryMs: number | undefined;
  readonly canaries: readonly { readonly component: string; readonly at: number }[];
}

/**
 * A lane that tests canaries also starts when one of them is newer than its last run, however many came since, and not
 * sooner after that run's start than the family says. All other periodics start by their schedule alone.
 */
export function decideLane(
  job: Job,
  previous: PreviousRun | undefined,
  window: { readonly since: number; readonly now: number },
  news: CanaryNews,
): PeriodicDecision {
  const scheduled = decidePeriodic(job, previous, window);
  const tested = job.body.kind === "release-configuration" ? job.body.cluster : undefined;
  if (scheduled.run || tested?.others !== "canary" || news.afterCanaryMs === undefined) return scheduled;
  if (!previous || previous.completedAt === undefined) return scheduled;
  const newer = news.canaries.filter((canary) => canary.at > previous.startedAt).map((canary) => canary.component);
  if (newer.length === 0) return scheduled;
  const wait = previous.startedAt + news.afterCanaryMs - window.now;
  const names = [...newer].sort().slice(0, 5).join(", ");
  if (wait > 0)
    return {
      run: false,
      reason: `${scheduled.reason}; a new canary of ${names} starts it in ${Math.ceil(wait / 1000)} s`,
    };
  return { run: true, reason: `a new canary of ${names} since its last run` };
}
