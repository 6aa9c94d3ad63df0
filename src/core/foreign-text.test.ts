import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forOneLine, forTerminal } from "./foreign-text.ts";

const foreign = fc.string({ unit: "binary", maxLength: 400 });
// Unicode's general categories of what a terminal could obey, and its list of characters that change direction.
const obeyed = /[\p{Cc}\p{Bidi_Control}]/u;

describe("foreign text", () => {
  it.each([
    ["\u001b[31mred", "␛[31mred"],
    ["a\rb", "a␍b"],
    ["\u0007\u007f\u009b", "␇␡�"],
    ["access\u202e\u2066level\u061c", "access��level�"],
    ["tab\tand\nline stay", "tab\tand\nline stay"],
  ])("shows %j instead of obeying it", (text, shown) => expect(forTerminal(text)).toBe(shown));

  it("leaves nothing that a terminal obeys", () => {
    fc.assert(
      fc.property(foreign, (text) => {
        expect(forTerminal(text).replaceAll("\n", "").replaceAll("\t", "")).not.toMatch(obeyed);
      }),
    );
  });

  it("is one line of bounded length where one line is asked for", () => {
    fc.assert(
      fc.property(foreign, fc.integer({ min: 1, max: 300 }), (text, limit) => {
        const line = forOneLine(text, limit);
        expect(line).not.toMatch(obeyed);
        expect(line.length).toBeLessThanOrEqual(limit);
      }),
    );
    expect(forOneLine("a\nb\tc")).toBe("a b c");
    expect(forOneLine("x".repeat(201))).toBe(`${"x".repeat(199)}…`);
  });
});
