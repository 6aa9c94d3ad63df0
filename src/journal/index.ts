export { type CrashPoint, dieAt, parseCrashPoint } from "./crash-points.ts";
export { createJournal, type JournalOptions } from "./journal.ts";
export type { EffectHandler, Journal, JournalEntry } from "./model.ts";
