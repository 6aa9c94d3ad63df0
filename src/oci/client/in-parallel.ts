import { err, type Fault, ok, type Result } from "../../core/index.ts";

/** Does `work` for all, at most `limit` at once. The first fault ends it: nothing new is begun, what runs is waited for. */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<Result<unknown>>,
): Promise<Result<void>> {
  const waiting = [...items];
  let failed: Fault | undefined;
  async function worker(): Promise<void> {
    for (let item = waiting.shift(); item !== undefined && !failed; item = waiting.shift()) {
      const done = await work(item);
      if (!done.ok) failed ??= done.error;
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return failed ? err(failed) : ok(undefined);
}
