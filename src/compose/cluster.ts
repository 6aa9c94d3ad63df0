import { join } from "node:path";
import { commandAdapter } from "../combine/cluster/command/index.ts";
import { existingAdapter } from "../combine/cluster/existing/index.ts";
import { kindAdapter } from "../combine/cluster/kind/index.ts";
import { type Cluster, createCluster, openClusterRecords, programRunner } from "../combine/index.ts";
import { type Clock, canonicalJson } from "../core/index.ts";
import type { Family } from "../family/index.ts";

/** The source of clusters that the family file as it is now asks for; `undefined`: none. Made anew when it changes. */
export function clusterOf(options: {
  readonly clock: Clock;
  readonly family: () => Family;
  /** Folder of the family file, which its programs and paths are relative to. */
  readonly folder: string;
  /** Below the home. */
  readonly records: string;
  readonly kubectl: () => Promise<string | undefined>;
  readonly log: (line: string) => void;
}): () => Promise<Cluster | undefined> {
  const run = programRunner(options.clock);
  const records = openClusterRecords(options.records);
  let made: { readonly key: string; readonly cluster: Cluster | undefined } | undefined;

  return async () => {
    const { cluster, kind, existing, command } = options.family().kubernetes;
    const kubectl = (await options.kubectl()) ?? "kubectl";
    const key = canonicalJson({ cluster, kind, existing, command, kubectl });
    if (made?.key === key) return made.cluster;
    const cwd = options.folder;
    const adapter =
      cluster === "kind"
        ? kindAdapter(kind ?? { program: "kind", nodeImages: {}, config: undefined }, run, kubectl)
        : cluster === "command" && command
          ? commandAdapter({ ...command, cwd }, run, kubectl)
          : cluster === "existing" && existing
            ? existingAdapter({ ...existing, kubeconfig: join(cwd, existing.kubeconfig), cwd }, run, kubectl)
            : undefined;
    const { clock, log } = options;
    made = { key, cluster: adapter && createCluster({ adapter, records, clock, run, log }) };
    return made.cluster;
  };
}
