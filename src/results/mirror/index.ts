export { mirroredResults } from "./mirrored.ts";
export type { MirrorObject, ResultMirror } from "./model.ts";
export { createMirrorQueue, type MirrorQueue } from "./queue.ts";
export { type MirrorTarget, mirrorOf } from "./targets.ts";
