import { resolve } from "node:path";
import { commandAdapter } from "../combine/cluster/command/index.ts";
import { existingAdapter } from "../combine/cluster/existing/index.ts";
import { kindAdapter } from "../combine/cluster/kind/index.ts";
import { type Cluster, createCluster, openClusterRecords, programRunner } from "../combine/index.ts";
import { type Clock, canonicalJson } from "../core/index.ts";
import type { Family } from "../family/index.ts";

/** Where a server's clusters come from, as the family file says it now. */
export interface ClusterSource {
  /** `undefined`: the family file asks for none. Made anew when it changes. */
  current(): Promise<Cluster | undefined>;
  /**
   * Removes what earlier servers left, of every kind: the family file may have changed in between. Answers how many
   * clusters that were, and says of each that it no longer knows how to remove.
   */
  sweep(): Promise<number>;
}

const kinds = ["kind", "existing", "command"] as const;

export function clusterSource(options: {
  readonly clock: Clock;
  readonly family: () => Pick<Family, "kubernetes">;
  /** Folder of the family file, which its programs and paths are relative to. */
  readonly folder: string;
  /** Below the home. */
  readonly records: string;
  readonly kubectl: () => Promise<string | undefined>;
  readonly log: (line: string) => void;
}): ClusterSource {
  const { clock, folder: cwd, log } = options;
  const run = programRunner(clock);
  const records = openClusterRecords(options.records);
  let made: { readonly key: string; readonly cluster: Cluster | undefined } | undefined;

  function adapterOf(of: (typeof kinds)[number], kubectl: string) {
    const { kind, existing, command } = options.family().kubernetes;
    switch (of) {
      case "kind": {
        const { program, nodeImages, config } = kind ?? { program: "kind", nodeImages: {}, config: undefined };
        const inFolder = (path: string) => resolve(cwd, path);
        const found = program.includes("/") ? inFolder(program) : program;
        return kindAdapter({ program: found, nodeImages, config: config && inFolder(config) }, run, kubectl);
      }
      case "command":
        return command && commandAdapter({ ...command, cwd }, run, kubectl);
      case "existing":
        return (
          existing && existingAdapter({ ...existing, kubeconfig: resolve(cwd, existing.kubeconfig), cwd }, run, kubectl)
        );
    }
  }

  async function clusterOf(of: (typeof kinds)[number]): Promise<Cluster | undefined> {
    const adapter = adapterOf(of, (await options.kubectl()) ?? "kubectl");
    return adapter && createCluster({ adapter, records, clock, run, log });
  }

  return {
    current: async () => {
      const { cluster, kind, existing, command } = options.family().kubernetes;
      const key = canonicalJson({ cluster, kind, existing, command, kubectl: await options.kubectl() });
      if (made?.key !== key) made = { key, cluster: cluster === "none" ? undefined : await clusterOf(cluster) };
      return made.cluster;
    },
    sweep: async () => {
      let count = 0;
      const all = await records.all();
      for (const kind of kinds) {
        const left = all.flatMap((each) => (each.ok && each.value.kind === kind ? [each.value] : []));
        if (left.length === 0) continue;
        const cluster = await clusterOf(kind);
        if (cluster) count += await cluster.sweep();
        for (const { name, runId } of cluster ? [] : left)
          log(
            `cluster ${name} of run ${runId} is still there: kubernetes.${kind}, which says how it is removed, is gone from the family file`,
          );
      }
      // Those that were swept said so already.
      if (all.every((each) => !each.ok)) for (const each of all) if (!each.ok) log(each.error.message);
      return count;
    },
  };
}
