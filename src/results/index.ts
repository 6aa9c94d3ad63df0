export type { CloneReport, Finished, Started } from "./documents.ts";
export { createFsResultStore } from "./fs-result-store.ts";
export type { Layout } from "./layout.ts";
export { maskingOfArtifacts } from "./masked-writer.ts";
export { createMasking, type Masking, type MaskingRules } from "./masking.ts";
export {
  createMirrorQueue,
  type MirrorObject,
  type MirrorQueue,
  type MirrorTarget,
  mirroredResults,
  mirrorOf,
  type ResultMirror,
} from "./mirror/index.ts";
export type {
  Artifact,
  ArtifactMasking,
  CollectBounds,
  LogPiece,
  LogWriter,
  ResultKey,
  ResultStore,
  StoredFile,
  TestFailure,
  TestSummary,
} from "./model.ts";
