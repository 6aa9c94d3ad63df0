import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleJob } from "../../test/fixtures/sample-model.ts";
import type { Schedule } from "./model.ts";
import { checkCron, decidePeriodic } from "./periodics.ts";

const minute = 60_000;
const hour = 60 * minute;
const noon = Date.UTC(2024, 1, 28, 12, 0, 0);
const periodic = (schedule: Schedule | undefined) => sampleJob({ type: "periodic", schedule });
const interval = periodic({ kind: "interval", everyMs: hour });
const minimum = periodic({ kind: "minimum-interval", everyMs: hour });
const cron = (expression: string) => periodic({ kind: "cron", expression });
const done = (startedAt: number, completedAt: number | undefined) => ({ startedAt, completedAt });

describe("intervals", () => {
  it.each([
    ["never ran", interval, undefined, true],
    ["never ran, from completion", minimum, undefined, true],
    ["exactly its time after the start", interval, done(noon - hour, noon - 1), false],
    ["just over it", interval, done(noon - hour - 1, noon - 1), true],
    ["still runs, however long", interval, done(noon - 9 * hour, undefined), false],
    ["exactly its time after the end", minimum, done(noon - 9 * hour, noon - hour), false],
    ["just over it after the end", minimum, done(noon - 9 * hour, noon - hour - 1), true],
    ["long after its start, shortly after its end", minimum, done(noon - 9 * hour, noon - minute), false],
    ["long after its start counts for an interval", interval, done(noon - 9 * hour, noon - minute), true],
    ["still runs, from completion", minimum, done(noon - 9 * hour, undefined), false],
    ["no schedule at all", periodic(undefined), undefined, false],
  ] as const)("%s", (_what, job, previous, run) => {
    const decision = decidePeriodic(job, previous, { since: noon - minute, now: noon });
    expect([decision.run, decision.reason !== ""]).toEqual([run, true]);
  });
});

describe("cron", () => {
  it.each<[string, string, number, number, boolean]>([
    ["its minute", "0 12 * * *", noon - minute, noon, true],
    ["a minute before", "0 12 * * *", noon - 2 * minute, noon - minute, false],
    ["looked at a second late", "0 12 * * *", noon - 30_000, noon + 30_000, true],
    ["the tick was counted before", "0 12 * * *", noon, noon + minute, false],
    ["every five minutes", "*/5 * * * *", noon - minute, noon, true],
    ["every five minutes, between", "*/5 * * * *", noon + minute, noon + 2 * minute, false],
    ["several ticks at once are one", "* * * * *", noon - hour, noon, true],
    ["UTC, not local time", "0 12 28 2 *", noon - minute, noon, true],
    ["weekdays", "0 12 * * 3", noon - minute, noon, true],
    ["another weekday", "0 12 * * 4", noon - minute, noon, false],
    ["a day of month or a weekday", "0 12 1 * 3", noon - minute, noon, true],
    ["names of months and days", "0 12 * FEB WED", noon - minute, noon, true],
    ["lists and ranges", "0 11-13,20 * * MON-FRI", noon - minute, noon, true],
    ["a step from a number on", "0 2/5 * * *", noon - minute, noon, true],
    ["a step from a number on, between", "0 1/5 * * *", noon - minute, noon, false],
    ["seconds first", "30 0 12 * * *", noon, noon + minute, true],
    ["@hourly", "@hourly", noon - minute, noon, true],
    ["@daily", "@daily", noon - minute, noon, false],
    ["@every", "@every 30m", noon - minute, noon, true],
    ["@every, between", "@every 30m", noon + minute, noon + 2 * minute, false],
  ])("%s", (_what, expression, since, now, run) => {
    const decision = decidePeriodic(cron(expression), done(noon - 9 * hour, noon - 8 * hour), { since, now });
    expect([decision.run, decision.reason]).toEqual([run, expect.stringContaining("cron")]);
  });

  it("waits for its tick when it never ran, but @every starts at once", () => {
    const window = { since: noon + minute, now: noon + 2 * minute };
    expect(decidePeriodic(cron("0 12 * * *"), undefined, window).run).toBe(false);
    expect(decidePeriodic(cron("@every 2h"), undefined, window).run).toBe(true);
  });

  it("loses a tick that falls into a run", () => {
    const decision = decidePeriodic(cron("0 12 * * *"), done(noon - hour, undefined), {
      since: noon - minute,
      now: noon,
    });
    expect(decision).toEqual({ run: false, reason: expect.stringContaining("this tick is lost") });
  });

  it.each(["* * * *", "60 * * * *", "* * * * * * *", "@sometimes", "@every soon", "", "0 0 L * *", "a b c d e"])(
    "%j is none",
    (expression) => {
      expect(checkCron(expression).ok).toBe(false);
      expect(decidePeriodic(cron(expression), undefined, { since: noon, now: noon + minute }).run).toBe(false);
    },
  );
  it.each(["0 0 1 JUL *", "5 4 * * sun", "0 0 ? * *", "@weekly", "@every 1h30m", "0 */2 * * *"])(
    "%j is one",
    (each) => {
      expect(checkCron(each)).toEqual({ ok: true, value: undefined });
    },
  );

  it("says of plain expressions what the calendar's reader says", () => {
    const number = fc.integer({ min: 0, max: 65 });
    const part = fc.oneof(
      fc.constant("*"),
      number.map(String),
      fc.tuple(number, number).map(([a, b]) => `${a}-${b}`),
      fc.tuple(fc.constantFrom("*", "1-5", "3"), fc.integer({ min: 0, max: 12 })).map(([a, b]) => `${a}/${b}`),
    );
    const field = fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(","));
    fc.assert(
      fc.property(fc.tuple(field, field, field, field, field), (fields) => {
        // Six fields take the other way, with the same rules for the last five.
        const whole = checkCron(`0 ${fields.join(" ")}`);
        const plain = checkCron(fields.join(" "));
        expect(plain.ok).toBe(whole.ok);
      }),
      { numRuns: 500 },
    );
  });
});
