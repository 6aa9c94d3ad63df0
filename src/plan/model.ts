import type { Component, Family, Role, RunState, Tier } from "../family/index.ts";
import type { DecisionRule, Job, JobType, PreviousRun, Refs } from "../jobs/index.ts";
import type { CandidateLanes, Finding, Known, TagHistory, Unchecked } from "../policy/index.ts";

/** Who did it, as the door authenticated them; `undefined` where nobody can tell (a ref found moved after a crash). */
export interface Actor {
  readonly user: string;
  readonly role: Role;
  readonly components: readonly string[] | undefined;
  readonly tokenId: string;
}

interface EventBase {
  readonly component: string;
  /** Milliseconds, UTC. */
  readonly at: number;
  readonly actor: Actor | undefined;
}

/** A branch moved, appeared or went: `before`/`after` are full ids, all zeros for absent. The same twice: it is built again. */
export interface PushEvent extends EventBase {
  readonly kind: "push";
  /** `refs/heads/…` */
  readonly ref: string;
  readonly before: string;
  readonly after: string;
  /** Paths changed, where known. */
  readonly files: readonly string[] | undefined;
}

/** A tag appeared, moved or went; ids are of the tag object where annotated. */
export interface TagEvent extends EventBase {
  readonly kind: "tag";
  /** `refs/tags/…` */
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/**
 * What happened to a change. `retargeted`: its base branch is another; `ready` and `drafted`: it left or entered draft;
 * `allowed`: a maintainer lets its head run; `edited`: nothing that concerns runs.
 */
export type ChangeAction = (typeof changeActions)[number];

export const changeActions = [
  "opened",
  "updated",
  "reopened",
  "closed",
  "merged",
  "allowed",
  "base-moved",
  "retargeted",
  "ready",
  "drafted",
  "edited",
] as const;

export interface ChangeEvent extends EventBase {
  readonly kind: "change";
  readonly action: ChangeAction;
  readonly change: ChangeFacts;
  readonly files: readonly string[] | undefined;
}

export interface CommentEvent extends EventBase {
  readonly kind: "comment";
  readonly change: ChangeFacts;
  readonly comment: string;
  readonly files: readonly string[] | undefined;
  readonly contexts: { readonly reported: readonly string[]; readonly failed: readonly string[] };
}

/** A run reached a final state. Internal: not accepted from event files. */
export interface RunEvent extends EventBase {
  readonly kind: "run";
  readonly run: RunOutcomeFacts;
}

/** A release was published. Internal: not accepted from event files. */
export interface ReleasedEvent extends EventBase {
  readonly kind: "released";
  readonly release: {
    readonly id: string;
    readonly version: string;
    readonly commit: string;
    readonly prerelease: boolean;
    /** The run that built its images; `undefined`: it has none. */
    readonly run: string | undefined;
  };
}

/** Time passed: periodics are looked at. */
export interface TickEvent {
  readonly kind: "tick";
  readonly at: number;
  /** When periodics were last looked at: cron ticks between the two count, earlier ones are lost (Prow 2.6). */
  readonly since: number;
  /** Only the periodics of this component; `undefined`: all. */
  readonly component?: string | undefined;
  readonly actor?: undefined;
}

export type FamilyEvent = PushEvent | TagEvent | ChangeEvent | CommentEvent | RunEvent | ReleasedEvent | TickEvent;

export interface ChangeFacts {
  readonly number: number;
  /** Branch name without `refs/heads/`. */
  readonly base: string;
  readonly baseSha: string;
  readonly head: string;
  readonly author: string;
  readonly title: string;
  /** The author's role here; `undefined`: a stranger. */
  readonly authorRole: Role | undefined;
  /** A maintainer allowed this very head commit. */
  readonly headAllowed: boolean;
  /** Drafts are tested only when asked for (Prow 2.2). */
  readonly draft?: boolean | undefined;
  /** What the forge says of merging it with its base; `undefined`: it does not know, which lets runs start. */
  readonly mergeable?: boolean | undefined;
  /** Branch it comes from, where known (`PULL_HEAD_REF`). */
  readonly headRef?: string | undefined;
}

export interface RunOutcomeFacts {
  readonly id: string;
  readonly job: string;
  readonly type: JobType;
  readonly state: RunState;
  readonly description: string;
  readonly refs: Refs;
  readonly ref: string;
  readonly commit: string;
  readonly tier: Tier;
  readonly releaseId: string | undefined;
  /** Image names assembled by the run. */
  readonly images: readonly string[];
}

/** A run that has not reached a final state. */
export interface LiveRun {
  readonly id: string;
  readonly job: string;
  readonly type: JobType;
  readonly change: number | undefined;
  readonly head: string;
  readonly releaseId: string | undefined;
}

export interface TagFacts {
  readonly name: string;
  /** The tag object where annotated, else the commit. */
  readonly object: string;
  /** `undefined` when the tag does not lead to a commit. */
  readonly commit: string | undefined;
}

export interface KnownRelease {
  readonly id: string;
  readonly version: string;
  readonly tagObject: string;
  readonly commit: string;
  readonly state: string;
}

/** What the repository says about its own jobs at the revision that is tested. */
export interface InRepoFacts {
  /** Which version counts: `1a2b3c4`, or `main at 1a2b3c4 merged with #3 at 5d6e7f8`. */
  readonly version: string;
  /** Why none of them runs. */
  readonly problem:
    | {
        /** `file:line:column` */
        readonly place: string;
        readonly message: string;
        /** Errors besides this one. */
        readonly more: number;
      }
    | undefined;
}

/** Everything a decision may look at besides the event; gathered by an adapter, never by the decision. */
export interface Facts {
  readonly family: Family;
  readonly component: Component | undefined;
  readonly defaultBranch: string;
  /** Jobs of the component: the family's, then those that its repository brings at the revision of the event. */
  readonly jobs: readonly Job[];
  /** `undefined`: the repository brings no jobs. */
  readonly inRepo?: InRepoFacts | undefined;
  readonly liveRuns: readonly LiveRun[];
  readonly openChanges: readonly ChangeFacts[];
  readonly releases: readonly KnownRelease[];
  /** All tags of the repository, the one of the event included. */
  readonly tags: readonly TagFacts[];
  /** For a tag event: branches (names) that contain its commit, and the branch heads. */
  readonly containing: readonly { readonly branch: string; readonly isHead: boolean; readonly ahead: number }[];
  /** For a tick: the newest run of each periodic, by job name. */
  readonly previous: Readonly<Record<string, PreviousRun>>;
  /** Names of all branches of the repository. */
  readonly branches: readonly string[];
  /** For a tag event: contexts reported on its commit by our own runs. */
  readonly checks: readonly { readonly context: string; readonly state: RunState; readonly description: string }[];
  /** For a tag event: whose listed key signed the tag. */
  readonly signedBy?: string | undefined;
  /** For a tag event: what git tells of its commit. */
  readonly history?: Known<TagHistory> | undefined;
  /** For a tag event: branches on which only changes for one release are accepted. */
  readonly freezes?: readonly { readonly branch: string; readonly for: string }[] | undefined;
  /** For a tag event: candidates whose last test by a person failed. */
  readonly failedCandidates?:
    | readonly { readonly tag: string; readonly text: string; readonly by: string }[]
    | undefined;
  /** For a tag event: lanes with canary images that test the component, each with the state of its newest run. */
  readonly lanes?: readonly { readonly name: string; readonly state: string | undefined }[] | undefined;
  /** For a tag event: what the stable lane said of the component's candidates. */
  readonly candidateLanes?: Known<CandidateLanes> | undefined;
  /** For a tick: the newest canary of each component. */
  readonly canaries?: readonly { readonly component: string; readonly at: number }[] | undefined;
  /** For a published release: deployments, and whether they start images of its component; else why that is not known. */
  readonly deployments?: readonly { readonly name: string; readonly starts: Known<boolean> }[] | undefined;
  /** For a tag event: references that registries hold without our record, once they were asked. */
  readonly foreignTags?: Known<readonly string[]> | undefined;
  /** For a run event: the newest commit from which each canary tag was published, and whether it descends from this run's commit. */
  readonly canary: { readonly commit: string; readonly newerThanThisRun: boolean } | undefined;
}

export interface PlannedRun {
  readonly job: Job;
  readonly type: JobType;
  readonly component: string;
  readonly refs: Refs;
  /** Full ref of the event: `refs/heads/main`, `refs/tags/v1.0.0`, `refs/pull/3/head`. */
  readonly ref: string;
  readonly change: number | undefined;
  readonly tier: Tier;
  /** The rule of the contract that decided. */
  readonly rule: DecisionRule | "schedule" | "rerun" | "release";
  readonly reason: string;
  /** The release that the run's end says something about. */
  readonly judges?: string | undefined;
}

export interface Skipped {
  readonly job: string;
  /** `event`: what happened starts no job at all, or none of this kind. */
  readonly rule: DecisionRule | "event" | "quarantine" | "schedule" | "inactive" | "release";
  readonly reason: string;
}

/** What else follows. Every effect carries what its doer needs; nothing is looked up again by name. */
export type Effect =
  | {
      readonly kind: "status";
      readonly sha: string;
      readonly context: string;
      readonly state: "pending" | "success" | "failure" | "error";
      readonly description: string;
      readonly reason: string;
    }
  | { readonly kind: "comment"; readonly change: number; readonly text: string; readonly reason: string }
  | { readonly kind: "abort"; readonly runId: string; readonly reason: string }
  | {
      readonly kind: "canary";
      readonly runId: string;
      readonly commit: string;
      readonly tag: string;
      readonly images: readonly string[];
      readonly reason: string;
    }
  | {
      readonly kind: "release";
      readonly version: string;
      readonly tagObject: string;
      readonly commit: string;
      readonly prerelease: boolean;
      readonly findings: readonly Finding[];
      readonly unchecked: readonly Unchecked[];
      readonly reason: string;
    }
  | {
      readonly kind: "quarantine";
      readonly version: string;
      readonly tagObject: string;
      readonly commit: string;
      readonly findings: readonly Finding[];
      readonly unchecked: readonly Unchecked[];
      readonly reason: string;
    }
  | {
      readonly kind: "release-step";
      readonly releaseId: string;
      readonly step: "verify" | "fail" | "close";
      readonly runId: string | undefined;
      readonly reason: string;
    }
  | { readonly kind: "merge"; readonly change: number; readonly reason: string }
  | { readonly kind: "freeze"; readonly branch: string; readonly reason: string }
  | {
      readonly kind: "change";
      readonly change: number;
      readonly state: "open" | "merged" | "closed";
      readonly reason: string;
    }
  | { readonly kind: "alarm"; readonly what: string; readonly reason: string };

export interface Plan {
  readonly event: FamilyEvent;
  readonly runs: readonly PlannedRun[];
  readonly skipped: readonly Skipped[];
  readonly effects: readonly Effect[];
}
