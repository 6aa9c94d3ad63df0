export { type Freeze, freezeOn, inForce } from "./freeze.ts";
export { type MissingFix, missingOn } from "./missing-fixes.ts";
export type { Finding, PreflightFacts, Rule, Unchecked, Verdict } from "./model.ts";
export { type Preflight, preflight } from "./preflight.ts";
export { rules } from "./rules.ts";
export { judgeSharedFolder, type SharedFolderStanding } from "./shared-folders.ts";
