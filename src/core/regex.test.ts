import { describe, expect, it } from "vitest";
import { compilePattern } from "./regex.ts";

describe("patterns from data", () => {
  it.each([
    ["^main$", "main", true],
    ["^main$", "xmain", false],
    ["^release-", "release-1.2", true],
    ["a|b", "xbx", true],
    ["", "anything", true],
    ["(?m)^/test( | .* )job,?($|\\s.*)", "please\n/test job", true],
    ["(?i)MAIN", "main", true],
    ["\\bv\\d+", "tag v12", true],
  ])("%s on %j", (source, text, expected) => {
    const pattern = compilePattern(source);
    expect(pattern.ok && pattern.value.matches(text)).toBe(expected);
  });

  it.each(["(?=a)b", "(a)\\1", "(?<!a)b", "[", "a{2,1}", "*a", "(?P<n>"])("refuses %s as Go does", (source) => {
    const pattern = compilePattern(source);
    expect(!pattern.ok && [pattern.error.code, pattern.error.message]).toEqual([
      "bad-input",
      expect.stringContaining(source),
    ]);
  });

  it("answers at once where a backtracking engine would never end", () => {
    const pattern = compilePattern("^(a+)+$");
    expect(pattern.ok && pattern.value.matches(`${"a".repeat(5000)}b`)).toBe(false);
  });

  it("compiles one source once", () => {
    const [first, second] = [compilePattern("^x$"), compilePattern("^x$")];
    expect(first.ok && second.ok && first.value === second.value).toBe(true);
  });
});
