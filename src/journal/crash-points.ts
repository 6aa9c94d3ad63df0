import type { Journal } from "./model.ts";

/** Where a test wants the process dead: at the N-th entry, counted from 1 in the order of writing. */
export interface CrashPoint {
  readonly entry: number;
  /** Before the entry is committed, after it, or after its effect and before that is recorded. */
  readonly moment: "before" | "written" | "effect";
}

/** Reads `FAIRLEAD_CRASH_AT`: `3:effect`. Anything else is no crash point. */
export function parseCrashPoint(text: string | undefined): CrashPoint | undefined {
  const [entry, moment] = (text ?? "").split(":");
  const number = Number(entry);
  if (!Number.isInteger(number) || number < 1) return undefined;
  return moment === "before" || moment === "written" || moment === "effect" ? { entry: number, moment } : undefined;
}

/** A journal that dies by `die` at the given point: how the suites of crash safety reach every gap. */
export function dieAt(point: CrashPoint, journal: Journal, die: () => never): Journal {
  let written = 0;
  let doomed: string | undefined;
  return {
    ...journal,
    write: async (trx, entry) => {
      written += 1;
      if (written === point.entry && point.moment === "before") die();
      const id = await journal.write(trx, entry);
      if (written === point.entry) doomed = id;
      return id;
    },
    start: (handlers) =>
      journal.start(
        handlers.map((handler) => ({
          ...handler,
          perform: async (entry) => {
            if (entry.id === doomed && point.moment === "written") die();
            const outcome = await handler.perform(entry);
            if (entry.id === doomed && point.moment === "effect") die();
            return outcome;
          },
        })),
      ),
  };
}
