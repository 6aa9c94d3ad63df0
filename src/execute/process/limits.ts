import type { Capability } from "../model.ts";

/** How a run's processes and memory are bounded here: by the kernel, or only by looking twice a second. */
export function limitsCapability(machine: {
  readonly asRoot: boolean;
  readonly controlGroups: boolean;
  readonly caged: boolean;
}): Capability {
  const watched = "counted twice a second, and the run ended when it takes more";
  const item = (present: boolean, detail: string, mend = "", switchesOff = ""): Capability => ({
    need: "hard-limits",
    present,
    detail,
    mend,
    switchesOff,
  });
  const between = "what a job takes between two looks";
  if (!machine.caged) {
    return item(false, `processes, memory and disk are ${watched}`, "apt-get install bubblewrap", between);
  }
  if (machine.controlGroups) return item(true, `processes and memory by control groups; disk is ${watched}`);
  if (machine.asRoot) {
    return item(
      false,
      `no control group can be made: processes, memory and disk are ${watched}`,
      "run the server as an ordinary user, or where /sys/fs/cgroup can be written",
      between,
    );
  }
  return item(true, `processes by a resource limit; memory and disk are ${watched}`);
}
