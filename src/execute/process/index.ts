export { isPublicAddress } from "./addresses.ts";
export { type IgnoredField, ignoredPodFields } from "./pod-fields.ts";
export { createProcessExecutor, type ProcessExecutorOptions } from "./process-executor.ts";
