import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatGoDuration, humanDuration, parseDuration } from "./duration.ts";

describe("durations", () => {
  it.each([
    ["90m", 5_400_000],
    ["1h30m0s", 5_400_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["2d", 172_800_000],
    ["1500us", 1.5],
    ["1500µs", 1.5],
    ["0", 0],
    ["0s", 0],
  ])("reads %s", (text, ms) => expect(parseDuration(text)).toEqual({ ok: true, value: ms }));

  it.each(["", "5", "h", "1 h", "-1h", "1h ", "1hour", "1e3s", ".s", "1..5s", "∞", `${"1".repeat(64)}s`])(
    "refuses %j and says how it is written",
    (text) => {
      const read = parseDuration(text);
      expect(!read.ok && [read.error.code, read.error.hint]).toEqual(["bad-input", expect.stringContaining("1h30m")]);
    },
  );

  it.each([
    [0, "0s"],
    [340, "340ms"],
    [1500, "1.5s"],
    [15_000, "15s"],
    [60_000, "1m0s"],
    [7_200_000, "2h0m0s"],
  ])("prints %d as Go does", (ms, text) => expect(formatGoDuration(ms)).toBe(text));

  it("reads what it prints", () => {
    fc.assert(
      fc.property(fc.nat({ max: 1e11 }), (ms) => {
        const read = parseDuration(formatGoDuration(ms));
        expect(read.ok && Math.round(read.value)).toBe(ms);
      }),
    );
  });

  it.each([
    [340, "340 ms"],
    [12_000, "12 s"],
    [59_600, "1 min"],
    [8_040_000, "2 h 14 min"],
    [262_800_000, "3 d 1 h"],
    [3_600_000, "1 h"],
    [61_000, "1 min 1 s"],
  ])("tells %d to people", (ms, text) => expect(humanDuration(ms)).toBe(text));
});
