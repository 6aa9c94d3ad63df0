import type { Millis, Result } from "../core/index.ts";
import type { Trx } from "../store/index.ts";

/** One thing to be done outside the database, written down before it is done. */
export interface JournalEntry<Body = unknown> {
  readonly id: string;
  /** `publish-canary`, `tag-image`, … */
  readonly kind: string;
  /** What it is about: a release id, `component#7`. */
  readonly subject: string;
  readonly body: Body;
  readonly tries: number;
  readonly writtenAt: Millis;
}

/**
 * Does an entry's effect. It may be done again after a crash, so it looks first whether it is done already. The answer is
 * what to record: queries that run in the transaction which marks the entry done. A retryable fault is tried again later
 * for as long as it takes; any other ends the entry through `onFailure`.
 */
export interface EffectHandler<Body = unknown> {
  readonly kind: string;
  perform(entry: JournalEntry<Body>): Promise<Result<(trx: Trx) => Promise<void>>>;
  /** Recorded when the effect failed for good. */
  onFailure(entry: JournalEntry<Body>, message: string, trx: Trx): Promise<void>;
  /** Recorded when the effect will be tried again: so that people see why it waits. */
  onRetry?(entry: JournalEntry<Body>, message: string, trx: Trx): Promise<void>;
}

export interface Journal {
  /** Part of the transaction that decided the effect. */
  write(trx: Trx, entry: { kind: string; subject: string; body: unknown; notBefore?: Millis }): Promise<string>;
  /** Wakes the worker: something was committed. */
  poke(): void;
  /** Begins to work; open entries of an earlier process are taken over at once. */
  start(handlers: readonly EffectHandler[]): Promise<void>;
  /** Ends when the effect under way has ended; open entries stay for the next process. */
  stop(): Promise<void>;
  /** True when an entry about the subject is still to be done. */
  isOpen(trx: Trx, subject: string): Promise<boolean>;
  /** Entries about the subject that wait for their next try are tried as soon as the worker is woken. */
  hasten(trx: Trx, subject: string): Promise<void>;
  /** How many entries are open. */
  openEntries(): Promise<number>;
}
