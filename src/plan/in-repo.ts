import type { Effect, InRepoFacts } from "./model.ts";

/** The context under which the jobs that a repository brings itself are spoken of. */
export const inRepoContext = "in-repo-jobs";

/** What is wrong with a repository's own jobs, in one sentence that begins with the place. */
export function inRepoProblem(facts: InRepoFacts | undefined): string | undefined {
  const problem = facts?.problem;
  if (!problem) return undefined;
  const more = problem.more === 0 ? "" : ` (and ${problem.more} more)`;
  return `${problem.place}: ${problem.message}${more}`;
}

/** Said of a revision whose own jobs cannot be read, and of a change that edits them. */
export function inRepoStatus(
  facts: InRepoFacts | undefined,
  sha: string,
  files: readonly string[] | undefined,
): readonly Effect[] {
  if (!facts) return [];
  const about = { kind: "status", sha, context: inRepoContext } as const;
  const wrong = inRepoProblem(facts);
  if (wrong !== undefined)
    return [{ ...about, state: "error", description: wrong, reason: `no job of the repository runs: ${wrong}` }];
  if (!(files ?? []).some(isJobFile)) return [];
  const description = `this change edits its own jobs; those of ${facts.version} count`;
  return [{ ...about, state: "success", description, reason: description }];
}

function isJobFile(path: string): boolean {
  return path === ".prow.yaml" || path === ".prowignore" || path.startsWith(".prow/");
}
