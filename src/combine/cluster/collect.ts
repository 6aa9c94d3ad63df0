import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Kubectl } from "./kubectl.ts";
import { parsed } from "./kubectl.ts";
import type { Collected } from "./model.ts";

const mostContainers = 300;
const logBytes = 1024 * 1024;

const statuses = z.array(z.object({ name: z.string(), restartCount: z.number().default(0) })).default([]);
const pods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), namespace: z.string() }),
      status: z.object({ containerStatuses: statuses, initContainerStatuses: statuses }),
    }),
  ),
});

const plainName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Events, states of pods and nodes, and what each container wrote, also before it was started again. */
export async function collectObjects(
  kubectl: Kubectl,
  folder: string,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<Collected> {
  const files: string[] = [];
  const missing: { what: string; reason: string }[] = [];
  const scope = namespace === undefined ? ["--all-namespaces"] : ["--namespace", namespace];
  const keep = async (name: string, text: string) => {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
    files.push(name);
  };
  const get = async (name: string, args: readonly string[]) => {
    const said = await kubectl(args, { signal });
    if (said.ok) await keep(name, said.value);
    else missing.push({ what: name, reason: said.error.message });
    return said;
  };
  await get("events.json", ["get", "events", ...scope, "-o", "json"]);
  if (namespace === undefined) await get("nodes.json", ["get", "nodes", "-o", "json"]);
  const listed = await get("pods.json", ["get", "pods", ...scope, "-o", "json"]);
  if (!listed.ok) return { files, missing };
  const read = parsed(listed.value, pods);
  if (!read.ok) return { files, missing: [...missing, { what: "logs of pods", reason: read.error.message }] };
  const containers = read.value.items.flatMap(({ metadata, status }) =>
    [...status.initContainerStatuses, ...status.containerStatuses].map((each) => ({
      ...metadata,
      pod: metadata.name,
      ...each,
    })),
  );
  for (const each of containers.slice(0, mostContainers)) {
    // The API allows no other names; a path is made of them, so that is not left to the API.
    if (![each.namespace, each.pod, each.name].every((name) => plainName.test(name))) continue;
    const args = [
      "logs",
      "--namespace",
      each.namespace,
      each.pod,
      "-c",
      each.name,
      "--timestamps",
      `--limit-bytes=${logBytes}`,
    ];
    const path = `pods/${each.namespace}/${each.pod}/${each.name}`;
    await get(`${path}.log`, args);
    if (each.restartCount > 0) await get(`${path}.previous.log`, [...args, "--previous"]);
  }
  if (containers.length > mostContainers)
    missing.push({
      what: "logs of pods",
      reason: `${containers.length} containers; those after the first ${mostContainers} were left out`,
    });
  return { files, missing };
}
