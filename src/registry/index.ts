export { type Collection, type Collector, createCollector, type Usage } from "./collector.ts";
export { createRegistryDoor } from "./door.ts";
export { judgeRegistryRequest } from "./policy.ts";
export { createBuiltinRegistry } from "./publisher.ts";
export { openUploads, type Uploads } from "./uploads.ts";
export type { RegistryDoorOptions } from "./visit.ts";
