import { join } from "node:path";
import { type Clock, type Ids, ok, type Result } from "../core/index.ts";
import { createContainerExecutor } from "../execute/container/index.ts";
import type { Capability, Executor } from "../execute/index.ts";
import { createKubernetesExecutor } from "../execute/kubernetes/index.ts";
import { createProcessExecutor } from "../execute/process/index.ts";
import type { Family } from "../family/index.ts";

/** The executor that the family file asks for. Fault `missing-need` where it asks for containers and no engine works. */
export async function createExecutor(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly family: () => Family;
  /** `false` behaves as on a machine without bubblewrap. */
  readonly allowCage: boolean;
}): Promise<Result<Executor>> {
  const { folder, clock, ids, family } = options;
  const common = {
    folder,
    clock,
    ids,
    reachable: () => family().reachable,
    cluster: () => family().kubernetes.cluster,
  };
  const { kind, engine, options: engineOptions } = family().execute;
  if (kind === "container") return await createContainerExecutor({ ...common, engine, options: engineOptions });
  if (kind === "kubernetes")
    return ok(await createKubernetesExecutor({ ...common, clusters: family().execute.clusters ?? {} }));
  return ok(await createProcessExecutor({ ...common, allowCage: options.allowCage }));
}

/**
 * Where outside builders of images are started: the cage, whatever runs the jobs, since what unpacks a stranger's image
 * needs ids of its own and no network but ours. `close` ends what this made.
 */
export async function createImageExecutor(
  executor: Executor,
  options: Parameters<typeof createExecutor>[0],
): Promise<{ readonly executor: Executor; close(): Promise<void> }> {
  if (executor.name === "process") return { executor, close: async () => undefined };
  const { folder, clock, ids, family, allowCage } = options;
  const own = await createProcessExecutor({
    ...{ folder: join(folder, "images"), clock, ids, allowCage },
    reachable: () => family().reachable,
    cluster: () => family().kubernetes.cluster,
  });
  await own.sweep();
  return { executor: own, close: () => own.close() };
}

const mend = "apt-get install podman";

/** What this machine can do for a family: by the executor it asks for, and whether containers could be had. */
export async function capabilitiesHere(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** `undefined`: there is no family file yet. */
  readonly family: Family | undefined;
  /** Is an engine to be tried, though the family does without? */
  readonly containers: boolean;
  readonly allowCage: boolean;
}): Promise<readonly Capability[]> {
  const { folder, clock, ids, family } = options;
  const common = {
    clock,
    ids,
    reachable: () => [],
    cluster: () => family?.kubernetes.cluster ?? "none",
  };
  const wanted = family?.execute.kind === "container";
  const ofContainers = wanted || options.containers ? await capabilitiesOfContainers() : [];
  if (wanted) return ofContainers;
  if (family?.execute.kind === "kubernetes") return await capabilitiesOfPods(family);
  const executor = await createProcessExecutor({
    folder: join(folder, "process"),
    ...common,
    allowCage: options.allowCage,
  });
  try {
    const ofProcesses = await executor.capabilities();
    return [...ofProcesses, ...ofContainers.filter((each) => each.need === "container-executor")];
  } finally {
    await executor.close();
  }

  async function capabilitiesOfPods(asking: Family): Promise<readonly Capability[]> {
    const clusters = asking.execute.clusters ?? {};
    const executor = await createKubernetesExecutor({ folder: join(folder, "kubernetes"), ...common, clusters });
    try {
      return await executor.capabilities();
    } finally {
      await executor.close();
    }
  }

  async function capabilitiesOfContainers(): Promise<readonly Capability[]> {
    const made = await createContainerExecutor({
      folder: join(folder, "container"),
      ...common,
      engine: family?.execute.engine,
      options: family?.execute.options,
    });
    const switchesOff = wanted ? "every run: execute.kind of the family file is container" : "execute.kind: container";
    if (!made.ok)
      return [{ need: "container-executor", present: false, detail: made.error.message, mend, switchesOff }];
    const capabilities = await made.value.capabilities();
    await made.value.close();
    return capabilities;
  }
}
