import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../core/index.ts";
import type { ExecutionSpec } from "../model.ts";
import { sizeOfTree } from "./process-table.ts";

const intervalMs = 500;
const reserveBytes = 512 * 1024 ** 2;

/**
 * Ends a run that takes more than it may: processes and resident memory of its tree, bytes below its writable folders.
 * Folders are walked only when their file system lost room meanwhile, since walking a large tree costs more than the job.
 */
export function watchLimits(
  clock: Clock,
  spec: ExecutionSpec,
  pid: () => number | undefined,
  onExceeded: (what: string) => void,
): () => void {
  let stopped = false;
  let cancel = () => {};
  let before: readonly number[] | undefined;
  const folders = spec.mounts.filter((mount) => mount.writable).map((mount) => mount.host);

  async function look(): Promise<string | undefined> {
    const tree = pid();
    if (tree !== undefined) {
      const size = await sizeOfTree(tree, spec.limits.processes + 1);
      if (size.processes > spec.limits.processes)
        return `took more than its ${spec.limits.processes.toLocaleString("en")} processes`;
      if (size.memoryBytes > spec.limits.memoryBytes)
        return `took more than its ${inMebibytes(spec.limits.memoryBytes)} of memory`;
    }
    const free = await Promise.all(folders.map(freeBytes));
    before ??= free;
    for (const [index, folder] of folders.entries()) {
      const now = free[index] ?? 0;
      const lost = (before[index] ?? 0) - now;
      const low = now < reserveBytes && lost > 0;
      if (lost <= spec.limits.diskBytes && !low) continue;
      const bytes = await bytesBelow(folder);
      if (bytes > spec.limits.diskBytes)
        return `wrote more than its ${inMebibytes(spec.limits.diskBytes)} into its folders`;
      if (low && bytes > reserveBytes / 2)
        return `filled the disk: less than ${inMebibytes(reserveBytes)} was free, ${inMebibytes(bytes)} of them the run's`;
    }
    return undefined;
  }

  function next(): void {
    cancel = clock.after(intervalMs, () => {
      void look()
        .catch(() => undefined)
        .then((exceeded) => {
          if (stopped) return;
          if (exceeded !== undefined) onExceeded(exceeded);
          else next();
        });
    });
  }

  next();
  return () => {
    stopped = true;
    cancel();
  };
}

async function freeBytes(folder: string): Promise<number> {
  const facts = await statfs(folder);
  return facts.bavail * facts.bsize;
}

async function bytesBelow(folder: string): Promise<number> {
  let total = 0;
  const pending = [folder];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const here = next;
    for (const entry of await readdir(here, { withFileTypes: true }).catch(() => [])) {
      const path = join(here, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) total += (await stat(path).catch(() => undefined))?.size ?? 0;
    }
  }
  return total;
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2).toLocaleString("en")} MiB`;
}
