import { readdir, readFile } from "node:fs/promises";

/** What /proc says about processes of ours. Anything that vanishes while it is read counts as gone. */

async function text(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(tasks.map((task) => text(`/proc/${pid}/task/${task}/children`)));
  return lists.join(" ").split(" ").filter(Boolean).map(Number);
}

/** Processes below `pid` (itself included) and their resident memory in bytes; stops counting at `most` processes. */
export async function sizeOfTree(pid: number, most: number): Promise<{ processes: number; memoryBytes: number }> {
  let pending: readonly number[] = [pid];
  let processes = 0;
  let pages = 0;
  while (pending.length > 0 && processes < most) {
    processes += pending.length;
    const statm = await Promise.all(pending.map((id) => text(`/proc/${id}/statm`)));
    pages += statm.reduce((sum, line) => sum + Number(line.split(" ")[1] ?? 0), 0);
    pending = (await Promise.all(pending.map(childrenOf))).flat();
  }
  return { processes, memoryBytes: pages * 4096 };
}

/** `true` once the process is gone or waits only for its parent to notice. */
export async function hasEnded(pid: number): Promise<boolean> {
  const stat = await text(`/proc/${pid}/stat`);
  if (stat === "") return true;
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  return state === "Z" || state === "X";
}

/** Processes whose environment holds the variable with a value that begins so: how a home knows its own after a crash. */
export async function markedProcesses(variable: string, valuePrefix: string): Promise<readonly number[]> {
  const found: number[] = [];
  const entries = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const entry of entries) {
    const environment = await text(`/proc/${entry}/environ`);
    const marked = environment.split("\0").some((pair) => pair.startsWith(`${variable}=${valuePrefix}`));
    if (marked && Number(entry) !== process.pid) found.push(Number(entry));
  }
  return found;
}

/** SIGKILL to every process so marked, again until none is left. Answers how many were ended. */
export async function killMarked(variable: string, valuePrefix: string): Promise<number> {
  const ended = new Set<number>();
  for (let round = 0; round < 50; round++) {
    const left: number[] = [];
    for (const pid of await markedProcesses(variable, valuePrefix)) if (!(await hasEnded(pid))) left.push(pid);
    if (left.length === 0) break;
    for (const pid of left) {
      kill(pid, "SIGKILL");
      ended.add(pid);
    }
  }
  return ended.size;
}

/** A signal to a process, or to a group where negative, that may be gone already. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const gone = error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM");
    if (!gone) throw error;
  }
}
