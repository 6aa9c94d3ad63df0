import type { Clock } from "../core/index.ts";
import type { Store } from "../store/index.ts";
import type { Run, RunEnd } from "./model.ts";
import { pickRunnable } from "./queue.ts";
import {
  abortsAsked,
  claimRun,
  finishRun,
  pendingRuns,
  renewLease,
  requeueLost,
  requeueStopped,
  waitingRuns,
} from "./records.ts";

/** What carries out one attempt. It never throws for what a job did; a throw is a bug and ends the run as `error`. */
export interface Supervisor {
  run(
    run: Run,
    attempt: { readonly buildId: string; readonly startedAt: number },
    signal: AbortSignal,
  ): Promise<RunEnd>;
  /** After the end was recorded: work folders go. */
  tidy(buildId: string): Promise<void>;
}

export interface SchedulerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: { uuid(): string };
  readonly owner: string;
  /** Nobody else works on this database: every run under way is one that a dead process left. */
  readonly alone: boolean;
  /** Runs at once in this process. */
  readonly places: number;
  /** Bounds of the queues that jobs name (Prow: `job_queue_capacities`). */
  readonly capacities: () => Readonly<Record<string, number>>;
  readonly supervisor: Supervisor;
  /** A run's end was recorded together with its event. */
  readonly onFinished: (component: string) => void;
  readonly onBug: (error: unknown) => void;
}

export interface Scheduler {
  start(): Promise<void>;
  /** Something was queued or an abort was asked for. */
  poke(): void;
  /** Takes no new runs. Those under way are ended as lost and start again with the next process. */
  stop(): Promise<void>;
  readonly underway: number;
}

const leaseMs = 60_000;
/** Prow 5.2: attempts that follow one that the cluster stopped. */
const mostRevivals = 3;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { store, clock } = options;
  const underway = new Map<string, { controller: AbortController; done: Promise<void> }>();
  let accepting = false;
  let stopping = false;
  let looking: Promise<void> | undefined;
  let again = false;

  function poke(): void {
    if (!accepting) return;
    if (looking) {
      again = true;
      return;
    }
    looking = look()
      .catch(options.onBug)
      .finally(() => {
        looking = undefined;
        if (!again) return;
        again = false;
        poke();
      });
  }

  async function look(): Promise<void> {
    for (const asked of await abortsAsked(store)) underway.get(asked.id)?.controller.abort(asked.reason);
    const places = options.places - underway.size;
    if (places <= 0) return;
    const waiting = await waitingRuns(store, 500);
    if (waiting.length === 0) return;
    const facts = { ...(await pendingRuns(store)), capacities: options.capacities(), places };
    for (const run of pickRunnable(waiting, facts)) {
      if (!accepting) return;
      const claim = await claimRun(store, clock, options.owner, leaseMs, run);
      if (claim) begin(run, claim);
    }
  }

  function begin(run: Run, claim: { buildId: string; fencing: number; startedAt: number }): void {
    const controller = new AbortController();
    const done = carryOut(run, claim, controller)
      .catch(options.onBug)
      .finally(() => {
        underway.delete(run.id);
        poke();
      });
    underway.set(run.id, { controller, done });
  }

  async function carryOut(
    run: Run,
    claim: { buildId: string; fencing: number; startedAt: number },
    controller: AbortController,
  ): Promise<void> {
    const keepLease = () => {
      cancel = clock.after(leaseMs / 3, keepLease);
      renewLease(store, clock, leaseMs, run.id, claim.fencing)
        .then((kept) => {
          if (!kept) controller.abort("another server took this run over");
        })
        .catch(options.onBug);
    };
    let cancel = clock.after(leaseMs / 3, keepLease);
    try {
      const end = await endOf(run, claim, controller.signal);
      if (stopping) return;
      const revived = end.again === true && run.attempt < mostRevivals;
      if (revived && (await requeueStopped(store, clock, run, claim, end.description))) return;
      const recorded = await finishRun(store, clock, options.ids, run, claim, end);
      if (recorded) options.onFinished(run.component);
    } finally {
      cancel();
      await options.supervisor.tidy(claim.buildId);
    }
  }

  async function endOf(run: Run, claim: { buildId: string; startedAt: number }, signal: AbortSignal): Promise<RunEnd> {
    try {
      return await options.supervisor.run(run, claim, signal);
    } catch (error) {
      options.onBug(error);
      return {
        state: "error",
        description: "Fairlead itself failed while running this; the server's log has the details",
        exitCode: undefined,
        notRunNeed: undefined,
        testedCommit: undefined,
        testedTree: undefined,
        tests: undefined,
        images: [],
      };
    }
  }

  return {
    start: async () => {
      await requeueLost(store, clock, options.alone);
      accepting = true;
      poke();
    },
    poke,
    stop: async () => {
      accepting = false;
      stopping = true;
      await looking;
      for (const { controller } of underway.values()) controller.abort("the server stops");
      await Promise.all([...underway.values()].map(({ done }) => done));
    },
    get underway() {
      return underway.size;
    },
  };
}
