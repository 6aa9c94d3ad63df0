import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDuration } from "../core/index.ts";
import type { Mount, PodWish } from "../execute/index.ts";
import { type Container, type Job, type JsonObject, podMarks, workingDirectory } from "../jobs/index.ts";
import type { Run } from "./model.ts";

// In a bare process paths are put in place of it by text, so that it must stand nowhere else.
export const toolsInside = "/fairlead-tools";

/** Most real jobs start with `runner.sh`, which in Prow's image prepares an engine and then runs its arguments. */
const tools: Readonly<Record<string, string>> = {
  "runner.sh":
    '#!/bin/sh\n# Runs its arguments; what Prow\'s image would start before (a container engine) is not started.\nexec "$@"\n',
};

/** Programs that every job finds on its PATH, and that no job can change. */
export async function toolsMount(folder: string): Promise<Mount> {
  const host = join(folder, "tools");
  await mkdir(host, { recursive: true });
  for (const [name, text] of Object.entries(tools)) await writeFile(join(host, name), text, { mode: 0o755 });
  return { host, inside: toolsInside, writable: false };
}

export const defaultPath = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Folders of the machine or of ours that no volume may cover. */
const covered =
  /^\/(usr|lib\w*|bin|sbin|etc|proc|sys|dev|run|tools|fairlead-tools|logs|cache|tmp|home\/prow\/go)(\/|$)/;

/** Volumes that begin empty, made in the run's folder; all others are told as ignored. */
export async function emptyVolumes(spec: JsonObject, container: Container, folder: string): Promise<readonly Mount[]> {
  const volumes = Array.isArray(spec.volumes) ? spec.volumes : [];
  const empty = new Set(
    volumes.flatMap((volume) =>
      typeof volume === "object" && volume !== null && !Array.isArray(volume) && "emptyDir" in volume
        ? [String(Object.entries(volume).find(([key]) => key === "name")?.[1])]
        : [],
    ),
  );
  const mounts: Mount[] = [];
  for (const mount of container.mounts) {
    const safe = mount.path.startsWith("/") && !mount.path.split("/").includes("..") && !covered.test(mount.path);
    if (!empty.has(mount.name) || !safe || !/^[a-z0-9.-]{1,63}$/.test(mount.name)) continue;
    const host = join(folder, "volumes", mount.name);
    await mkdir(host, { recursive: true });
    mounts.push({ host, inside: mount.path.replace(/\/+$/, ""), writable: !mount.readOnly, purpose: "scratch" });
  }
  return mounts;
}

/** A container's memory limit in bytes, never above `most`. */
export function memoryLimit(container: Container | undefined, most: number): number {
  const bytes = quantity(container?.limits["memory"] ?? "");
  return bytes === undefined ? most : Math.min(Math.max(bytes, 16 * 1024 ** 2), most);
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** Kubernetes: a decimal number with a unit of ten or of two. */
export function quantity(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(|k|M|G|T|Ki|Mi|Gi|Ti)$/.exec(text) ?? [];
  return amount === undefined ? undefined : Math.floor(Number(amount) * (units[unit ?? ""] ?? 1));
}

/** Where the job starts: its first or marked repository, else GOPATH itself (Prow 3.4). */
export function startFolder(gopath: string, refs: Parameters<typeof workingDirectory>[1]): string {
  return workingDirectory(gopath, refs) ?? gopath;
}

/** What is said at the head of the log about the pod of a job. */
export function podLines(
  job: Job,
  ignored: readonly { readonly path: string; readonly consequence: string }[],
): readonly string[] {
  if (job.body.kind !== "pod") return [];
  const lines = ignored.slice(0, 40).map(({ path, consequence }) => `fairlead: ${path} is ignored: ${consequence}`);
  return ignored.length > 40 ? [...lines, `fairlead: and ${ignored.length - 40} more fields`] : lines;
}

/** What the run's pod is called and how long it may wait: `pod_unscheduled_timeout` and `pod_pending_timeout` (Prow 1.4). */
export function podWish(run: Run, attempt: { readonly buildId: string; readonly startedAt: number }): PodWish {
  const { job } = run;
  const marks = podMarks({
    job,
    runId: run.id,
    buildId: attempt.buildId,
    refs: run.refs,
    state: "pending",
    createdAt: run.createdAt,
  });
  return {
    ...marks,
    cluster: job.prow.cluster,
    spec: job.body.kind === "pod" ? job.body.spec : {},
    unscheduledMs: durationOf(job.decoration?.pod_unscheduled_timeout) ?? 5 * 60_000,
    pendingMs: durationOf(job.decoration?.pod_pending_timeout) ?? 10 * 60_000,
  };
}

function durationOf(value: unknown): number | undefined {
  const parsed = typeof value === "string" ? parseDuration(value) : undefined;
  return parsed?.ok ? parsed.value : undefined;
}
