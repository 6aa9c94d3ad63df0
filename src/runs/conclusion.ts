import type { Clock } from "../core/index.ts";
import type { Toolchain } from "../execute/index.ts";
import { prowJobOf } from "../jobs/index.ts";
import type { ArtifactMasking, LogWriter, ResultKey, ResultStore } from "../results/index.ts";
import type { BuiltImage, Run, RunEnd } from "./model.ts";
import type { Stop } from "./stops.ts";

const artifactBounds = { files: 5_000, bytes: 1024 ** 3 };

/** Where an attempt stands while it is carried out: what its end will say. */
export interface Progress {
  testedCommit: string | undefined;
  testedTree: string | undefined;
  images: readonly BuiltImage[];
  exitCode: number | undefined;
  /** Tools of exact versions that its steps stand on. */
  tools: readonly Toolchain[];
  /** The image that the job ran in, `name@digest`; `undefined` for a process. */
  ranIn: string | undefined;
  /** What was tested in a cluster; `undefined`: nothing was. */
  tested: Readonly<Record<string, unknown>> | undefined;
}

/** Writes down how a run stands and how it ended, in the Prow layout. */
export function createConclusions(options: {
  readonly clock: Clock;
  readonly results: ResultStore;
  readonly runUrl: (id: string) => string;
  /** Where a run left its artifacts. */
  readonly artifactsOf: (buildId: string) => string;
}) {
  /** Prow 5.1: readers of a bucket look for the object itself; one that cannot be written stops nothing. */
  async function writeProwJob(
    run: Run,
    key: ResultKey,
    attempt: { readonly buildId: string; readonly startedAt: number },
    now: { readonly state: RunEnd["state"] | "pending"; readonly reason?: string; readonly completedAt?: number },
  ): Promise<void> {
    const optional = run.type === "presubmit" ? { "prow.k8s.io/is-optional": String(run.job.optional) } : {};
    const document = prowJobOf({
      job: run.job,
      runId: run.id,
      buildId: attempt.buildId,
      refs: run.refs,
      createdAt: run.createdAt,
      pendingAt: attempt.startedAt,
      url: options.runUrl(run.id),
      triggerLabels: optional,
      ...now,
    });
    await options.results.writeDocument(key, "prowjob.json", document);
  }

  async function finish(
    run: Run,
    key: ResultKey,
    log: LogWriter,
    stop: Stop,
    progress: Progress,
    attempt: { readonly buildId: string; readonly startedAt: number },
    masking: ArtifactMasking | undefined,
  ): Promise<RunEnd> {
    const left = options.artifactsOf(attempt.buildId);
    const collected = await options.results.collect(key, left, artifactBounds, masking);
    const leftOut = collected.ok ? collected.value.leftOut : [collected.error.message];
    for (const line of leftOut.slice(0, 20)) log.line(`fairlead: artifact left out: ${line}`);
    const tests = await options.results.readTests(key);
    log.line(`fairlead: ${stop.state}: ${stop.description}`);
    const closed = await log.close();
    const dropped = closed.dropped > 0 ? ` (${closed.dropped} bytes of log were dropped over the bound)` : "";
    const passed = stop.state === "success";
    // Before the end is written, since mirroring starts there.
    const completedAt = options.clock.now();
    await writeProwJob(run, key, attempt, { state: stop.state, reason: stop.description, completedAt });
    const finished = await options.results.finish(key, {
      at: options.clock.now(),
      passed,
      result: passed ? "SUCCESS" : stop.state === "aborted" ? "ABORTED" : "FAILURE",
      revision: run.head,
      metadata: {
        "tested-commit": progress.testedCommit ?? "",
        job: run.job.name,
        description: stop.description,
        ...Object.fromEntries(progress.tools.map((tool) => [`toolchain-${tool.name}`, tool.version])),
        ...(progress.ranIn === undefined ? {} : { "job-image": progress.ranIn }),
        ...progress.tested,
      },
    });
    const known = tests.passed + tests.failed + tests.skipped > 0 || tests.problems.length > 0;
    const said = { ...stop, description: `${stop.description}${dropped}` };
    return endOf(
      finished.ok ? said : { state: "error", description: finished.error.message },
      progress,
      known ? JSON.stringify(tests) : undefined,
    );
  }

  return { writeProwJob, finish };
}

export function endOf(stop: Stop, progress: Progress, tests: string | undefined): RunEnd {
  return {
    state: stop.state,
    description: stop.description,
    exitCode: progress.exitCode,
    notRunNeed: stop.notRunNeed,
    again: stop.again,
    testedCommit: progress.testedCommit,
    testedTree: progress.testedTree,
    tests,
    images: stop.state === "success" ? progress.images : [],
  };
}
