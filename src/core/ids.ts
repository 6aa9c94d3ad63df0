import { randomBytes, randomUUID } from "node:crypto";
import type { Millis } from "./clock.ts";

/** The only source of identifiers and randomness. */
export interface Ids {
  uuid(): string;
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string;
}

export const systemIds: Ids = {
  uuid: () => randomUUID(),
  hex: (bytes) => randomBytes(bytes).toString("hex"),
};

/** Identifiers for tests: the same sequence every time. */
export function countingIds(): Ids {
  let next = 0;
  return {
    uuid: () => `00000000-0000-4000-8000-${(++next).toString(16).padStart(12, "0")}`,
    hex: (bytes) => (++next).toString(16).padStart(bytes * 2, "0"),
  };
}

const twitterEpoch = 1288834974657n;

/**
 * The next BUILD_ID: a snowflake in decimal, 19 digits (Prow: `(ms - 1288834974657) << 22 | node << 12 | seq`), or the
 * last one plus one when that is larger, so that ids rise even when the clock runs backwards. Text, never a number: it
 * exceeds 2^53.
 */
export function nextBuildId(now: Millis, last: string | undefined): string {
  const fresh = ((BigInt(now) - twitterEpoch) << 22n) | (1n << 12n);
  const least = last === undefined ? 0n : BigInt(last) + 1n;
  return (fresh > least ? fresh : least).toString();
}
