export type {
  ClusterKind,
  Component,
  ComponentEndToEnd,
  ComponentJobs,
  ComponentKind,
  EndToEnd,
  ExecuteSettings,
  Family,
  GeneratedSettings,
  Kubernetes,
  Lanes,
  Principal,
  Registries,
  ReleaseState,
  Role,
  RunState,
  SecretSource,
  Severity,
  Tier,
} from "./model.ts";
export { maintenanceJobName } from "./names.ts";
export { type Bump, bumpAtLeast, bumpBetween, bumpedTag, highestBump, isFinalTag, type Pin } from "./pins.ts";
export type { Platform } from "./platform.ts";
export type { ReleaseConfiguration, ReleaseImage, ReleasePlatform } from "./release-configuration.ts";
export { mayMaintain, roleAtLeast, tierOfChange } from "./roles.ts";
export {
  canaryTagOf,
  compareVersions,
  isProtectedBranch,
  likelyVersion,
  lineOf,
  lineOfBranch,
  looksLikeVersion,
  maintenanceBranchOf,
  parseVersionTag,
  sortedVersions,
  submoduleTag,
  type Version,
} from "./versions.ts";
