export { type Auditor, createAuditor } from "./audit/auditor.ts";
export type { FindingKind } from "./audit/model.ts";
export { remedyOf, sentenceOf } from "./audit/sentences.ts";
export { createKeyring, type FamilyKey, type Keyring } from "./keyring.ts";
export { createProver, type Prover } from "./prover.ts";
export { filesOfRelease, proofsOfDigest } from "./records.ts";
