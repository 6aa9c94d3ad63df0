export { listGoVersions, listModuleVersions } from "./go-versions.ts";
export type { ArchiveDescription, Toolchain, ToolchainSettings, Toolchains } from "./model.ts";
export { createToolchains, sweepToolchains } from "./toolchains.ts";
