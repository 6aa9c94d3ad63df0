import { mayMaintain, parseVersionTag, submoduleTag } from "../family/index.ts";
import { branchMatches, contextRequired, decideForTag, type Job } from "../jobs/index.ts";
import { type Preflight, type PreflightFacts, policyFor, preflight } from "../policy/index.ts";
import { countedTags } from "./counted-tags.ts";
import type { Effect, Facts, KnownRelease, Plan, PlannedRun, TagEvent } from "./model.ts";
import { isAbsent, planNothing, refsOf, select } from "./selection.ts";

const publicStates = ["publishing", "published", "withdrawn"];
const openStates = ["requested", "quarantined", "building", "verifying", "failed"];

/** The tag starts the release (KEP), if preflight lets it; else it is quarantined and nothing is built. */
export function planTag(event: TagEvent, facts: Facts): Plan {
  const tag = event.ref.replace(/^refs\/tags\//, "");
  const module = submoduleTag(tag);
  if (module) {
    const reason = `${tag} is the tag of the Go module in ${module.folder}, no release of ${event.component}`;
    return planNothing(event, facts, reason);
  }
  const earlier = facts.releases.filter((release) => release.version === tag);
  if (isAbsent(event.after)) return gone(event, facts, tag, earlier);
  const published = earlier.find((release) => publicStates.includes(release.state));
  if (published && published.tagObject !== event.after) return movedAfterPublication(event, facts, tag, published);
  if (published) return planNothing(event, facts, `${tag} is released already`);
  const closing = earlier
    .filter((release) => openStates.includes(release.state) && release.tagObject !== event.after)
    .map((release): Effect => step(release, "close", `its tag was replaced by ${event.after.slice(0, 7)}`));
  const checked = preflight(preflightFacts(event, facts, tag), policyFor(facts.family.policy, event.component));
  const commit = commitOf(facts, tag, event);
  if (checked.verdict === "refuse") return quarantine(event, facts, tag, commit, checked, closing);
  return release(event, facts, tag, commit, checked, closing);
}

function release(
  event: TagEvent,
  facts: Facts,
  tag: string,
  commit: string,
  checked: Preflight,
  closing: readonly Effect[],
): Plan {
  const { runs, skipped } = releaseRuns(facts, tag, commit);
  const version = parseVersionTag(tag);
  const effect: Effect = {
    kind: "release",
    version: tag,
    tagObject: event.after,
    commit,
    prerelease: version.ok && version.value.prerelease !== undefined,
    findings: checked.findings,
    unchecked: checked.unchecked,
    reason: `preflight passed${checked.verdict === "warn" ? " with warnings" : ""}: building ${commit.slice(0, 7)}`,
  };
  return { event, runs, skipped, effects: [...closing, effect] };
}

/** The runs that build a release: used for a tag that passed, and for one that was approved. */
export function releaseRuns(
  facts: Facts,
  tag: string,
  commit: string,
): { runs: readonly PlannedRun[]; skipped: Plan["skipped"] } {
  return select(facts, (job) => decideForTag(job, tag, `the tag ${tag} passed preflight`), {
    refs: refsOf(facts, tag, commit),
    ref: `refs/tags/${tag}`,
    change: undefined,
    tier: "release",
  });
}

function quarantine(
  event: TagEvent,
  facts: Facts,
  tag: string,
  commit: string,
  checked: Preflight,
  closing: readonly Effect[],
): Plan {
  const refusals = checked.findings.filter((finding) => finding.severity === "refuse");
  const first = refusals[0]?.message ?? "preflight refused it";
  const reason = refusals.length > 1 ? `${first}, and ${refusals.length - 1} more` : first;
  const effect: Effect = {
    kind: "quarantine",
    version: tag,
    tagObject: event.after,
    commit,
    findings: checked.findings,
    unchecked: checked.unchecked,
    reason,
  };
  return {
    event,
    runs: [],
    skipped: facts.jobs.map((job) => ({
      job: job.name,
      rule: "quarantine",
      reason: `${tag} is quarantined: ${first}`,
    })),
    effects: [...closing, effect],
  };
}

function gone(event: TagEvent, facts: Facts, tag: string, earlier: readonly KnownRelease[]): Plan {
  const plan = planNothing(event, facts, `${tag} was deleted`);
  const effects = earlier.flatMap((release): readonly Effect[] => {
    if (publicStates.includes(release.state)) {
      const reason = `the tag ${tag} was deleted after it was published; the images and the record stay`;
      return [{ kind: "alarm", what: release.id, reason }];
    }
    if (!openStates.includes(release.state)) return [];
    return [step(release, "close", "its tag was deleted before anything was published"), ...abortBuild(facts, release)];
  });
  return { ...plan, effects };
}

function movedAfterPublication(event: TagEvent, facts: Facts, tag: string, published: KnownRelease): Plan {
  const reason = `the tag ${tag} moved after it was published from ${published.commit.slice(0, 7)}; the images stay as they are`;
  return { ...planNothing(event, facts, reason), effects: [{ kind: "alarm", what: published.id, reason }] };
}

function abortBuild(facts: Facts, release: KnownRelease): readonly Effect[] {
  return facts.liveRuns
    .filter((run) => run.type === "postsubmit" && run.head === release.commit && run.releaseId === release.id)
    .map((run) => ({ kind: "abort", runId: run.id, reason: `the tag ${release.version} is gone` }));
}

function step(release: KnownRelease, what: "close", reason: string): Effect {
  return { kind: "release-step", releaseId: release.id, step: what, runId: undefined, reason };
}

function commitOf(facts: Facts, tag: string, event: TagEvent): string {
  return facts.tags.find((candidate) => candidate.name === tag)?.commit ?? event.after;
}

function preflightFacts(event: TagEvent, facts: Facts, tag: string): PreflightFacts {
  const component = facts.component;
  const commit = facts.tags.find((candidate) => candidate.name === tag)?.commit;
  const branch =
    facts.containing.find((each) => each.branch === facts.defaultBranch)?.branch ?? facts.containing[0]?.branch;
  return {
    component: component?.name ?? event.component,
    kind: component?.kind ?? "versioned",
    maintainers: component?.maintainers ?? [],
    tag,
    tagObject: event.after,
    commit,
    defaultBranch: facts.defaultBranch,
    branches: facts.branches,
    containing: facts.containing,
    tags: countedTags(facts.tags, facts.releases).filter((candidate) => candidate.name !== tag),
    releases: facts.releases,
    requiredContexts: { value: branch === undefined ? [] : requiredOn(facts.jobs, branch) },
    checks: facts.checks,
    actor: taggerOf(event, facts),
    history: facts.history ?? { unknown: "the repository was not read" },
    freezes: { value: facts.freezes ?? [] },
    failedCandidates: { value: facts.failedCandidates ?? [] },
    lanes: { value: facts.lanes ?? [] },
    candidateLanes: facts.candidateLanes ?? { value: { expected: false, results: [] } },
    foreignTags: facts.foreignTags ?? { unknown: "registries are asked when nothing else refuses" },
  };
}

/** Design 9: the authenticated pusher, or whoever's listed key signed the tag; never what the tag says. */
function taggerOf(event: TagEvent, facts: Facts): PreflightFacts["actor"] {
  const { component, signedBy } = facts;
  if (!component) return undefined;
  const pusher = event.actor && { user: event.actor.user, mayMaintain: mayMaintain(event.actor, component) };
  if (signedBy === undefined || pusher?.mayMaintain === true) return pusher;
  const signer = { user: signedBy, role: "maintainer", components: undefined } as const;
  return mayMaintain(signer, component) || !pusher
    ? { user: signedBy, mayMaintain: mayMaintain(signer, component) }
    : pusher;
}

/** Contexts of postsubmits that must be green on a commit of the branch before it is released. */
function requiredOn(jobs: readonly Job[], branch: string): readonly string[] {
  return jobs.flatMap((job) => {
    if (job.type !== "postsubmit" || !contextRequired(job) || job.alwaysRun === false) return [];
    if (job.runIfChanged !== undefined || job.skipIfOnlyChanged !== undefined) return [];
    const matched = branchMatches(job, branch);
    return matched.ok && matched.value ? [job.context] : [];
  });
}
