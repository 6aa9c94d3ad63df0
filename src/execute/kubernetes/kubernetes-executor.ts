import { mkdir } from "node:fs/promises";
import { type Clock, err, fault, type Ids, ok, type Result } from "../../core/index.ts";
import { homeMark, isolationCapability } from "../host/index.ts";
import type { Capability, Execution, ExecutionSpec, Executor } from "../model.ts";
import { type OpenCluster, openCluster } from "./cluster.ts";
import { carryOut } from "./pod-execution.ts";
import { ignoredInPod } from "./pod-fields.ts";
import { podManifest } from "./pod-manifest.ts";
import type { ClusterSettings } from "./settings.ts";

export interface KubernetesExecutorOptions {
  /** A folder of our own, mode 0700, kept between starts. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** By Prow's alias; jobs that name none run in `default`. */
  readonly clusters: Readonly<Record<string, ClusterSettings>>;
  /** `host:port` that runs may reach though not public, as the family file lists them. */
  readonly reachable: () => readonly string[];
  /** What the family file says about clusters that runs are tested in. */
  readonly cluster: () => string;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
const reference = /^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,500}$/;

/**
 * Runs jobs as pods. Only the server of the cluster is spoken to: files go in and come back by its remote commands, so
 * that a pod holds no address and no token of ours. Pods outlive whoever started them, so they carry the mark of the home
 * and are ended at start, at a run's end, on time-out and on abort. A cluster is connected when the first job asks for it.
 */
export async function createKubernetesExecutor(options: KubernetesExecutorOptions): Promise<Executor> {
  const { folder, clock, ids } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const home = await homeMark(folder, ids);
  const opened = new Map<string, Promise<Result<OpenCluster>>>();
  const running = new Set<Execution>();
  const missing = Object.entries(options.clusters).flatMap(([alias, settings]) => [
    ...(settings.networkPolicies ? [] : [`network policies in ${alias}`]),
    ...(settings.userNamespaces ? [] : [`user namespaces in ${alias}`]),
  ]);

  async function clusterOf(alias: string): Promise<Result<OpenCluster>> {
    const settings = options.clusters[alias];
    if (!settings)
      return err(
        fault("bad-input", `Terminal error: the family file has no cluster ${JSON.stringify(alias.slice(0, 100))}`, {
          hint: `execute.clusters has ${Object.keys(options.clusters).join(", ")}`,
        }),
      );
    const known = opened.get(alias);
    if (known) return await known;
    const opening = openCluster({ settings, clock, home, reachable: options.reachable });
    opened.set(alias, opening);
    const cluster = await opening;
    // Another job may find it there again.
    if (!cluster.ok) opened.delete(alias);
    return cluster;
  }

  async function start(spec: ExecutionSpec): Promise<Result<Execution>> {
    const wish = spec.container;
    if (spec.terminal)
      return err(
        fault("refused", "a shell is opened in the cage, not in a pod", { hint: "kubectl debug, or kind: process" }),
      );
    if (!wish || wish.image === "")
      return err(fault("bad-input", "the job names no image, and the family file names none for generated jobs"));
    if (!reference.test(wish.image))
      return err(fault("bad-input", `${JSON.stringify(wish.image.slice(0, 200))} is no image name`));
    if (spec.services && Object.keys(spec.services).length > 0)
      return err(
        fault("missing-need", "what a run asks of the server itself is not answered in a pod", {
          hint: "use execute.kind process or container where components have a `push` script",
        }),
      );
    const alias = spec.pod?.cluster ?? "default";
    const settings = options.clusters[alias];
    const open = settings ? [settings.networkPolicies, settings.userNamespaces].includes(false) : false;
    if (spec.tier === "stranger" && open)
      return err(
        fault("missing-need", `a stranger's change runs only in full isolation: ${missing.join("; ")}`, {
          hint: "networkPolicies and userNamespaces of execute.clusters say that the cluster has them",
        }),
      );
    const cluster = await clusterOf(alias);
    if (!cluster.ok) return cluster;
    const name = `fairlead-${home.slice(0, 8)}-${spec.buildId.toLowerCase()}-${ids.hex(4)}`;
    const manifest = podManifest(spec, {
      name,
      home,
      carrierImage: cluster.value.settings.image,
      architecture: architectures[process.arch] ?? process.arch,
      serviceAccounts: cluster.value.settings.serviceAccounts,
      userNamespaces: cluster.value.settings.userNamespaces,
    });
    const execution = carryOut({ cluster: cluster.value, clock, spec, name, manifest, image: wish.image });
    running.add(execution);
    void execution.outcome.finally(() => running.delete(execution));
    return ok(execution);
  }

  async function sweep(): Promise<number> {
    let ended = 0;
    for (const alias of Object.keys(options.clusters)) {
      const cluster = await clusterOf(alias);
      const pods = cluster.ok ? await cluster.value.list() : cluster;
      if (!cluster.ok || !pods.ok) continue;
      for (const name of pods.value) {
        const removed = await cluster.value.remove(name);
        if (removed.ok) ended++;
      }
    }
    return ended;
  }

  async function capabilities(): Promise<readonly Capability[]> {
    const clusters = await Promise.all(
      Object.entries(options.clusters).map(async ([alias, settings]): Promise<Capability> => {
        const cluster = await clusterOf(alias);
        const version = cluster.ok ? await cluster.value.version() : cluster;
        return {
          need: "kubernetes-executor",
          present: version.ok,
          detail: version.ok
            ? `${alias}: Kubernetes ${version.value}, namespace ${settings.namespace}`
            : `${alias}: ${version.error.message}`,
          mend: version.ok ? "" : (version.error.hint ?? "kubectl --kubeconfig FILE get pods tells more"),
          switchesOff: version.ok ? "" : `jobs of the cluster ${alias}`,
        };
      }),
    );
    return [
      isolationCapability(
        missing,
        "networkPolicies and userNamespaces of execute.clusters say that a cluster has them",
      ),
      {
        need: "hard-limits",
        present: true,
        detail: "memory, processors and disk by the cluster; processes are counted inside",
        mend: "",
        switchesOff: "",
      },
      ...clusters,
      ...["go", "make", "git", "bash", "curl"].map((need) => ({
        need,
        present: true,
        detail: "as the job's image has it",
        mend: "",
        switchesOff: "",
      })),
      {
        need: "container-engine",
        present: false,
        detail: "jobs in pods reach no container engine, unless they are privileged and start one themselves",
        mend: "have the job do without one, or list it under execute.privileged",
        switchesOff: "jobs that start containers",
      },
      {
        need: "cluster",
        present: false,
        detail: `kubernetes.cluster is ${options.cluster()}, and this version starts no clusters`,
        mend: "set kubernetes.cluster to none in the family file, which every page then shows",
        switchesOff: "tests on Kubernetes",
      },
    ];
  }

  return {
    name: "kubernetes",
    start,
    sweep,
    capabilities,
    ignored: (spec, privileged, where) =>
      ignoredInPod(
        spec,
        privileged === true,
        where?.tier ?? "change",
        options.clusters[where?.cluster ?? "default"]?.serviceAccounts ?? [],
      ),
    isolation: async () => ({ full: missing.length === 0, missing }),
    close: async () => {
      for (const execution of running) execution.abort("the server stops");
      await Promise.all([...running].map((execution) => execution.outcome));
      for (const cluster of await Promise.all(opened.values())) if (cluster.ok) cluster.value.close();
    },
  };
}
