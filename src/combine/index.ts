export { createCluster, type LifetimeOptions } from "./cluster/lifetime.ts";
export type * from "./cluster/model.ts";
export { programRunner, type RunProgram } from "./cluster/programs.ts";
export { type ClusterRecords, openClusterRecords } from "./cluster/records.ts";
