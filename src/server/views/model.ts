import type { ComponentKind, ReleaseState, Role, RunState, Tier } from "../../family/index.ts";
import type { JobType, Refs } from "../../jobs/index.ts";
import type { Finding, TrainPlan, TrainStopState, Unchecked } from "../../policy/index.ts";
import type { FindingKind } from "../../proof/index.ts";
import type { Artifact, TestSummary } from "../../results/index.ts";

/**
 * What pages show and the API answers; the same objects for both, so that they cannot differ. Times are ISO 8601 UTC or
 * null, commits and digests are whole, and text of strangers is as they wrote it: each sink escapes it.
 */
export interface List<T> {
  readonly items: readonly T[];
  /** Set when more match than are listed. */
  readonly more?: boolean | undefined;
}

/** What to do now: one sentence, and the command that does it where one exists. */
export interface NextStep {
  /** `person`: somebody must act or decide; `ready`: somebody may; `wait`: it goes on by itself; `none`: nothing to do. */
  readonly urgency: "person" | "ready" | "wait" | "none";
  readonly text: string;
  /** The few words of `text` that name the state: `blocked`, `v1.0.1 quarantined`. */
  readonly mark?: { readonly state: Mark; readonly word: string } | undefined;
  readonly command?: string | undefined;
  /** Path of the page that tells more. */
  readonly page?: string | undefined;
  /** Since when, where it is known. */
  readonly since?: string | undefined;
}

/** The states of design/: one glyph, one word, one colour each. */
export type Mark =
  | "success"
  | "failure"
  | "running"
  | "queued"
  | "aborted"
  | "error"
  | "skipped"
  | "notrun"
  | "flaky"
  | "quarantined"
  | "published"
  | "withdrawn";

export interface RunRef {
  readonly id: string;
  readonly job: string;
  readonly context: string;
  readonly state: RunState;
  readonly mark: Mark;
  readonly word: string;
  readonly description: string;
  readonly notRunNeed: string | null;
  readonly required: boolean;
  /** Name of the first failed test, and how many more. */
  readonly failedTest: string | null;
  readonly at: string;
}

/** The required checks of one commit: the newest run of each required context. */
export interface CheckSummary {
  readonly mark: Mark | undefined;
  /** As on the terminal: `✓ 3/3`, `✗ 2/3`, `✓ 2/2, 2 not run here`; `–` when no check was decided. */
  readonly text: string;
  /** Every required check succeeded, and there is at least one. What was not run here is never green. */
  readonly green: boolean;
  readonly passed: number;
  /** Those that could run here. */
  readonly total: number;
  readonly running: number;
  readonly notRun: number;
  readonly runs: readonly RunRef[];
}

/** A branch that takes only changes for one release. */
export interface FrozenBranch {
  readonly branch: string;
  readonly version: string;
  /** null: until it is published or thawed. */
  readonly until: string | null;
  readonly by: string;
}

export interface StatusRow {
  readonly component: string;
  readonly kind: ComponentKind;
  /** `new`, `copying`, `adopted`, `unreachable`. */
  readonly state: string;
  /** Newest published release without a suffix, else the newest published one. */
  readonly release: {
    /** null: adopted, not released by Fairlead. */
    readonly id: string | null;
    readonly version: string;
    readonly published: string | null;
  } | null;
  readonly head: { readonly branch: string; readonly commit: string } | null;
  readonly required: CheckSummary;
  readonly canary: { readonly tag: string; readonly commit: string; readonly moved: string } | null;
  readonly openChanges: number;
  readonly frozen: readonly FrozenBranch[];
  /** A release newer than `release` that is not to be used. */
  readonly withdrawn: { readonly id: string; readonly version: string; readonly reason: string } | null;
  /** Commits of the default branch since the last release; null: internal, or not looked at yet. */
  readonly unreleased: number | null;
  readonly next: NextStep;
}

export interface ChecklistItem {
  readonly mark: Mark;
  readonly word: string;
  readonly text: string;
  readonly command?: string | undefined;
  /** What stands at the right: a time, a count. */
  readonly note?: string | undefined;
}

export interface FamilyView {
  readonly family: string;
  readonly components: number;
  /** No release was asked for yet: the page shows the checklist. */
  readonly fresh: boolean;
  readonly checklist: readonly ChecklistItem[];
  readonly cluster: string;
  /** The opt-outs that every page says. */
  readonly notes: readonly string[];
  /** Differences that the last audit found between the registries and the record. */
  readonly auditFindings: number;
  /** Why the configuration as it is now is not in force, with its place; null while it is. */
  readonly problem: string | null;
  readonly next: NextStep;
}

