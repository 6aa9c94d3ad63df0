export { type ContainerExecutorOptions, createContainerExecutor } from "./container-executor.ts";
