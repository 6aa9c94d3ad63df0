export { approvalRefusal } from "./approval.ts";
export { type Freeze, freezeOn, inForce } from "./freeze.ts";
export { newerGo, newerModule } from "./go-updates.ts";
export { type MissingFix, missingOn } from "./missing-fixes.ts";
export type * from "./model.ts";
export { type Proposal, proposeVersion } from "./next-version.ts";
export { type PinChange, pinChanges } from "./pin-changes.ts";
export { betterPin, pinStanding, type ReleasedVersion, releaseOfPin } from "./pin-standing.ts";
export { policyFor } from "./policy.ts";
export { type Preflight, preflight } from "./preflight.ts";
export { compareReplays, type ReplayDifference, type ReplayReport, replay } from "./replay.ts";
export { rules } from "./rules.ts";
export { judgeSharedFolder, type SharedFolderStanding } from "./shared-folders.ts";
export {
  type TrainBlocker,
  type TrainFacts,
  type TrainItem,
  type TrainPlan,
  type TrainState,
  trainItem,
  trainOrder,
  type UnfinishedTrainRelease,
} from "./train.ts";
export { endedStops, mayLeave, type TrainStop, type TrainStopState } from "./train-progress.ts";
