import { describe, expect, it } from "vitest";
import { newerGo, newerModule } from "./go-updates.ts";

describe("newer versions", () => {
  it.each([
    ["v1.2.3", ["v1.2.3", "v1.3.0", "v1.10.0", "v2.0.0+incompatible", "v1.11.0-rc.1"], "v1.10.0"],
    ["v0.9.0", ["v0.9.1", "v1.0.0"], "v1.0.0"],
    ["v1.2.3", ["v1.2.3", "v1.2.2"], undefined],
    ["v0.0.0-20260101000000-abcdefabcdef", [], undefined],
    ["v0.0.0-20260101000000-abcdefabcdef", ["v0.1.0"], "v0.1.0"],
    ["v2.0.0+incompatible", ["v3.0.0+incompatible", "v2.1.0+incompatible"], "v2.1.0+incompatible"],
    ["main", ["v1.0.0"], undefined],
  ])("of a module at %s among %j: %s", (used, known, expected) => {
    expect(newerModule(used, known)).toBe(expected);
  });

  it.each([
    ["1.26.5", ["1.26.4", "1.26.10", "1.27.0", "1.26rc1"], "1.26.10"],
    ["1.26.5", ["1.26.5", "1.27.0"], undefined],
    ["1.26", ["1.26.1"], undefined],
  ])("of Go %s among %j: %s", (used, known, expected) => {
    expect(newerGo(used, known)).toBe(expected);
  });
});
