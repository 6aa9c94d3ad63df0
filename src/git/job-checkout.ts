import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import { goPathOf, type Refs } from "../jobs/index.ts";
import { checkout } from "./checkout.ts";
import type { Mirrors } from "./mirrors.ts";
import type {
  CheckedOut,
  CloneRecord,
  JobCheckout,
  JobCheckoutFault,
  JobCheckoutRequest,
  Repository,
} from "./model.ts";

export interface JobCheckoutParts {
  readonly open: (component: string) => Promise<Repository>;
  readonly mirrors: Mirrors;
}

type Tree = JobCheckout["trees"][number];
type TreeFault = Fault & { readonly record?: CloneRecord; readonly conflicts?: readonly string[] | undefined };

/** All repositories of a run, in parallel, each below `src` (Prow 3.4, 4.1); one record for each, in the order of the refs. */
export async function checkoutJob(
  parts: JobCheckoutParts,
  request: JobCheckoutRequest,
): Promise<Result<JobCheckout, JobCheckoutFault>> {
  const placed = placesOf(request);
  if (!placed.ok) return err({ ...placed.error, records: [] });
  const results = await Promise.all(placed.value.map(({ refs, directory }) => one(parts, request, refs, directory)));
  const records = results.map((result, index) => recordOf(result, request.refs[index]));
  const trees: Tree[] = [];
  for (const result of results) {
    if (!result.ok) return err({ ...result.error, records });
    trees.push(result.value);
  }
  return ok({ trees, lent: [...new Set(trees.flatMap((tree) => tree.lent))], records });
}

function recordOf(result: Result<Tree, TreeFault>, refs: Refs | undefined): CloneRecord {
  if (result.ok) return result.value.record;
  const command = { command: "", output: "", error: result.error.message, duration: 0 };
  return result.error.record ?? { refs: refs ?? emptyRefs, commands: [command], failed: true, finalSha: undefined };
}

const emptyRefs: Refs = { org: "", repo: "", base_ref: "", base_sha: "" };

function placesOf(request: JobCheckoutRequest): Result<readonly { readonly refs: Refs; readonly directory: string }[]> {
  const seen = new Map<string, Refs>();
  const places = [];
  for (const refs of request.refs) {
    const path = goPathOf(refs);
    if (!isSafePath(path))
      return err(
        fault("bad-input", `${JSON.stringify(path.slice(0, 200))} is no path below $GOPATH/src`, {
          hint: "see path_alias",
        }),
      );
    const other = [...seen.keys()].find(
      (known) => known === path || known.startsWith(`${path}/`) || path.startsWith(`${known}/`),
    );
    if (other !== undefined)
      return err(
        fault("bad-input", `${refs.org}/${refs.repo} would be checked out to ${path}, where ${other} is already`, {
          hint: "give one of them another path_alias",
        }),
      );
    seen.set(path, refs);
    places.push({ refs, directory: join(request.root, "src", path) });
  }
  return ok(places);
}

/** Names become folders on our disk. */
function isSafePath(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no path that is checked out to holds one
  if (path.length > 500 || /[\x00-\x1f\\]/.test(path)) return false;
  return path
    .split("/")
    .every(
      (part) => part !== "" && part !== "." && part !== ".." && part.toLowerCase() !== ".git" && !part.startsWith("-"),
    );
}

async function one(
  parts: JobCheckoutParts,
  request: JobCheckoutRequest,
  refs: Refs,
  directory: string,
): Promise<Result<Tree, TreeFault>> {
  const component = request.componentOf(refs);
  const url =
    component?.url ??
    refs.clone_uri ??
    (refs.repo_link ? `${refs.repo_link}.git` : `https://github.com/${refs.org}/${refs.repo}.git`);
  const wanted = refs.base_sha === "" ? undefined : refs.base_sha;
  const repository: Result<Repository> = component
    ? ok(await parts.open(component.name))
    : await parts.mirrors.upToDate(url, wanted);
  if (!repository.ok) return repository;
  const base = await baseOf(repository.value, refs);
  if (!base.ok) return base;
  await mkdir(dirname(directory), { recursive: true });
  const pinned: Refs = { ...refs, base_sha: base.value };
  const done: Result<CheckedOut, TreeFault> = await checkout({
    repository: repository.value,
    directory,
    baseRef: refs.base_ref,
    baseSha: base.value,
    pulls: refs.pulls ?? [],
    refs: pinned,
    limits: request.limits,
    submodulesOf: url,
    moduleRepository: (each, commit) => parts.mirrors.upToDate(each, commit),
  });
  return done.ok ? ok({ ...done.value, refs: pinned, repository: repository.value, directory }) : done;
}

/** Without a pin the tip is read once, and recorded: a branch that moves meanwhile changes nothing any more. */
async function baseOf(repository: Repository, refs: Refs): Promise<Result<string>> {
  const named = refs.base_sha === "" ? [`refs/heads/${refs.base_ref}`, `refs/tags/${refs.base_ref}`] : [refs.base_sha];
  for (const name of named) {
    const commit = await repository.commitOf(name);
    if (commit !== undefined) return ok(commit);
  }
  const whose = `${refs.org}/${refs.repo}`;
  return err(
    refs.base_sha === ""
      ? fault("not-found", `${whose} has no branch or tag ${refs.base_ref}`, {
          hint: "it may have been deleted meanwhile",
        })
      : fault("not-found", `${whose} has no commit ${refs.base_sha}`),
  );
}
