import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { err, fault, ok, type Result } from "../../core/index.ts";

const shape = z.object({
  kind: z.enum(["kind", "existing", "command"]),
  name: z.string(),
  runId: z.string(),
  folder: z.string(),
  /** Process group of the program that starts it, with its start in clock ticks since boot, so that no other is taken for it. */
  program: z.object({ group: z.number(), startedAt: z.string() }).optional(),
  /** What the adapter needs to remove it. */
  state: z.record(z.string(), z.string()),
});

/** A cluster as it is written down before anything of it exists. */
export type ClusterRecord = z.infer<typeof shape>;

/** Records of clusters: one file each below the home, so that a dead server's clusters are found by the next. */
export interface ClusterRecords {
  write(record: ClusterRecord): Promise<void>;
  remove(name: string): Promise<void>;
  /** All that are written down. Fault `corrupt` names a file that cannot be read: it is not removed, as it may name a cluster. */
  all(): Promise<readonly Result<ClusterRecord>[]>;
}

export function openClusterRecords(folder: string): ClusterRecords {
  const pathOf = (name: string) => join(folder, `${name}.json`);
  return {
    write: async (record) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const beside = `${pathOf(record.name)}.new`;
      await writeFile(beside, JSON.stringify(record), { mode: 0o600, flush: true });
      await rename(beside, pathOf(record.name));
    },
    remove: (name) => rm(pathOf(name), { force: true }),
    all: async () => {
      const names = await readdir(folder).catch(() => []);
      return await Promise.all(
        names
          .filter((name) => name.endsWith(".json"))
          .sort()
          .map((name) => readRecord(join(folder, name))),
      );
    },
  };
}

async function readRecord(file: string): Promise<Result<ClusterRecord>> {
  try {
    return ok(shape.parse(JSON.parse(await readFile(file, "utf8"))));
  } catch (cause) {
    return err(
      fault("corrupt", `${file} is no record of a cluster`, {
        cause,
        hint: "remove its cluster by hand, then the file",
      }),
    );
  }
}

/** When a process started, in clock ticks since boot, with the boot's id; `undefined`: there is no such process. */
export async function startOf(pid: number): Promise<string | undefined> {
  const [stat, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined),
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
  ]);
  // The name in parentheses may hold anything.
  const ticks = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return ticks === undefined ? undefined : `${boot.trim()}:${ticks}`;
}

/** The variable by which a program that starts a cluster is found when its server died before writing it down. */
export const markVariable = "FAIRLEAD_CLUSTER";

/** Kills the program that starts a cluster, if it still runs, with all of its process group. */
export async function killProgram(record: ClusterRecord): Promise<void> {
  const { program } = record;
  if (program) {
    if ((await startOf(program.group)) === program.startedAt) killGroup(program.group);
    return;
  }
  const mark = `${markVariable}=${record.name}`;
  for (const entry of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const environment = await readFile(`/proc/${entry}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark)) killGroup(Number(entry));
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Gone in between, or no leader of a group: its leader has the same mark.
  }
}
