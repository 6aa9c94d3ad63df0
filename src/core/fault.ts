/**
 * Every kind of expected failure, each with the exit code and HTTP status it ends in and whether trying again unchanged
 * can help. Exit codes: 1 the answer is no, 2 wrong usage, 3 Fairlead or its surroundings failed.
 */
const kinds = {
  "bad-input": { exit: 2, http: 400, retryable: false },
  "not-found": { exit: 2, http: 404, retryable: false },
  unauthorized: { exit: 2, http: 401, retryable: false },
  forbidden: { exit: 1, http: 403, retryable: false },
  refused: { exit: 1, http: 409, retryable: false },
  conflict: { exit: 1, http: 409, retryable: false },
  "missing-need": { exit: 1, http: 409, retryable: false },
  limit: { exit: 1, http: 413, retryable: false },
  timeout: { exit: 3, http: 504, retryable: true },
  unavailable: { exit: 3, http: 503, retryable: true },
  "disk-full": { exit: 3, http: 507, retryable: true },
  corrupt: { exit: 3, http: 500, retryable: false },
  failed: { exit: 3, http: 500, retryable: false },
} as const;

export type FaultCode = keyof typeof kinds;

/** Where in a file of the user's the cause stands; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An expected failure: what happened, where, and what to do. `message` is one sentence without a final full stop. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  /** What to do now: a sentence or a command that runs as it stands. */
  readonly hint?: string | undefined;
  readonly place?: Place | undefined;
  /** For machines: numbers and names behind the sentence. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

export function fault(code: FaultCode, message: string, more: Omit<Fault, "code" | "message"> = {}): Fault {
  return { code, message, ...more };
}

export function exitCodeOf(code: FaultCode): 1 | 2 | 3 {
  return kinds[code].exit;
}

export function httpStatusOf(code: FaultCode): 400 | 401 | 403 | 404 | 409 | 413 | 500 | 503 | 504 | 507 {
  return kinds[code].http;
}

export function isRetryable(fault: Fault): boolean {
  return kinds[fault.code].retryable;
}

/** `file:line:column: message (hint)`, for terminals and logs. */
export function describeFault(fault: Fault): string {
  const where = fault.place ? `${fault.place.file}:${fault.place.line}:${fault.place.column}: ` : "";
  return `${where}${fault.message}${fault.hint ? `\n  ${fault.hint}` : ""}`;
}