export interface StatusView extends List<StatusRow> {
  readonly family: string;
  readonly at: string;
  readonly needsPerson: number;
  readonly ready: number;
  /** The first command worth running now. */
  readonly next: NextStep;
}

export interface RunItem {
  readonly id: string;
  readonly job: string;
  readonly type: JobType;
  readonly component: string;
  readonly tier: Tier;
  readonly state: RunState;
  readonly refs: Refs;
  readonly started: string | null;
  readonly finished: string | null;
  readonly url: string;
  readonly created: string;
  readonly buildId: string | null;
  readonly change: number | null;
  readonly required: boolean;
  readonly description: string;
  readonly notRunNeed: string | null;
  readonly mark: Mark;
  readonly word: string;
}

export interface AttemptItem {
  readonly attempt: number;
  readonly buildId: string;
  readonly started: string;
  readonly finished: string | null;
  readonly exitCode: number | null;
  readonly outcome: string | null;
}

export interface RunView extends RunItem {
  readonly context: string;
  readonly reason: string;
  /** `generated`, or `file:line` of the Prow file. */
  readonly origin: string;
  readonly timeoutMs: number;
  readonly attempt: number;
  readonly attempts: readonly AttemptItem[];
  readonly testedCommit: string | null;
  readonly baseCommit: string;
  readonly headCommit: string;
  readonly release: string | null;
  readonly rerunOf: string | null;
  /** Claims of the job; null: no result files were read. */
  readonly tests: TestSummary | null;
  readonly artifacts: readonly Artifact[];
  /** A command that does the same elsewhere; null before the first attempt. */
  readonly reproduce: string | null;
  /** Path below `/results/`; null before the first attempt. */
  readonly resultsPath: string | null;
  readonly images: readonly { readonly name: string; readonly digest: string }[];
  /** null: it tested in no cluster. */
  readonly clusterTest: ClusterTestView | null;
  readonly next: NextStep;
}

export interface ChangeItem {
  readonly component: string;
  readonly number: number;
  readonly title: string;
  readonly author: string;
  readonly base: string;
  readonly head: string;
  readonly state: string;
  readonly mark: Mark;
  readonly word: string;
  readonly opened: string;
  readonly updated: string;
  readonly url: string;
  readonly required: CheckSummary;
  readonly next: NextStep;
}

export interface ChangeView extends ChangeItem {
  readonly authorRole: Role | null;
  readonly baseCommit: string;
  /** A maintainer allowed this head commit of a stranger's change. */
  readonly headAllowed: boolean;
  readonly files: readonly string[];
  readonly conflicts: readonly string[];
  /** The release that it was marked for: it passes a freeze for that release. */
  readonly forRelease: string | null;
  /** Number of the change that it brings to its base. */
  readonly backportOf: number | null;
  readonly merged: {
    readonly at: string | null;
    readonly commit: string;
    readonly by: string;
    readonly override: string | null;
  } | null;
  /** Why it may not be merged yet; empty: it may. */
  readonly blockers: readonly string[];
  /** Its files that say how it is tested; they count as they are in this change, merged with its base. */
  readonly ownTests: readonly string[];
  /** What was said of the jobs that the repository brings itself: whose version counts, or what is wrong with it. */
  readonly inRepo: string | null;
  readonly optional: readonly RunRef[];
  /** Runs of earlier heads and superseded runs, newest first. */
  readonly earlier: readonly RunItem[];
  readonly update: string;
  readonly merge: string;
}

export interface RegistryState {
  readonly registry: string;
  /** `waiting` for the build, `wanted`, `pushed`, `copy`, `refused`, `published`, or `absent`: the registry came later. */
  readonly state: string;
  readonly detail: string;
}

/** What one registry has of one image, over all its releases. */
export interface RegistryCell {
  readonly registry: string;
  readonly published: number;
  /** Ordered and not there yet. */
  readonly left: number;
  /** Never asked to be there: the registry came later. */
  readonly absent: number;
  /** Other bytes are there. */
  readonly refused: number;
  readonly newest: string | null;
  readonly mark: Mark;
  readonly word: string;
}

export interface RegistriesView
  extends List<{ readonly component: string; readonly image: string; readonly registries: readonly RegistryCell[] }> {
  readonly registries: readonly string[];
  /** What is not everywhere, oldest release first. */
  readonly left: readonly {
    readonly release: string;
    readonly component: string;
    readonly version: string;
    readonly image: string;
    readonly digest: string;
    readonly registry: string;
    readonly state: string;
    readonly detail: string;
    readonly mark: Mark;
    readonly word: string;
  }[];
  /** Entries of `left` that are not listed. */
  readonly leftOut: number;
  readonly audit: AuditView;
  readonly next: NextStep;
}

