import type { Millis } from "./clock.ts";
import { fault } from "./fault.ts";
import { err, ok, type Result } from "./result.ts";

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Go's duration syntax (`90m`, `1h30m0s`, `1.5h`) plus `d` for days; answers milliseconds. */
export function parseDuration(text: string): Result<Millis> {
  const wrong = () => err(fault("bad-input", `"${text}" is no duration`, { hint: "write it like 90m, 1h30m or 1.5h" }));
  if (text.length === 0 || text.length > 64) return wrong();
  if (text === "0") return ok(0);
  let total = 0;
  let rest = text;
  while (rest.length > 0) {
    const part = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)/.exec(rest);
    const amount = part?.[1];
    const unit = units[part?.[2] ?? ""];
    if (!part || amount === undefined || unit === undefined) return wrong();
    total += Number(amount) * unit;
    rest = rest.slice(part[0].length);
  }
  return ok(total);
}

/** As Go prints it: `2h0m0s`, `15s`, `1.5s`. */
export function formatGoDuration(ms: Millis): string {
  if (ms < 1000) return ms === 0 ? "0s" : `${ms}ms`;
  const seconds = (ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000) % 60;
  const hours = Math.floor(ms / 3_600_000);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** For people, two units at most, a space before the unit: `2 h 14 min`, `3 d 1 h`, `12 s`, `340 ms`. */
export function humanDuration(ms: Millis): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  const parts: readonly [number, string, number][] = [
    [86_400, "d", 3600],
    [3600, "h", 60],
    [60, "min", 1],
  ];
  for (const [size, unit, next] of parts) {
    if (s < size) continue;
    const whole = Math.floor(s / size);
    const rest = Math.floor((s % size) / next);
    const small = size === 86_400 ? "h" : size === 3600 ? "min" : "s";
    return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${small}`;
  }
  return `${s} s`;
}
