export { type Auditor, createAuditor } from "./audit/auditor.ts";
export type { FindingKind } from "./audit/model.ts";
export { remedyOf, sentenceOf } from "./audit/sentences.ts";
export { createKeyring, type FamilyKey, type Keyring, keyIdOf } from "./keyring.ts";
export { createProver } from "./prover.ts";
export { filesOfRelease, storedAt } from "./records.ts";
export { type PinReader, type Trace, traceSubject } from "./trace.ts";
export { type RecordWitness, type TrustedKey, type Verification, verifyProof } from "./verify.ts";
export { createWithdrawalAnnouncer } from "./withdrawal.ts";
