import { inject } from "vitest";
import { createKubernetesExecutor } from "../../src/execute/kubernetes/index.ts";
import { commonOptions, describeExecutor } from "../fixtures/executor-suite.ts";
import { podCluster } from "../fixtures/pod-cluster.ts";

const cluster = inject("cluster");
const pods = "reason" in cluster ? undefined : await podCluster(cluster, `executor-${process.pid}`);

describeExecutor({
  name: "pods of a cluster",
  kind: "kubernetes",
  lacks: "reason" in cluster ? cluster.reason : undefined,
  open: async (folder) => {
    if (!pods) throw new Error("there is no cluster");
    return await createKubernetesExecutor({ folder, ...commonOptions, clusters: { default: pods.settings } });
  },
  wish: { container: { image: pods?.image ?? "", pullPolicy: "Never", privileged: false, cpus: undefined } },
  fetch: () => "",
  asked: { clusters: { default: pods?.settings }, image: pods?.image },
  // Its kubelet bounds none; the memory of a pod is bounded, which ends a bomb as well, but late.
  boundsProcesses: false,
});
