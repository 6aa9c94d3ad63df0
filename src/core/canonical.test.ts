import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, hashOf, sha256Hex } from "./canonical.ts";

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe("canonical JSON", () => {
  it.each([
    [{ b: 1, a: [{ d: 1, c: 2 }] }, '{"a":[{"c":2,"d":1}],"b":1}'],
    [{ a: undefined, b: null }, '{"b":null}'],
    [[undefined, 1], "[null,1]"],
    [{ é: "\u2028", Z: "" }, '{"Z":"","é":"\u2028"}'],
    ["text", '"text"'],
  ])("writes %j as one text", (value, text) => expect(canonicalJson(value)).toBe(text));

  it("reads back as what it was, and does not know in which order members were given", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
        expect(hashOf(reversed(plain))).toBe(hashOf(plain));
      }),
    );
  });

  it("hashes by SHA-256 of the text", () => {
    expect(sha256Hex("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hashOf({})).toBe(sha256Hex("{}"));
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: "1" }));
  });
});