/** One image of a pin set on one platform. */
export interface PinnedImageView {
  readonly name: string;
  readonly digest: string;
  readonly platforms: readonly { readonly platform: string; readonly manifest: string; readonly config: string }[];
}

export interface PinnedComponentView {
  readonly component: string;
  readonly commit: string;
  readonly version: string;
  readonly from: "release" | "canary" | "replaced";
  readonly run: string;
  readonly images: readonly PinnedImageView[];
}

/** Which images were tested together, in which runs, and what differs from another set. */
export interface PinSetView {
  readonly id: string;
  readonly resolved: string;
  readonly family: string;
  readonly deployment: { readonly component: string; readonly commit: string; readonly folder: string };
  readonly components: readonly PinnedComponentView[];
  /** Runs that tested it, newest first. */
  readonly runs: readonly RunItem[];
  /** The set that it is compared with: the one that was asked for, else the one resolved before it for the deployment. */
  readonly before: string | null;
  readonly differences: readonly {
    readonly component: string;
    readonly before: string | null;
    readonly after: string | null;
    readonly images: readonly string[];
  }[];
}

export interface PinSetItem {
  readonly id: string;
  readonly resolved: string;
  readonly deployment: string;
  readonly commit: string;
  readonly components: readonly { readonly component: string; readonly version: string; readonly commit: string }[];
}

/** What a run tested in a cluster, and what the cluster said it ran. */
export interface ClusterTestView {
  readonly pinSet: string;
  readonly state: "deploying" | "proven" | "differs";
  readonly kubernetes: string | null;
  readonly nodeImage: string | null;
  readonly sourceRevision: string | null;
  readonly suite: string | null;
  readonly components: readonly PinnedComponentView[];
  readonly containers: readonly {
    readonly pod: string;
    readonly container: string;
    readonly image: string;
    readonly ran: string;
    readonly component: string | null;
    readonly answer: string;
  }[];
  readonly differences: readonly string[];
  readonly absent: readonly string[];
}

/** A run of the stable lane with a release in the place of what is pinned. */
export interface LaneOfRelease {
  readonly job: string;
  readonly run: string;
  readonly state: string;
  readonly description: string;
  readonly mark: Mark;
  readonly word: string;
}

/** Differences between the registries and the record, newest first. */
export interface AuditView
  extends List<{
    readonly kind: FindingKind;
    readonly registry: string;
    readonly component: string;
    readonly image: string;
    readonly tag: string;
    readonly release: string | null;
    readonly expected: string | null;
    readonly found: string | null;
    readonly since: string;
    readonly sentence: string;
    readonly remedy: string;
  }> {
  /** When the last one ended; null: none yet. */
  readonly finished: string | null;
  /** Tags that it compared. */
  readonly compared: number;
  /** null: only when asked for. */
  readonly everyMs: number | null;
  /** Registries it could not read: nothing is known of them. */
  readonly unread: readonly { readonly registry: string; readonly reason: string }[];
}

export interface ReleaseImageView {
  readonly name: string;
  readonly digest: string | null;
  readonly platforms: readonly string[];
  readonly registries: readonly RegistryState[];
}

export interface ReleaseItem {
  readonly id: string;
  readonly component: string;
  readonly version: string;
  readonly state: ReleaseState;
  readonly commit: string;
  readonly prerelease: boolean;
  readonly images: readonly ReleaseImageView[];
  readonly requested: string;
  readonly published: string | null;
  readonly reason: string;
  readonly url: string;
  readonly mark: Mark;
  readonly word: string;
}

/** One station of the strip from requested to published. */
export interface Station {
  readonly name: string;
  readonly state: "done" | "held" | "now" | "ahead" | "failed" | "published" | "closed";
  readonly at: string | null;
  /** How long it lasted, or lasts; null before it began. */
  readonly lastedMs: number | null;
  readonly note: string;
}

/** What was signed for a release, and how anybody checks it. */
export interface ReleaseProofView {
  /** SHA-256 of the public key, hex. */
  readonly key: string;
  readonly signed: string;
  /** Head of the record that the provenance names. */
  readonly recordHead: string;
  readonly statements: readonly {
    readonly image: string;
    readonly kind: string;
    readonly subject: string;
    readonly digest: string;
  }[];
  readonly files: readonly {
    readonly path: string;
    readonly digest: string;
    readonly size: number;
    readonly url: string;
  }[];
  /** Empty until it is published. */
  readonly commands: readonly string[];
}

