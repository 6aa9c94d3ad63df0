import { canaryTagOf } from "../family/index.ts";
import type { Effect, Facts, Plan, RunEvent } from "./model.ts";

/** What a finished run leads to: its status, a canary from a green branch build, the next step of its release. */
export function planRunEnd(event: RunEvent, facts: Facts): Plan {
  const { run } = event;
  const job = facts.jobs.find((candidate) => candidate.name === run.job);
  const status: Effect = {
    kind: "status",
    sha: run.commit,
    context: job?.context ?? run.job,
    // Prow 5.3: aborted is reported as a failure, error as an error.
    state: run.state === "success" ? "success" : run.state === "error" ? "error" : "failure",
    description: run.description,
    reason: `${run.job} ended: ${run.state}`,
  };
  const stays = job?.body.kind === "pod" ? undefined : canaryStays(event, facts);
  const skipped = stays === undefined ? [] : [{ job: run.job, rule: "event" as const, reason: stays }];
  return { event, runs: [], skipped, effects: [status, ...releaseEffects(event), ...canaryEffects(event, facts)] };
}

function releaseEffects(event: RunEvent): readonly Effect[] {
  const { run } = event;
  if (run.releaseId === undefined) return [];
  if (run.state === "success") {
    return [
      {
        kind: "release-step",
        releaseId: run.releaseId,
        step: "verify",
        runId: run.id,
        reason: `built: ${run.job} succeeded`,
      },
    ];
  }
  const reason = `${run.job} ${run.state}: ${run.description}`;
  return [{ kind: "release-step", releaseId: run.releaseId, step: "fail", runId: run.id, reason }];
}

/** KEP: "If it succeeds, a new canary image is published". A red run leaves the old canary; an older one never moves it back. */
function canaryEffects(event: RunEvent, facts: Facts): readonly Effect[] {
  const { run } = event;
  if (!isBranchBuild(event) || canaryStays(event, facts) !== undefined) return [];
  const branch = run.ref.slice("refs/heads/".length);
  const tag = canaryTagOf(branch, facts.defaultBranch);
  if (tag === undefined) return [];
  return [
    {
      kind: "canary",
      runId: run.id,
      commit: run.commit,
      tag,
      images: run.images,
      reason: `${run.job} is green on ${run.commit.slice(0, 7)} of ${branch}`,
    },
  ];
}

/** Why a finished branch run moved no canary; `undefined` when it did, or when none was to be expected. */
function canaryStays(event: RunEvent, facts: Facts): string | undefined {
  const { run } = event;
  if (!isBranchBuild(event)) return undefined;
  const branch = run.ref.slice("refs/heads/".length);
  const tag = canaryTagOf(branch, facts.defaultBranch);
  if (tag === undefined) return `${branch} has no canary: only ${facts.defaultBranch} and release-X.Y have`;
  if (run.state !== "success") return `${tag} stays: ${run.job} ended ${run.state}`;
  if (run.images.length === 0) return `${facts.component?.name} has no images, so it has no canary`;
  if (facts.canary?.newerThanThisRun)
    return `${tag} stays: it is from ${facts.canary.commit.slice(0, 7)}, which is newer`;
  return undefined;
}

function isBranchBuild({ run }: RunEvent): boolean {
  return run.tier === "branch" && run.type === "postsubmit" && run.ref.startsWith("refs/heads/");
}
