import type { Clock } from "../core/index.ts";
import { decideLane } from "../jobs/index.ts";
import { type FactSources, previousRuns } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { newestCanaryTimes } from "./lane-facts.ts";

export interface TickerOptions extends FactSources {
  readonly clock: Clock;
  readonly intake: Intake;
  readonly onBug: (error: unknown) => void;
}

/** Looks at the periodics once a minute (Prow: `horologium.tick_interval`). Ticks while nobody looks are lost. */
export interface Ticker {
  start(): void;
  stop(): void;
}

const everyMs = 60_000;

export function createTicker(options: TickerOptions): Ticker {
  const { clock, store } = options;
  let since = clock.now();
  let cancel = () => {};
  let stopped = false;

  /** An event is stored only for a component with something due: a look that starts nothing leaves no trace. */
  async function look(): Promise<void> {
    const now = clock.now();
    const window = { since, now };
    since = now;
    const periodics = options.periodics().filter((job) => job.component !== undefined);
    const previous = await previousRuns(store, periodics);
    const news = {
      afterCanaryMs: options.family().lanes?.afterCanaryMs,
      canaries: await newestCanaryTimes(store),
    };
    const due = periodics.filter((job) => decideLane(job, previous[job.name], window, news).run);
    for (const component of new Set(due.map((job) => job.component ?? ""))) {
      await options.intake.submit(component, async () => ({ kind: "tick", component, at: now, since: window.since }));
    }
  }

  function schedule(): void {
    cancel = clock.after(everyMs, () => {
      void look()
        .catch(options.onBug)
        .finally(() => {
          if (!stopped) schedule();
        });
    });
  }

  return {
    start: () => {
      void look().catch(options.onBug);
      schedule();
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
