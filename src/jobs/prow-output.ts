import { formatGoDuration } from "../core/index.ts";
import type { Family } from "../family/index.ts";
import type { Job, Json } from "./model.ts";

/** Prow's job file as a plain document, for a YAML writer. */
export interface ProwDocument {
  readonly presubmits: Readonly<Record<string, readonly ProwJobEntry[]>>;
  readonly postsubmits: Readonly<Record<string, readonly ProwJobEntry[]>>;
  readonly periodics: readonly ProwJobEntry[];
}

type ProwJobEntry = Readonly<Record<string, Json>>;

/**
 * Jobs as Prow has them. A generated one becomes a pod that hands control to `.prow.sh` in the image of the family's
 * settings; a loaded one keeps its pod, presets merged in.
 */
export function prowDocument(family: Family, jobs: readonly Job[]): ProwDocument {
  const byRepository = (type: Job["type"]) => {
    const entries: Record<string, ProwJobEntry[]> = {};
    for (const job of jobs) {
      if (job.type !== type || job.repository === undefined) continue;
      const list = entries[job.repository] ?? [];
      list.push(entryOf(family, job));
      entries[job.repository] = list;
    }
    return entries;
  };
  return {
    presubmits: byRepository("presubmit"),
    postsubmits: byRepository("postsubmit"),
    periodics: jobs.filter((job) => job.type === "periodic").map((job) => entryOf(family, job)),
  };
}

function entryOf(family: Family, job: Job): ProwJobEntry {
  return {
    name: job.name,
    ...(job.prow.cluster === "default" ? {} : { cluster: job.prow.cluster }),
    ...triggersOf(job),
    decorate: true,
    ...(job.type === "presubmit" && job.optional ? { optional: true } : {}),
    ...(job.skipReport ? { skip_report: true } : {}),
    ...(job.context === job.name ? {} : { context: job.context }),
    ...(job.maxConcurrency === 0 ? {} : { max_concurrency: job.maxConcurrency }),
    ...(Object.keys(job.labels).length === 0 ? {} : { labels: job.labels }),
    annotations: job.annotations,
    ...(job.clone.pathAlias === undefined ? {} : { path_alias: job.clone.pathAlias }),
    ...(job.extraRefs.length === 0
      ? {}
      : { extra_refs: job.extraRefs.map(({ org, repo, base_ref }) => ({ org, repo, base_ref })) }),
    decoration_config: { timeout: formatGoDuration(job.timeoutMs), grace_period: formatGoDuration(job.gracePeriodMs) },
    spec: job.body.kind === "pod" ? job.body.spec : generatedPod(family, job),
  };
}

function triggersOf(job: Job): ProwJobEntry {
  const { schedule } = job;
  if (schedule?.kind === "cron") return { cron: schedule.expression };
  if (schedule)
    return { [schedule.kind === "interval" ? "interval" : "minimum_interval"]: formatGoDuration(schedule.everyMs) };
  return {
    ...(job.alwaysRun === undefined ? {} : { always_run: job.alwaysRun }),
    ...(job.runIfChanged === undefined ? {} : { run_if_changed: job.runIfChanged }),
    ...(job.skipIfOnlyChanged === undefined ? {} : { skip_if_only_changed: job.skipIfOnlyChanged }),
    ...(job.branches.length === 0 ? {} : { branches: job.branches }),
    ...(job.skipBranches.length === 0 ? {} : { skip_branches: job.skipBranches }),
  };
}

function generatedPod(family: Family, job: Job): Json {
  const amounts = { cpu: "4", memory: "9Gi" };
  return {
    containers: [
      {
        image: family.generated.image,
        command: ["runner.sh"],
        args: ["./.prow.sh"],
        env: Object.entries(job.env).map(([name, value]) => ({ name, value })),
        // Jobs start clusters and engines of their own inside.
        securityContext: { privileged: true },
        resources: { requests: amounts, limits: amounts },
      },
    ],
  };
}
