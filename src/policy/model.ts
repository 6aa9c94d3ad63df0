import type { Pin, Severity } from "../family/index.ts";

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

/** A fact, or why it cannot be known. */
export type Known<T> = { readonly value: T } | { readonly unknown: string };

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
  readonly requiredContexts: Known<readonly string[]>;
  readonly checks: readonly { readonly context: string; readonly state: string; readonly description: string }[];
  readonly actor: { readonly user: string; readonly mayMaintain: boolean } | undefined;
  /** What git tells of the commit and of the trees. */
  readonly history: Known<TagHistory>;
  /** Branches on which only changes for one release are accepted. */
  readonly freezes: Known<readonly { readonly branch: string; readonly for: string }[]>;
  /** Tests that people did of candidates and that failed; the last result of each candidate counts. */
  readonly failedCandidates: Known<readonly { readonly tag: string; readonly text: string; readonly by: string }[]>;
  /** Lanes with canary images, each with the state of its newest run. */
  readonly lanes: Known<readonly { readonly name: string; readonly state: string | undefined }[]>;
  /** What the stable lane said of the candidates of this component. */
  readonly candidateLanes: Known<CandidateLanes>;
  /** References that a registry holds under this version without our record. */
  readonly foreignTags: Known<readonly string[]>;
}

/** Runs of the stable lane in which one release took the place of what is pinned. */
export interface CandidateLanes {
  /** Does a deployment start images of the component at all? */
  readonly expected: boolean;
  /** Oldest first. */
  readonly results: readonly {
    /** Tag of the release. */
    readonly tag: string;
    readonly run: string;
    readonly state: string;
    readonly description: string;
  }[];
}

/** What git tells of a tagged commit. Times are milliseconds as the committer's clock said. */
export interface TagHistory {
  readonly committedAt: number;
  readonly isMerge: boolean;
  /** Of the other tags: those whose commit is this one, or one that it descends from. */
  readonly descendsFrom: readonly string[];
  readonly contents: RevisionContents;
  /** The final release that comes right before by precedence, as it is there; `undefined` for the first. */
  readonly before:
    | {
        readonly tag: string;
        readonly committedAt: number;
        readonly isMerge: boolean;
        readonly contents: RevisionContents;
      }
    | undefined;
  /** An earlier final of its sort (a patch, or one that opens a line) for which a changelog had a heading. */
  readonly headingBefore: string | undefined;
  /** Copies of internal components. */
  readonly shared: Known<readonly SharedFolder[]>;
}

export interface SharedFolder {
  readonly folder: string;
  readonly component: string;
  /** Is it, file by file, what the component was at some commit of its default branch? */
  readonly pristine: boolean;
  /** Merges of the component that came after it, until the time of the tagged commit. */
  readonly behind: number;
}

/** What the tree of one revision says. */
export interface RevisionContents {
  /** Names of the images that are built from it. */
  readonly images: Known<readonly string[]>;
  /** Are there changelogs at all, and has one of them a heading for the version? */
  readonly changelog: { readonly kept: boolean; readonly heading: boolean };
  /** The Go that `go.mod` asks for, and the one that builds; `undefined` where nothing says so. */
  readonly go: { readonly asked: string | undefined; readonly builds: string | undefined };
  /** What its roles allow: `ClusterRole name: group/resource verb`. */
  readonly rbac: Known<readonly string[]>;
  readonly pins: Known<readonly PlacedPin[]>;
}

/** An image that a deployment names, seen through links. */
export interface PlacedPin extends Pin {
  /** The deployment it belongs to: the folder right below what the patterns have in common; `""` for the files there. */
  readonly deployment: string;
  /** Whose image it is; `undefined`: nobody's of the family. */
  readonly owner: string | undefined;
}

/** Numbers of rules that can be set. */
export interface Thresholds {
  /** `shared-behind`: merges that a copy may lack. */
  readonly sharedBehind: number;
  /** `older-than-predecessor`: how wrong clocks may be, in milliseconds. */
  readonly clockSkewMs: number;
}

export const defaultThresholds: Thresholds = { sharedBehind: 8, clockSkewMs: 24 * 3_600_000 };

/** What the family file says about the rules, for one component. */
export interface Policy {
  readonly severities: Readonly<Record<string, Severity>>;
  readonly thresholds: Thresholds;
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
  readonly check: (facts: PreflightFacts, thresholds: Thresholds) => RuleAnswer;
}
