import type { PullRef, Refs, RunFacts } from "./model.ts";

/** Checkout path below `$GOPATH/src` (Prow 3.4): `path_alias`, else the repository link without scheme, else GitHub's. */
export function goPathOf(refs: Refs): string {
  if (refs.path_alias) return refs.path_alias;
  const link = /^https?:\/\/(.+)$/.exec(refs.repo_link ?? "")?.[1];
  return link ?? `github.com/${refs.org}/${refs.repo}`;
}

/** `base_ref:base_sha[,number:sha[:ref]]…` (Prow: PULL_REFS). */
export function pullRefsOf(refs: Refs): string {
  const base = refs.base_sha === "" ? refs.base_ref : `${refs.base_ref}:${refs.base_sha}`;
  const pulls = (refs.pulls ?? []).map((pull) => `${pull.number}:${pull.sha}${pull.ref ? `:${pull.ref}` : ""}`);
  return [base, ...pulls].join(",");
}

/** Variables of the contract (Prow 3.1), the job's own first: an injected name wins over the job's. */
export function jobEnvironment(facts: RunFacts): Record<string, string> {
  const { job, refs } = facts;
  const path = goPathOf(refs);
  const slash = path.indexOf("/");
  const pull = refs.pulls?.[0];
  const injected: Record<string, string> = {
    ARTIFACTS: facts.artifacts,
    BUILD_ID: facts.buildId,
    BUILD_NUMBER: facts.buildId,
    CI: "true",
    GOPATH: facts.gopath,
    JOB_NAME: job.name,
    JOB_SPEC: jobSpec(facts),
    JOB_TYPE: job.type,
    PROW_JOB_ID: facts.runId,
  };
  if (job.type !== "periodic") {
    Object.assign(injected, {
      PULL_BASE_REF: refs.base_ref,
      PULL_BASE_SHA: refs.base_sha,
      PULL_REFS: pullRefsOf(refs),
      REPO_NAME: refs.repo,
      REPO_OWNER: refs.org,
      SRC_BASE: slash < 0 ? `${refs.org}/${refs.repo}` : path.slice(slash + 1),
      SRC_HOST: slash < 0 ? path : path.slice(0, slash),
    });
  }
  if (job.type === "presubmit" && pull) Object.assign(injected, pullVariables(pull));
  return { ...job.env, ...injected };
}

function pullVariables(pull: PullRef): Record<string, string> {
  return {
    PULL_NUMBER: String(pull.number),
    PULL_PULL_SHA: pull.sha,
    PULL_HEAD_REF: pull.head_ref ?? "",
    PULL_TITLE: pull.title ?? "",
  };
}

/** Compact JSON with Prow's key names; empty members are left out but for `org`, `repo` and a pull's number, author, sha. */
function jobSpec(facts: RunFacts): string {
  const { job, refs } = facts;
  return JSON.stringify({
    type: job.type,
    job: job.name,
    buildid: facts.buildId,
    prowjobid: facts.runId,
    ...(job.type === "periodic" ? {} : { refs: refsForSpec(refs) }),
  });
}

function refsForSpec(refs: Refs): Record<string, unknown> {
  return {
    org: refs.org,
    repo: refs.repo,
    ...filled({
      repo_link: refs.repo_link,
      base_ref: refs.base_ref,
      base_sha: refs.base_sha,
      base_link: refs.base_link,
    }),
    ...(refs.pulls && refs.pulls.length > 0 ? { pulls: refs.pulls.map(pullForSpec) } : {}),
    ...filled({ path_alias: refs.path_alias, clone_uri: refs.clone_uri }),
  };
}

function pullForSpec(pull: PullRef): Record<string, unknown> {
  return {
    number: pull.number,
    author: pull.author,
    sha: pull.sha,
    ...filled({ title: pull.title, ref: pull.ref, head_ref: pull.head_ref, link: pull.link }),
  };
}

function filled(members: Record<string, string | undefined>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(members)) if (value) kept[name] = value;
  return kept;
}
