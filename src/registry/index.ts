export { createRegistryDoor, type RegistryDoorOptions } from "./door.ts";
export { judgeRegistryRequest } from "./policy.ts";
export { createBuiltinRegistry } from "./publisher.ts";
export { openUploads, type Uploads } from "./uploads.ts";
