import type { Capability } from "../model.ts";

/** Whether strangers' changes run here. Its name is that of the tool which gives it to processes. */
export function isolationCapability(missing: readonly string[], mend: string): Capability {
  const full = missing.length === 0;
  return {
    need: "bubblewrap",
    present: full,
    detail: full ? "full isolation" : missing.join("; "),
    mend: full ? "" : mend,
    switchesOff: "strangers' changes",
  };
}
