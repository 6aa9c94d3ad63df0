import { access, mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Limits } from "../model.ts";

/**
 * Hard limits where the server runs as root, to whom RLIMIT_NPROC does not apply: one control group a run, of version 2 or
 * of the two version-1 hierarchies. For an ordinary user the resource limit inside the user namespace does the same.
 */
export interface Cgroups {
  /** Files into which a process writes its pid to be held by the limits. */
  enter(buildId: string, limits: Limits): Promise<readonly string[]>;
  /** After the last process is dead. */
  leave(buildId: string): Promise<void>;
}

const root = "/sys/fs/cgroup";

/** `undefined` where no hierarchy can be written. */
export async function openCgroups(mark: string): Promise<Cgroups | undefined> {
  const name = (buildId: string) => `fairlead-${mark.slice(0, 12)}-${buildId}`;
  const unified = await exists(join(root, "cgroup.controllers"));
  const hierarchies = unified
    ? [{ folder: root, processes: "pids.max", memory: "memory.max" }]
    : [
        { folder: join(root, "pids"), processes: "pids.max", memory: undefined },
        { folder: join(root, "memory"), processes: undefined, memory: "memory.limit_in_bytes" },
      ];

  async function enter(buildId: string, limits: Limits): Promise<readonly string[]> {
    const entries: string[] = [];
    for (const { folder, processes, memory } of hierarchies) {
      const group = join(folder, name(buildId));
      await mkdir(group, { recursive: true });
      if (processes) await writeFile(join(group, processes), String(limits.processes));
      if (memory) await writeFile(join(group, memory), String(limits.memoryBytes));
      entries.push(join(group, "cgroup.procs"));
    }
    return entries;
  }

  async function leave(buildId: string): Promise<void> {
    for (const { folder } of hierarchies) await rmdir(join(folder, name(buildId))).catch(() => undefined);
  }

  const probe = { logBytes: 1, diskBytes: 1, processes: 16, memoryBytes: 64 * 1024 ** 2 };
  try {
    await enter("probe", probe);
    await leave("probe");
  } catch {
    return undefined;
  }
  for (const { folder } of hierarchies) {
    for (const entry of await readdir(folder).catch(() => [])) {
      if (entry.startsWith(`fairlead-${mark.slice(0, 12)}-`)) await rmdir(join(folder, entry)).catch(() => undefined);
    }
  }
  return { enter, leave };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