export interface ReleaseView extends ReleaseItem {
  readonly tagObject: string;
  readonly requestedBy: string;
  readonly run: RunRef | null;
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
  readonly findingsHash: string;
  readonly strip: readonly Station[];
  /** How long each stop lasted in the release of the component that was published before, in milliseconds. */
  readonly lastTimes: Readonly<Record<string, number>>;
  readonly hold: {
    readonly findings: readonly Finding[];
    /** False when a finding is one that nobody may override (design 9). */
    readonly approvable: boolean;
    readonly approvers: readonly string[];
  } | null;
  readonly approved: { readonly by: string; readonly reason: string } | null;
  readonly withdrawn: { readonly at: string; readonly by: string; readonly reason: string } | null;
  /** Results of tests that people did, newest first. */
  readonly notes: readonly {
    readonly at: string;
    readonly result: "pass" | "fail";
    readonly text: string;
    readonly by: string;
  }[];
  /** The component owns no image: its tag is the release. */
  readonly withoutImages: boolean;
  readonly pull: string | null;
  /** Runs of the stable lane with it, newest first: a red one refuses the final. */
  readonly lanes: readonly LaneOfRelease[];
  /** null: nothing was signed (yet). */
  readonly proof: ReleaseProofView | null;
  readonly others: readonly ReleaseItem[];
  readonly next: NextStep;
}

export interface ComponentView {
  readonly status: StatusRow;
  readonly repository: string;
  readonly clone: string;
  readonly images: readonly string[] | null;
  readonly deployed: boolean;
  readonly maintainers: readonly string[];
  readonly stateDetail: string;
  readonly adopted: { readonly at: string | null; readonly commits: number; readonly tags: number };
  readonly changes: readonly ChangeItem[];
  readonly runs: readonly RunItem[];
  readonly releases: readonly ReleaseItem[];
  readonly canaries: readonly CanaryItem[];
  /** What canary tags meant before, newest first, the last few. */
  readonly earlierCanaries: readonly CanaryItem[];
  readonly next: NextStep;
}

/** What a canary tag meant from a moment on: which bytes, built from which commit by which run. */
export interface CanaryItem {
  readonly tag: string;
  readonly image: string;
  readonly digest: string;
  readonly commit: string;
  readonly moved: string;
  readonly run: string;
}

/** One move in a canary tag's history. */
export interface CanaryMove extends CanaryItem {
  /** To be given as `before` for the moves before this one. */
  readonly id: number;
  /** Does the tag mean this now? */
  readonly current: boolean;
}

export interface WhyStep {
  readonly at: string;
  readonly component: string;
  /** `run`, `skip`, or an effect's kind. */
  readonly kind: string;
  readonly subject: string;
  readonly commit: string | null;
  readonly reason: string;
  readonly configHash: string;
  readonly page: string | null;
}

export interface WhyView {
  readonly subject: string;
  /** What the subject was taken for: `change`, `run`, `release`, `commit`, `image`, `component`. */
  readonly kind: string;
  /** The state now, in one sentence. */
  readonly answer: string;
  /** Oldest first. */
  readonly chain: readonly WhyStep[];
  /** Older decisions that were left out. */
  readonly leftOut: number;
  readonly page: string | null;
  readonly next: NextStep;
}

export interface RunFilter {
  readonly component?: string | undefined;
  readonly job?: string | undefined;
  readonly state?: string | undefined;
  readonly change?: number | undefined;
  readonly limit?: number | undefined;
}

export interface ListFilter {
  readonly component?: string | undefined;
  readonly state?: string | undefined;
  readonly limit?: number | undefined;
}

/** One release of a train that was started. */
export interface TrainStopView {
  readonly component: string;
  readonly version: string;
  readonly state: TrainStopState;
  readonly mark: Mark;
  readonly word: string;
  readonly reason: string;
  readonly after: readonly string[];
  /** Where its release stands, once its tag was made. */
  readonly release: string | null;
  /** The change that updates its pins. */
  readonly change: number | null;
  readonly began: string | null;
  readonly ended: string | null;
}

export interface TrainView {
  readonly id: string;
  /** `going`, `ended`, `stopped`. */
  readonly state: string;
  readonly reason: string;
  readonly by: string;
  readonly started: string;
  readonly ended: string | null;
  readonly stops: readonly TrainStopView[];
}

/** What needs a release, and the trains that go or went, newest first. */
export interface TrainPlanView extends TrainPlan {
  readonly trains: readonly TrainView[];
}
