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

/** What preflight may look at; gathered before, never by a rule. `undefined` is "cannot be known". */
export interface PreflightFacts {
  readonly component: string;
  readonly kind: "versioned" | "internal" | "deployment";
  readonly maintainers: readonly string[];
  readonly tag: string;
  readonly tagObject: string;
  /** `undefined` when the tag does not lead to a commit. */
  readonly commit: string | undefined;
  readonly defaultBranch: string;
  readonly branches: readonly string[];
  /** Branches that contain the commit, whether it is their head, and by how many commits they are ahead. */
  readonly containing: readonly { readonly branch: string; readonly isHead: boolean; readonly ahead: number }[];
  /** Other tags of the repository. */
  readonly tags: readonly { readonly name: string; readonly commit: string | undefined }[];
  readonly releases: readonly {
    readonly version: string;
    readonly tagObject: string;
    readonly commit: string;
    readonly state: string;
  }[];
  /** Contexts that must be green on the commit. */
  readonly requiredContexts: readonly string[];
  readonly checks: readonly { readonly context: string; readonly state: string; readonly description: string }[];
  readonly actor: { readonly user: string; readonly mayMaintain: boolean } | undefined;
}

/** What a rule found, before severities are applied. */
export type RuleAnswer =
  | { readonly kind: "fine" }
  | { readonly kind: "unchecked"; readonly reason: string }
  | {
      readonly kind: "found";
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
      readonly satisfiedBy: string;
    };

export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** False for what design 9 lets nobody override. */
  readonly overridable: boolean;
  /** One line for the table of the docs. */
  readonly about: string;
  readonly check: (facts: PreflightFacts) => RuleAnswer;
}
