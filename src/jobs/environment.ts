import type { JobType, PullRef, RunFacts } from "./model.ts";
import { extraRefsOf, goPathOf, pullRefsOf, refsDocument } from "./refs.ts";

/** The variables that Prow injects (3.1), by name; they win over a job's own of the same name. */
export function injectedVariables(facts: RunFacts): Record<string, string> {
  const { job, refs } = facts;
  const injected: Record<string, string> = {
    BUILD_ID: facts.buildId,
    BUILD_NUMBER: facts.buildId,
    CI: "true",
    JOB_NAME: job.name,
    JOB_SPEC: jobSpec(facts),
    JOB_TYPE: job.type,
    PROW_JOB_ID: facts.runId,
  };
  if (job.decoration !== undefined) Object.assign(injected, { ARTIFACTS: facts.artifacts, GOPATH: facts.gopath });
  if (job.type === "periodic") return injected;
  const path = goPathOf(refs);
  const slash = path.indexOf("/");
  Object.assign(injected, {
    PULL_BASE_REF: refs.base_ref,
    PULL_BASE_SHA: refs.base_sha,
    PULL_REFS: pullRefsOf(refs),
    REPO_NAME: refs.repo,
    REPO_OWNER: refs.org,
    SRC_BASE: slash < 0 ? `${refs.org}/${refs.repo}` : path.slice(slash + 1),
    SRC_HOST: slash < 0 ? path : path.slice(0, slash),
  });
  const pull = refs.pulls?.[0];
  if (job.type === "presubmit" && pull) Object.assign(injected, pullVariables(pull));
  return injected;
}

const always = ["BUILD_ID", "BUILD_NUMBER", "CI", "JOB_NAME", "JOB_SPEC", "JOB_TYPE", "PROW_JOB_ID"];
const ofRefs = ["PULL_BASE_REF", "PULL_BASE_SHA", "PULL_REFS", "REPO_NAME", "REPO_OWNER", "SRC_BASE", "SRC_HOST"];
const ofPull = ["PULL_HEAD_REF", "PULL_NUMBER", "PULL_PULL_SHA", "PULL_TITLE"];

/** Names that a job of the type may not set itself (Prow 1.12); `ARTIFACTS` and `GOPATH` it may, and is overruled. */
export function injectedNames(type: JobType): readonly string[] {
  if (type === "periodic") return always;
  return type === "presubmit" ? [...always, ...ofRefs, ...ofPull] : [...always, ...ofRefs];
}

/** The job's own variables and the injected ones (Prow 3.1). */
export function jobEnvironment(facts: RunFacts): Record<string, string> {
  return { ...facts.job.env, ...injectedVariables(facts) };
}

function pullVariables(pull: PullRef): Record<string, string> {
  return {
    PULL_NUMBER: String(pull.number),
    PULL_PULL_SHA: pull.sha,
    PULL_HEAD_REF: pull.head_ref ?? "",
    PULL_TITLE: pull.title ?? "",
  };
}

/** Compact JSON (Prow 3.2): `buildid` and `prowjobid` without underscores, empty members left out. */
function jobSpec(facts: RunFacts): string {
  const { job, refs } = facts;
  const extraRefs = extraRefsOf(job);
  return JSON.stringify({
    type: job.type,
    job: job.name,
    buildid: facts.buildId,
    prowjobid: facts.runId,
    ...(job.type === "periodic" ? {} : { refs: refsDocument(refs) }),
    ...(extraRefs.length > 0 ? { extra_refs: extraRefs.map(refsDocument) } : {}),
    ...(Object.keys(job.decoration ?? {}).length > 0 ? { decoration_config: job.decoration } : {}),
  });
}
