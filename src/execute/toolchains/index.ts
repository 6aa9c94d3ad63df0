export type { ArchiveDescription, Toolchain, ToolchainSettings, Toolchains } from "./model.ts";
export { createToolchains, sweepToolchains } from "./toolchains.ts";
