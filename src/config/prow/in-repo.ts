import type { Job } from "../../jobs/index.ts";
import type { Diagnostic } from "../diagnostics.ts";
import type { InRepoLimits } from "./in-repo-limits.ts";
import type { JobSurroundings } from "./job.ts";
import { createPart, type PartFile } from "./part.ts";
import { duplicatePairs } from "./presets.ts";
import { createThreadPart } from "./threads.ts";
import { checkTogether } from "./together.ts";

/** What the jobs of a repository are completed with from the family's own configuration. */
export type ProwSurroundings = Omit<JobSurroundings, "components" | "inRepo">;

export interface InRepoRequest {
  /** `.prow.yaml`, or the files of `.prow/`, in the order of their names; named as in the repository. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** `org/repo` */
  readonly repository: string;
  readonly component: string;
  readonly around: ProwSurroundings;
  readonly limits: InRepoLimits;
  /** The built worker; `undefined`: read in place. */
  readonly worker: string | URL | undefined;
}

export interface InRepoJobs {
  /** Empty when there is an error: all of the repository's jobs or none. */
  readonly jobs: readonly Job[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Larger ones are read in a thread, since a stranger may have written them. */
const smallEnough = 32_768;

/**
 * Reads what a repository says about its own jobs (Prow: in-repo configuration): lists of presubmits and postsubmits, and
 * presets of their own. Held to every rule of the family's files, and to what the family leaves to it.
 */
export async function readInRepoJobs(request: InRepoRequest): Promise<InRepoJobs> {
  const { files, repository, component, around, limits, worker } = request;
  const size = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const part = worker === undefined || size <= smallEnough ? createPart() : createThreadPart(worker);
  try {
    const opened = await part.open(
      files.map(({ name, bytes }, index): PartFile => ({ name, bytes, index, main: false, inRepo: repository })),
    );
    const presets = [...around.presets, ...opened.presets.map(({ preset }) => preset)];
    const result = await part.finish({ ...around, presets, components: { [repository]: component }, inRepo: limits });
    const twice = duplicatePairs(presets).flatMap(({ index, pair }): readonly Diagnostic[] => {
      const at = opened.presets[index - around.presets.length];
      if (!at) return [];
      const { file, line, column } = at;
      const message = `the label ${pair} belongs to another preset already`;
      return [{ severity: "error", code: "duplicate-preset", file, line, column, message }];
    });
    const diagnostics = [...result.diagnostics, ...twice, ...checkTogether(result.outlines)];
    const failed = diagnostics.some((each) => each.severity === "error");
    return { jobs: failed ? [] : result.jobs.map((job) => ({ ...job, inRepo: true })), diagnostics };
  } finally {
    part.close();
  }
}

/** Prow: `in_repo_config.enabled`; the narrowest key wins, and of equally narrow ones the family file's. */
export function isInRepoEnabled(
  component: { readonly name: string; readonly org: string; readonly repo: string },
  maps: readonly Readonly<Record<string, boolean>>[],
): boolean {
  const { name, org, repo } = component;
  for (const keys of [[name, `${org}/${repo}`], [org], ["*"]])
    for (const map of maps) for (const key of keys) if (Object.hasOwn(map, key)) return map[key] === true;
  return false;
}

/** Prow: `in_repo_config.allowed_clusters`: all that are named for everybody, the organisation or the repository. */
export function clustersInRepo(
  component: { readonly org: string; readonly repo: string },
  allowed: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const { org, repo } = component;
  const named = ["*", org, `${org}/${repo}`].flatMap((key) =>
    Object.hasOwn(allowed, key) ? (allowed[key] ?? []) : [],
  );
  return Object.keys(allowed).length === 0 ? ["default"] : named;
}
