export { createKubernetesExecutor, type KubernetesExecutorOptions } from "./kubernetes-executor.ts";
export { carrierScript, podInitScript } from "./pod-scripts.ts";
export type { ClusterSettings } from "./settings.ts";
