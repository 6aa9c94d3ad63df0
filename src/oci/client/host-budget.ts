import { type Clock, err, type Fault, fault, type Millis, ok, type Result } from "../../core/index.ts";

/** What all workers of one process together may ask of one host. */
export interface HostBudget {
  /** Resolves when it is this request's turn; fault `unavailable` when the host wants longer quiet than is waited here. */
  turn(): Promise<Result<void>>;
  /** 429 or 503 with `Retry-After`: everybody is quiet that long. */
  quiet(forMs: Millis): void;
  /** The host answered, whatever it said. */
  reached(): void;
  /** All tries of a request failed to reach it: for a while nobody else waits for it too. */
  lost(why: Fault): void;
}

export interface HostBudgets {
  of(host: string): HostBudget;
}

/** Requests a second to one host, and how many may go at once before the rate holds. */
export interface HostRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Google's and Quay's registries allow some 80 requests a second. */
const usualRate: HostRate = { perSecond: 50, burst: 50 };
/** Longer pauses are not waited for: the journal comes back later. */
export const longestPauseMs = 60_000;
/** A host that asks for more than this is taken for one that counts wrongly. */
const longestQuietMs = 3_600_000;
const lostForMs = 5_000;

/** One budget for each host, shared by every client that was given them. */
export function createHostBudgets(options: { readonly clock: Clock; readonly rate?: HostRate }): HostBudgets {
  const budgets = new Map<string, HostBudget>();
  return {
    of: (host) => {
      const known = budgets.get(host) ?? createBudget(host, options.clock, options.rate ?? usualRate);
      budgets.set(host, known);
      return known;
    },
  };
}

/** The generic cell rate algorithm: `next` is when the request after all those let through would be on time. */
function createBudget(host: string, clock: Clock, rate: HostRate): HostBudget {
  const interval = 1000 / rate.perSecond;
  let next = 0;
  let quietUntil = 0;
  let lost: { readonly until: Millis; readonly why: Fault } | undefined;
  return {
    turn: async () => {
      for (;;) {
        const now = clock.now();
        if (lost && lost.until > now) return err(lost.why);
        const pause = quietUntil - now;
        if (pause > longestPauseMs) {
          const until = new Date(quietUntil).toISOString();
          return err(fault("unavailable", `${host} asked not to be asked before ${until}`));
        }
        if (pause > 0) {
          await passed(clock, pause);
          continue;
        }
        next = Math.max(next, now) + interval;
        const early = next - interval * rate.burst - now;
        if (early > 0) await passed(clock, Math.ceil(early));
        return ok(undefined);
      }
    },
    quiet: (forMs) => {
      quietUntil = Math.max(quietUntil, clock.now() + Math.min(forMs, longestQuietMs));
    },
    reached: () => {
      lost = undefined;
    },
    lost: (why) => {
      lost = { until: clock.now() + lostForMs, why };
    },
  };
}

/** RFC 9110 10.2.3: seconds, or a date of HTTP. Milliseconds from now; `undefined` where it says neither. */
export function retryAfterMs(header: string | null, now: Millis): Millis | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/^[A-Z][a-z]{2,8}, [\w :-]{10,40}$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
}

export async function passed(clock: Clock, ms: Millis): Promise<void> {
  await new Promise<void>((done) => clock.after(ms, done));
}
