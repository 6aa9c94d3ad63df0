import { describe, expect, it } from "vitest";
import { limitsCapability } from "./limits.ts";

describe("limitsCapability", () => {
  it.each([
    [{ asRoot: true, controlGroups: true, caged: true }, true, "processes and memory by control groups"],
    [{ asRoot: false, controlGroups: false, caged: true }, true, "processes by a resource limit"],
    [{ asRoot: true, controlGroups: false, caged: true }, false, "no control group can be made"],
    [{ asRoot: true, controlGroups: true, caged: false }, false, "processes, memory and disk are counted"],
  ])("of %j", (machine, present, detail) => {
    const found = limitsCapability(machine);
    expect(found.present).toBe(present);
    expect(found.detail).toContain(detail);
    expect(found.mend === "").toBe(present);
  });
});
