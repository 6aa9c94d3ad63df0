export { type Collection, type Collector, createCollector, type Usage } from "./collector.ts";
export { createRegistryDoor, type RegistryDoor, type RegistryHandler } from "./door.ts";
export { foreignImage, judgeRegistryRequest } from "./policy.ts";
export { createBuiltinRegistry } from "./publisher.ts";
export { createQuotas } from "./quotas.ts";
export { createStaging, type StagedTag, type Staging } from "./staging.ts";
export { openUploads, type Uploads } from "./uploads.ts";
export type { RegistryDoorOptions } from "./visit.ts";
