import type { Run } from "./model.ts";

/** What runs now, and what may: by job name and by `job_queue_name`. */
export interface QueueFacts {
  readonly pendingByJob: ReadonlyMap<string, number>;
  readonly pendingByQueue: ReadonlyMap<string, number>;
  /** Prow: `plank.job_queue_capacities`; 0 starts nothing, a negative one is no bound, one not named neither. */
  readonly capacities: Readonly<Record<string, number>>;
  /** Free places of this process. */
  readonly places: number;
}

/**
 * Which waiting runs may start now, oldest first. Prow (2.8): a job starts while the number of pending runs of its name
 * plus the older waiting ones is below `max_concurrency` (0 is no bound), and the same holds for its queue.
 */
export function pickRunnable(waiting: readonly Run[], facts: QueueFacts): readonly Run[] {
  const picked: Run[] = [];
  const ofJob = new Map(facts.pendingByJob);
  const ofQueue = new Map(facts.pendingByQueue);
  for (const run of waiting) {
    if (picked.length >= facts.places) break;
    const { name, queue, maxConcurrency } = run.job;
    const sameJob = count(ofJob, name);
    const sameQueue = queue === "" ? 0 : count(ofQueue, queue);
    if (maxConcurrency > 0 && sameJob >= maxConcurrency) continue;
    const capacity = queue === "" ? -1 : (facts.capacities[queue] ?? -1);
    if (capacity >= 0 && sameQueue >= capacity) continue;
    picked.push(run);
  }
  return picked;
}

/** How many stand before this one, which is counted from now on. */
function count(seen: Map<string, number>, key: string): number {
  const before = seen.get(key) ?? 0;
  seen.set(key, before + 1);
  return before;
}
