import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { compilePattern, isPlainlyValid } from "./regex.ts";

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

  it.each(["^master$", "^release-1\\.\\d+$", "^(pkg|cmd)/.*\\.go$", "a**", "(?i)a", "a)", "(a", "+a", "[a-z]", "a{2}"])(
    "compiles %s at once only where it must: what is wrong is told in any case",
    (source) => {
      const valid = isValid(source);
      expect(compilePattern(source).ok).toBe(valid);
      expect(isPlainlyValid(source) && !valid).toBe(false);
    },
  );

  it("takes the usual patterns of branches and paths for valid without compiling them", () => {
    expect(["^master$", "release-1.3", "^(pkg|cmd)/.*\\.go$", "^docs/|README"].map(isPlainlyValid)).toEqual(
      Array(4).fill(true),
    );
  });

  it("takes nothing for valid that is not", () => {
    const unit = fc.constantFrom(..."ab./-^$|()*+?\\[]{}1,");
    const plain = fc.string({ unit }).filter(isPlainlyValid);
    fc.assert(
      fc.property(plain, (source) => isValid(source)),
      { numRuns: 2000 },
    );
  });
});

function isValid(source: string): boolean {
  try {
    RE2JS.compile(source);
    return true;
  } catch {
    return false;
  }
}
