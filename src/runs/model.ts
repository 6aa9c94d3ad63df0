import type { Millis } from "../core/index.ts";
import type { RunState, Tier } from "../family/index.ts";
import type { Job, JobType, Refs } from "../jobs/index.ts";

/** One run as the engine works with it: what was decided, and where it stands. */
export interface Run {
  readonly id: string;
  readonly job: Job;
  readonly type: JobType;
  readonly component: string;
  readonly tier: Tier;
  readonly state: RunState;
  readonly refs: Refs;
  /** Full ref of the event: `refs/heads/main`, `refs/tags/v1.0.0`, `refs/pull/3/head`. */
  readonly ref: string;
  readonly change: number | undefined;
  /** Head of the change, or the commit of the branch or tag. */
  readonly head: string;
  readonly releaseId: string | undefined;
  readonly attempt: number;
  readonly createdAt: Millis;
  readonly fencing: number;
}

/** How an attempt ended, before it is recorded. */
export interface RunEnd {
  readonly state: Exclude<RunState, "triggered" | "pending">;
  /** One sentence for people. */
  readonly description: string;
  readonly exitCode: number | undefined;
  /** Set when a need was missing on this machine. */
  readonly notRunNeed: string | undefined;
  /** The surroundings ended the attempt, not the job: another one may follow. */
  readonly again?: boolean | undefined;
  readonly testedCommit: string | undefined;
  readonly testedTree: string | undefined;
  /** Test summary, JSON. */
  readonly tests: string | undefined;
  readonly images: readonly BuiltImage[];
}

export interface BuiltImage {
  readonly name: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  /** JSON: platform, digest, diff ids for each. */
  readonly platforms: string;
  readonly warnings: readonly string[];
  /** How it was made and what was in force, JSON, for the provenance. */
  readonly making: string;
}
