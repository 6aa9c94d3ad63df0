import type { Severity } from "../family/index.ts";

/** One rule's answer about one version. */
export interface Finding {
  /** The rule's id, as in the docs' table: `outside-branches`. */
  readonly rule: string;
  readonly severity: Exclude<Severity, "off">;
  /** One sentence for people. */
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  /** What would satisfy the rule: a sentence, with the command where there is one. */
  readonly satisfiedBy: string;
  /** Design 9, what nobody may override. */
  readonly overridable: boolean;
}

/** A rule that could not be looked at, and why. */
export interface Unchecked {
  readonly rule: string;
  readonly reason: string;
}

export type Verdict = "pass" | "warn" | "refuse";
