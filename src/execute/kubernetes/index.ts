export { carryPrograms } from "./carried-programs.ts";
export { createKubernetesExecutor, type KubernetesExecutorOptions } from "./kubernetes-executor.ts";
export type { ClusterSettings } from "./settings.ts";
