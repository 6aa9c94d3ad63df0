import { describe, expect, it } from "vitest";
import { describeFault, exitCodeOf, fault, httpStatusOf, isRetryable } from "./fault.ts";
import { err, must, ok } from "./result.ts";

describe("faults", () => {
  it("are told with their place first and what to do last", () => {
    const place = { file: "fairlead.yaml", line: 3, column: 7 };
    expect(describeFault(fault("bad-input", "no such kind", { place, hint: "did you mean versioned?" }))).toBe(
      "fairlead.yaml:3:7: no such kind\n  did you mean versioned?",
    );
    expect(describeFault(fault("failed", "it broke"))).toBe("it broke");
  });

  it.each([
    ["bad-input", 2, 400, false],
    ["refused", 1, 409, false],
    ["unavailable", 3, 503, true],
    ["disk-full", 3, 507, true],
    ["corrupt", 3, 500, false],
  ] as const)("%s ends in exit code %d and status %d", (code, exit, http, again) => {
    expect([exitCodeOf(code), httpStatusOf(code), isRetryable(fault(code, "x"))]).toEqual([exit, http, again]);
  });

  it("become a throw where they would be a bug, and keep what they were", () => {
    expect(must(ok(5))).toBe(5);
    const failure = fault("corrupt", "two heads");
    expect(() => must(err(failure))).toThrow(expect.objectContaining({ message: "two heads", cause: failure }));
  });
});
