import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMasking } from "./masking.ts";

/** Masks `text` given in pieces of `size` bytes. */
function masked(text: string, secrets: readonly string[], { size = 7, minimumLength = 0 } = {}): string {
  const masker = createMasking({ secrets, minimumLength }).masker();
  const bytes = Buffer.from(text);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(masker.write(bytes.subarray(at, at + size)));
  return Buffer.concat([...out, masker.end()]).toString();
}

describe("masking", () => {
  it.each([
    ["across every border", "key=hunter22-long;", ["hunter22-long"], "key=XXXXXXXXXXXXX;"],
    ["without the white space around it", "a hunter22 b", [" hunter22\n"], "a XXXXXXXX b"],
    ["in base64", `see ${btoa("hunter22")}`, ["hunter22"], `see ${"X".repeat(12)}`],
    ["in base64 with its line end", `see ${btoa("hunter22\n")}`, ["hunter22\n"], `see ${"X".repeat(12)}`],
    ["overlapping another", "abcdef", ["abcd", "cdef"], "XXXXXX"],
    ["inside another", "xabcx abc", ["xabcx", "abc"], "XXXXX XXX"],
    ["repeated in itself", "aaaaa", ["aaa"], "XXXXX"],
    ["after a false start", "hunterhunter22", ["hunter22"], "hunterXXXXXXXX"],
    ["of several bytes a character", "«пароль»", ["пароль"], `«${"X".repeat(12)}»`],
  ])("hides a secret %s, at equal length", (_, text, secrets, expected) => {
    for (const size of [1, 2, 3, 100]) expect(masked(text, secrets, { size })).toBe(expected);
  });

  it("leaves alone what is empty, true, false or too short", () => {
    const text = "true false  ab";
    expect(masked(text, ["", " \n", "true", "false\n", "ab"], { minimumLength: 3 })).toBe(text);
  });

  it("holds back no more than may still become a secret", () => {
    const masker = createMasking({ secrets: ["secret"], minimumLength: 0 }).masker();
    expect(Buffer.from(masker.write(Buffer.from("a line\nsec"))).toString()).toBe("a line\n");
    expect(Buffer.from(masker.write(Buffer.from("tor"))).toString()).toBe("sector");
    expect(masker.end()).toHaveLength(0);
  });

  it("agrees with replacing by hand, however the text is cut", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 40 });
    const secrets = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 5 }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(letters, secrets, fc.integer({ min: 1, max: 9 }), (text, known, size) => {
        const expected = [...text];
        for (const secret of known)
          for (let at = 0; at + secret.length <= text.length; at++)
            if (text.startsWith(secret, at)) expected.fill("X", at, at + secret.length);
        expect(masked(text, known, { size })).toBe(expected.join(""));
      }),
    );
  });
});
