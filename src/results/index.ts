export { createFsResultStore } from "./fs-result-store.ts";
export type { Artifact, LogPiece, LogWriter, ResultKey, ResultStore, TestFailure, TestSummary } from "./model.ts";
