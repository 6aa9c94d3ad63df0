import type { Run } from "./model.ts";

/**
 * Which waiting runs may start now, oldest first. Prow (2.8): a job starts while the number of pending runs of its name
 * plus the older waiting ones is below `max_concurrency`; 0 is no bound. `places` bounds all runs of this process.
 */
export function pickRunnable(
  waiting: readonly Run[],
  pendingByJob: ReadonlyMap<string, number>,
  places: number,
): readonly Run[] {
  const picked: Run[] = [];
  const ahead = new Map(pendingByJob);
  for (const run of waiting) {
    if (picked.length >= places) break;
    const before = ahead.get(run.job.name) ?? 0;
    ahead.set(run.job.name, before + 1);
    const bound = run.job.maxConcurrency;
    if (bound > 0 && before >= bound) continue;
    picked.push(run);
  }
  return picked;
}
