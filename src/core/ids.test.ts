import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countingIds, nextBuildId, systemIds } from "./ids.ts";

const now = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2060) });

describe("build ids", () => {
  it("are Prow's snowflakes", () => {
    // Prow: (ms - 1288834974657) << 22 | node << 12 | sequence
    expect(nextBuildId(1_288_834_974_657 + 1, undefined)).toBe(String((1n << 22n) | 4096n));
    expect(nextBuildId(Date.UTC(2026, 0, 1), undefined)).toHaveLength(19);
  });

  it("rise even when the clock stands or runs backwards", () => {
    fc.assert(
      fc.property(fc.array(now, { minLength: 2, maxLength: 20 }), (times) => {
        let last: string | undefined;
        for (const time of times) {
          const next = nextBuildId(time, last);
          if (last !== undefined) expect(BigInt(next)).toBeGreaterThan(BigInt(last));
          last = next;
        }
      }),
    );
  });

  it("keep digits that no number holds", () => expect(nextBuildId(0, "9007199254740992")).toBe("9007199254740993"));
});

describe("ids", () => {
  it("have as many hex digits as asked for", () => expect(systemIds.hex(16)).toMatch(/^[0-9a-f]{32}$/));

  it("are the same sequence in every test", () => {
    const take = () => {
      const ids = countingIds();
      return [ids.uuid(), ids.hex(4), ids.uuid()];
    };
    expect(take()).toEqual(take());
    expect(new Set(take()).size).toBe(3);
  });
});
