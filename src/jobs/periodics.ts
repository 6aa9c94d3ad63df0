import { Cron } from "croner";
import { err, fault, ok, parseDuration, type Result } from "../core/index.ts";
import type { Job } from "./model.ts";

/** The newest run of a periodic, whatever started it. Milliseconds, UTC. */
export interface PreviousRun {
  /** When it was triggered, not when its process started (Prow: startTime). */
  readonly startedAt: number;
  /** `undefined` while it is not complete. */
  readonly completedAt: number | undefined;
}

export interface PeriodicDecision {
  readonly run: boolean;
  readonly reason: string;
}

/**
 * Prow 2.6. `interval` counts from the previous run's start, `minimum_interval` from its completion, both strictly; a
 * cron tick starts a run only if the previous one is complete, and a tick that fell into a run or into a time when nobody
 * looked is lost. Without a previous run the intervals start at once and cron waits for its tick.
 */
export function decidePeriodic(
  job: Job,
  previous: PreviousRun | undefined,
  window: { readonly since: number; readonly now: number },
): PeriodicDecision {
  const { schedule } = job;
  if (!schedule) return { run: false, reason: "it has no schedule" };
  if (schedule.kind === "cron") {
    const ticked = cronTicked(schedule.expression, window.since, window.now, previous === undefined);
    if (!ticked.ok) return { run: false, reason: ticked.error.message };
    if (!ticked.value) return { run: false, reason: `cron ${schedule.expression}: its time has not come` };
    if (previous && previous.completedAt === undefined)
      return { run: false, reason: `cron ${schedule.expression}: the previous run still goes, so this tick is lost` };
    return { run: true, reason: `cron ${schedule.expression} (UTC)` };
  }
  const name = schedule.kind === "interval" ? "interval" : "minimum_interval";
  if (!previous) return { run: true, reason: `${name}: it never ran` };
  if (previous.completedAt === undefined) return { run: false, reason: `${name}: the previous run still goes` };
  const from = schedule.kind === "interval" ? previous.startedAt : previous.completedAt;
  const passed = window.now - from;
  const since = schedule.kind === "interval" ? "start" : "completion";
  return passed > schedule.everyMs
    ? { run: true, reason: `${name}: ${seconds(passed)} since the last ${since}, over ${seconds(schedule.everyMs)}` }
    : { run: false, reason: `${name}: ${seconds(schedule.everyMs - passed)} until it is due` };
}

/**
 * Did the expression tick after `since`, up to and including `now`? UTC. `@every D` ticks D after it was first seen, and
 * at once when it never ran. Fault `bad-input` for an expression that is none.
 */
export function cronTicked(expression: string, since: number, now: number, first: boolean): Result<boolean> {
  const every = /^@every\s+(.+)$/.exec(expression.trim())?.[1];
  if (every !== undefined) {
    const period = parseDuration(every);
    if (!period.ok) return period;
    if (first) return ok(true);
    const step = Math.max(1000, Math.floor(period.value / 1000) * 1000);
    return ok(Math.floor(now / step) > Math.floor(since / step));
  }
  const parsed = parseCron(expression);
  if (!parsed.ok) return parsed;
  const next = parsed.value.nextRun(new Date(since));
  return ok(next !== null && next.getTime() <= now);
}

/** Five fields, or six with seconds first, or a descriptor, as Prow's scheduler reads them. */
export function checkCron(expression: string): Result<void> {
  const every = /^@every\s+(.+)$/.exec(expression.trim())?.[1];
  if (every !== undefined) {
    const period = parseDuration(every);
    return period.ok ? ok(undefined) : period;
  }
  if (isPlainCron(expression)) return ok(undefined);
  const parsed = parseCron(expression);
  return parsed.ok ? ok(undefined) : parsed;
}

const bounds = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

/** Five fields of numbers, ranges, steps and `*`, as nearly all are: what these mean needs no calendar to be known. */
function isPlainCron(expression: string): boolean {
  const fields = expression.trim().split(/\s+/);
  return (
    fields.length === bounds.length &&
    fields.every((field, index) => {
      const [least, most] = bounds[index] ?? [0, 0];
      return field.split(",").every((part) => {
        const [, low, high, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? ["none"];
        if (part === "" || (low === undefined && !part.startsWith("*"))) return false;
        const [from, to] = [Number(low ?? least), Number(high ?? low ?? most)];
        return (
          from >= least && to <= most && from <= to && Number(step ?? 1) >= 1 && Number(step ?? 1) <= most - least + 1
        );
      });
    })
  );
}

function parseCron(expression: string): Result<Cron> {
  const trimmed = expression.trim();
  const fields = trimmed.split(/\s+/).length;
  const descriptor = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/.test(trimmed);
  // Only what Prow reads too: croner knows `L`, `W`, `#` and a year field besides.
  if (!descriptor && (fields < 5 || fields > 6 || /[LW#]/.test(trimmed.replace(/JUL|WED/gi, "")))) {
    return err(badCron(expression));
  }
  try {
    const plain = descriptor ? trimmed : spelledOut(trimmed);
    return ok(new Cron(plain, { timezone: "UTC", paused: true }));
  } catch (cause) {
    return err(badCron(expression, cause));
  }
}

/** `N/step` counts from N to the end of the field, and `?` is `*`, for Prow's scheduler. */
function spelledOut(expression: string): string {
  const fields = expression.split(/\s+/);
  const ends = fields.length === 6 ? [59, 59, 23, 31, 12, 6] : [59, 23, 31, 12, 6];
  return fields
    .map((field, index) => {
      const parts = field.split(",").map((part) => part.replace(/^(\d+)\/(\d+)$/, `$1-${ends[index] ?? 59}/$2`));
      return parts.join(",").replaceAll("?", "*");
    })
    .join(" ");
}

function badCron(expression: string, cause?: unknown) {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return fault("bad-input", `${JSON.stringify(expression.slice(0, 80))} is no cron expression${why}`, {
    hint: "five fields (minute hour day month weekday), an optional field of seconds before them, or @daily; UTC",
  });
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}
