import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { must } from "../core/index.ts";
import { formatReference, isRepositoryName, parseReference } from "./reference.ts";

const hex = "a".repeat(64);

describe("parseReference", () => {
  it.each([
    ["alpine", "registry-1.docker.io", "library/alpine", "latest", undefined],
    ["grafana/loki:3.0", "registry-1.docker.io", "grafana/loki", "3.0", undefined],
    ["localhost/x", "localhost", "x", "latest", undefined],
    ["127.0.0.1:5000/a/b:v1", "127.0.0.1:5000", "a/b", "v1", undefined],
    ["[::1]:5000/a", "[::1]:5000", "a", "latest", undefined],
    [`gcr.io/a/b__c--d@sha256:${hex}`, "gcr.io", "a/b__c--d", undefined, `sha256:${hex}`],
    [`gcr.io/a:v1@sha256:${hex}`, "gcr.io", "a", "v1", `sha256:${hex}`],
    [`gcr.io/a@sha512:${hex}${hex}`, "gcr.io", "a", undefined, `sha512:${hex}${hex}`],
  ])("%s", (text, registry, repository, tag, digest) => {
    expect(must(parseReference(text))).toEqual({ registry, repository, tag, digest });
  });

  it.each([
    "",
    ":v1",
    "Alpine",
    "a b",
    "a//b",
    "a/../b",
    "gcr.io/",
    "gcr.io/a:",
    "gcr.io/a:.x",
    `gcr.io/a:${"x".repeat(129)}`,
    "a@sha256:short",
    `a@sha256:${"A".repeat(64)}`,
    `a@md5:${"a".repeat(32)}`,
    "user:pass@gcr.io/a",
    "https://gcr.io/a",
    "-gcr.io/a",
    "a.b:999999/c",
    "a\n/b",
    `gcr.io/${"a/".repeat(140)}a`,
    "x".repeat(601),
  ])("refuses %j", (text) => {
    const parsed = parseReference(text);
    expect(parsed.ok ? parsed.value : parsed.error.code).toBe("bad-input");
  });

  it("reads back what it prints, whatever stands in it", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const reference = fc.record({
      registry: fc.tuple(word, fc.constantFrom(".io", ":5000", ".example:443")).map((parts) => parts.join("")),
      repository: fc
        .array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 })
        .chain((parts) =>
          fc.constantFrom(".", "_", "__", "-").map((by) => parts.map((each) => each.join(by)).join("/")),
        ),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/), { nil: undefined }),
      digest: fc.option(
        fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => `sha256:${text}`),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(reference, (given) => {
        fc.pre(given.tag !== undefined || given.digest !== undefined);
        expect(must(parseReference(formatReference(given)))).toEqual(given);
      }),
    );
  });

  it("throws for no text, and what it takes has a name that is safe in a path", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_-]{0,40}$/)), (text) => {
        const parsed = parseReference(text);
        if (!parsed.ok) return;
        expect(isRepositoryName(parsed.value.repository)).toBe(true);
        expect(parsed.value.repository.split("/")).not.toContain("..");
      }),
      { numRuns: 1000 },
    );
  });
});
