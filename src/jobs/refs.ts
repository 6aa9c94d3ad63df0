import type { Job, PullRef, Refs } from "./model.ts";

/** Checkout path below `$GOPATH/src` (Prow 3.4): `path_alias`, else the repository link without scheme, else GitHub's. */
export function goPathOf(refs: Refs): string {
  if (refs.path_alias) return refs.path_alias;
  const link = /^https?:\/\/(.+)$/.exec(refs.repo_link ?? "")?.[1];
  return link ?? `github.com/${refs.org}/${refs.repo}`;
}

/** `base_ref:base_sha[,number:sha[:ref]]…` (Prow: PULL_REFS). */
export function pullRefsOf(refs: Refs): string {
  const base = refs.base_sha === "" ? refs.base_ref : `${refs.base_ref}:${refs.base_sha}`;
  const pulls = (refs.pulls ?? []).map((pull) => {
    const sha = pull.sha === "" ? "" : `:${pull.sha}`;
    return `${pull.number}${sha}${pull.ref ? `:${pull.ref}` : ""}`;
  });
  return [base, ...pulls].join(",");
}

/** Prow 1.2: what a job says about cloning its primary repository travels with the refs. */
export function primaryRefs(job: Job, refs: Refs): Refs {
  const { clone, decoration } = job;
  const sparse = decoration?.sparse_checkout_files;
  return {
    ...refs,
    ...(clone.pathAlias ? { path_alias: clone.pathAlias } : {}),
    ...(clone.cloneUri ? { clone_uri: clone.cloneUri } : {}),
    ...(clone.cloneDepth === 0 ? {} : { clone_depth: clone.cloneDepth }),
    ...(clone.skipSubmodules ? { skip_submodules: true } : {}),
    ...(clone.skipFetchHead ? { skip_fetch_head: true } : {}),
    ...(isBlobless(job) ? { blobless_fetch: true } : {}),
    ...(Array.isArray(sparse) && sparse.length > 0 ? { sparse_checkout_files: sparse.map(String) } : {}),
  };
}

/** Prow 1.3: extra refs inherit `blobless_fetch` unless they say otherwise. */
export function extraRefsOf(job: Job): readonly Refs[] {
  if (!isBlobless(job)) return job.extraRefs;
  return job.extraRefs.map((ref) => (ref.blobless_fetch === undefined ? { ...ref, blobless_fetch: true } : ref));
}

function isBlobless(job: Job): boolean {
  return job.decoration?.blobless_fetch === true;
}

/**
 * Prow 3.4: the first of all refs with `workdir`, else the first at all; `undefined` without any, where a container keeps
 * its image's own. `root` is GOPATH.
 */
export function workingDirectory(root: string, all: readonly Refs[]): string | undefined {
  const chosen = all.find((refs) => refs.workdir === true) ?? all[0];
  return chosen === undefined ? undefined : `${root}/src/${goPathOf(chosen)}`;
}

/** As JOB_SPEC and ProwJobs carry them: Prow's order of names, empty members left out but for `org` and `repo`. */
export function refsDocument(refs: Refs): Record<string, unknown> {
  return {
    org: refs.org,
    repo: refs.repo,
    ...filled({
      repo_link: refs.repo_link,
      base_ref: refs.base_ref,
      base_sha: refs.base_sha,
      base_link: refs.base_link,
      pulls: refs.pulls?.map(pullDocument),
      path_alias: refs.path_alias,
      workdir: refs.workdir,
      clone_uri: refs.clone_uri,
      skip_submodules: refs.skip_submodules,
      clone_depth: refs.clone_depth,
      skip_fetch_head: refs.skip_fetch_head,
      auxiliary: refs.auxiliary,
    }),
    ...(refs.blobless_fetch === undefined ? {} : { blobless_fetch: refs.blobless_fetch }),
    ...filled({ sparse_checkout_files: refs.sparse_checkout_files }),
  };
}

function pullDocument(pull: PullRef): Record<string, unknown> {
  return {
    number: pull.number,
    author: pull.author,
    sha: pull.sha,
    ...filled({
      title: pull.title,
      ref: pull.ref,
      head_ref: pull.head_ref,
      link: pull.link,
      commit_link: pull.commit_link,
      author_link: pull.author_link,
    }),
  };
}

function filled(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => {
      if (Array.isArray(value)) return value.length > 0;
      return value !== undefined && value !== "" && value !== false && value !== 0;
    }),
  );
}
