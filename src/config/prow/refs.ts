import type { Refs } from "../../jobs/index.ts";
import { isCloneUri } from "./clone-uri.ts";
import { type Complaints, type Path, structOf } from "./struct.ts";
import type { Yaml } from "./yaml-scalars.ts";

const members: ReadonlySet<string> = new Set([
  "org",
  "repo",
  "repo_link",
  "base_ref",
  "base_sha",
  "base_link",
  "pulls",
  "path_alias",
  "workdir",
  "clone_uri",
  "skip_submodules",
  "clone_depth",
  "skip_fetch_head",
  "auxiliary",
  "blobless_fetch",
  "sparse_checkout_files",
]);

/** One of `extra_refs` (Prow 1.3). */
export function refsOf(value: Yaml, path: Path, complaints: Complaints): Refs {
  const read = structOf(value, path, members, complaints);
  const cloneUri = read.text("clone_uri") || undefined;
  if (cloneUri !== undefined && !isCloneUri(cloneUri))
    read.wrong("clone_uri", "bad-url", `clone_uri ${JSON.stringify(cloneUri.slice(0, 80))} is no URL`);
  if (read.items("pulls").length > 0)
    complaints.ignored(read.at("pulls"), "pulls of extra_refs", "extra refs are tested at their base");
  const refs: Refs = {
    org: read.text("org") ?? "",
    repo: read.text("repo") ?? "",
    base_ref: read.text("base_ref") ?? "",
    base_sha: read.text("base_sha") ?? "",
    repo_link: read.text("repo_link"),
    base_link: read.text("base_link"),
    path_alias: read.text("path_alias"),
    workdir: read.bool("workdir"),
    clone_uri: cloneUri,
    skip_submodules: read.bool("skip_submodules"),
    clone_depth: read.whole("clone_depth"),
    skip_fetch_head: read.bool("skip_fetch_head"),
    auxiliary: read.bool("auxiliary"),
    blobless_fetch: read.bool("blobless_fetch"),
    sparse_checkout_files: read.has("sparse_checkout_files") ? read.texts("sparse_checkout_files") : undefined,
  };
  return refs;
}
