export { type Auditor, createAuditor } from "./audit/auditor.ts";
export type { FindingKind } from "./audit/model.ts";
export { remedyOf, sentenceOf } from "./audit/sentences.ts";
