import type { Family } from "./model.ts";

/** Design 5: the job that looks for newer things, and makes what needs a run. */
export function maintenanceJobName(family: Pick<Family, "name">): string {
  return `${family.name}-maintenance`;
}
