import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf, noId } from "../../test/fixtures/sample-model.ts";
import { reconcileRefs } from "./reconcile.ts";

const refs = fc
  .dictionary(
    fc.constantFrom("refs/heads/main", "refs/heads/z", "refs/pull/1/head", "refs/tags/a", "refs/tags/v1.0.0"),
    fc.constantFrom(idOf("a"), idOf("b"), idOf("c")),
  )
  .map((all) => Object.entries(all).map(([name, object]) => ({ name, object })));

describe("differences of refs", () => {
  it("turn what is known into what is seen, and nothing else", () => {
    fc.assert(
      fc.property(refs, refs, (known, seen) => {
        const now = new Map(known.map((ref) => [ref.name, ref.object]));
        for (const { ref, before, after } of reconcileRefs(known, seen)) {
          expect(now.get(ref) ?? noId).toBe(before);
          expect(after).not.toBe(before);
          if (after === noId) now.delete(ref);
          else now.set(ref, after);
        }
        expect(now).toEqual(new Map(seen.map((ref) => [ref.name, ref.object])));
      }),
    );
  });

  it("are none between equals, and tell branches before tags", () => {
    fc.assert(
      fc.property(refs, refs, (known, seen) => {
        expect(reconcileRefs(seen, [...seen].reverse())).toEqual([]);
        const order = reconcileRefs(known, seen).map((each) => (each.ref.startsWith("refs/tags/") ? 1 : 0));
        expect(order).toEqual([...order].sort());
      }),
    );
  });
});
