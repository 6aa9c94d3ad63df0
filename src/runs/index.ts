export type { BuiltImage, Run, RunEnd } from "./model.ts";
export type { PushDoor } from "./push-step.ts";
export { pickRunnable, type QueueFacts } from "./queue.ts";
export { abortsAsked, findRun, findRunByAnyId, insertRun, type NewRun, requestAbort, runOf } from "./records.ts";
export { removeTree } from "./remove-tree.ts";
export { resultKeyOf } from "./run-refs.ts";
export { createScheduler, type Scheduler, type SchedulerOptions, type Supervisor } from "./scheduler.ts";
export { createSecretSources, stubSecrets } from "./secret-sources.ts";
export { createSupervisor, type ReadReleaseConfiguration, type SupervisorOptions } from "./supervisor.ts";
