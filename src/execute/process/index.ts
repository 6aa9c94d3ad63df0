export { isPublicAddress } from "./addresses.ts";
export { createProcessExecutor, type ProcessExecutorOptions } from "./process-executor.ts";
