import { branchMatches, type Job } from "../../jobs/index.ts";
import type { Diagnostic } from "../diagnostics.ts";

/** What the rules between jobs look at. */
export type JobOutline = Pick<Job, "name" | "type" | "repository" | "context" | "branches" | "skipBranches" | "origin">;

/** Prow 1.5 and 1.13: names and contexts that may not be shared. */
export function checkTogether(jobs: readonly JobOutline[]): readonly Diagnostic[] {
  const periodics = jobs.filter((job) => job.type === "periodic");
  const others = jobs.filter((job) => job.type !== "periodic");
  return [
    ...groups(periodics, (job) => job.name).flatMap((group) =>
      group.slice(1).map((job) => clash(job, group[0] ?? job, `the periodic ${job.name} is defined twice`)),
    ),
    ...groups(others, (job) => `${job.type} ${job.repository} ${job.name}`).flatMap((group) =>
      overlaps(group).map(([job, other]) =>
        clash(job, other, `${job.name} is defined twice for ${job.repository}, for branches that overlap`),
      ),
    ),
    ...groups(others, (job) => `${job.type} ${job.repository} ${job.context}`).flatMap((group) =>
      overlaps(group)
        .filter(([job, other]) => job.name !== other.name)
        .map(([job, other]) => clash(job, other, `${job.name} and ${other.name} share the context ${job.context}`)),
    ),
  ];
}

function groups(jobs: readonly JobOutline[], key: (job: JobOutline) => string): readonly (readonly JobOutline[])[] {
  const found = new Map<string, JobOutline[]>();
  for (const job of jobs) {
    const known = found.get(key(job));
    if (known) known.push(job);
    else found.set(key(job), [job]);
  }
  return [...found.values()].filter((group) => group.length > 1);
}

/**
 * Pairs whose branches intersect. Prow compares what is written, not what it matches, when both sides list branches;
 * one that lists none meets every other that it would run on, so at most one such job fits into a group.
 */
function overlaps(group: readonly JobOutline[]): readonly (readonly [JobOutline, JobOutline])[] {
  const pairs: (readonly [JobOutline, JobOutline])[] = [];
  const byBranch = new Map<string, JobOutline>();
  let open: JobOutline | undefined;
  for (const job of group) {
    if (job.branches.length === 0) {
      const other = open ?? [...byBranch].find(([branch]) => runsOn(job, branch))?.[1];
      if (other) pairs.push([job, other]);
      open ??= job;
      continue;
    }
    const known = open;
    const met = known !== undefined && job.branches.some((branch) => runsOn(known, branch));
    const listed = job.branches.map((branch) => byBranch.get(branch)).find((each) => each !== undefined);
    const other = met ? known : listed;
    if (other) pairs.push([job, other]);
    for (const branch of job.branches) if (!byBranch.has(branch)) byBranch.set(branch, job);
  }
  return pairs;
}

function runsOn(job: JobOutline, branch: string): boolean {
  const matched = branchMatches(job, branch);
  return matched.ok && matched.value;
}

function clash(job: JobOutline, other: JobOutline, message: string): Diagnostic {
  const colon = job.origin.lastIndexOf(":");
  const file = job.origin.slice(0, colon);
  const line = Number(job.origin.slice(colon + 1)) || 1;
  const hint = `the other stands at ${other.origin}`;
  return { severity: "error", code: "duplicate-job", file, line, column: 1, message, hint };
}
