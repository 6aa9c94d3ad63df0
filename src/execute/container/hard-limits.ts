import { readFile } from "node:fs/promises";

/** The most that this process may grant: an engine that asks the kernel for more fails to start anything. */
export interface HardLimits {
  readonly openFiles: number;
  readonly processes: number;
}

const most: HardLimits = { openFiles: 65_536, processes: 32_768 };

export async function readHardLimits(): Promise<HardLimits> {
  const text = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const hard = (name: string, bound: number) => {
    const line = text.split("\n").find((each) => each.startsWith(name));
    const found = line?.slice(name.length).trim().split(/\s+/)[1];
    return found === undefined || found === "unlimited" ? bound : Math.min(Number(found), bound);
  };
  return { openFiles: hard("Max open files", most.openFiles), processes: hard("Max processes", most.processes) };
}
