import { describe, expect, it } from "vitest";
import { ManualClock } from "./clock.ts";

describe("the clock of tests", () => {
  it("runs what falls due in order, each at its own time, also what is set meanwhile", () => {
    const clock = new ManualClock(1000);
    const seen: [string, number][] = [];
    const note = (name: string) => () => void seen.push([name, clock.now()]);
    clock.after(30, note("late"));
    clock.after(10, () => {
      note("early")();
      clock.after(5, note("set by early"));
    });
    const cancel = clock.after(20, note("cancelled"));
    cancel();
    clock.advance(29);
    expect(seen).toEqual([
      ["early", 1010],
      ["set by early", 1015],
    ]);
    expect(clock.now()).toBe(1029);
    clock.advance(1);
    expect(seen.at(-1)).toEqual(["late", 1030]);
  });
});
