import type { Fault } from "./fault.ts";

/** An expected outcome: a value, or a failure that the caller is meant to handle. Bugs are thrown instead. */
export type Result<T, E = Fault> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): Result<T, never> {
  return { ok: true, value };
}

export function err<E>(error: E): Result<never, E> {
  return { ok: false, error };
}

/** The value, or a throw: for places where a failure would be a bug of ours. */
export function must<T>(result: Result<T, { message: string }>): T {
  if (result.ok) return result.value;
  throw new Error(result.error.message, { cause: result.error });
}
