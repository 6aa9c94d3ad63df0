export { isPublicAddress } from "./addresses.ts";
export { egressPort, proxyVariables } from "./cage.ts";
export { startEgressProxy } from "./egress-proxy.ts";
export { homeMark } from "./home-mark.ts";
export { findOnPath, isolationCapability } from "./machine.ts";
export { createOutputPipes } from "./output-pipes.ts";
export { ignoredPodFields } from "./pod-fields.ts";
export { createProcessExecutor, type ProcessExecutorOptions } from "./process-executor.ts";
export { watchLimits } from "./watch.ts";
