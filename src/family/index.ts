export type {
  ClusterKind,
  Component,
  ComponentJobs,
  ComponentKind,
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
export type { Platform } from "./platform.ts";
export type { ReleaseConfiguration, ReleaseImage, ReleasePlatform } from "./release-configuration.ts";
export { mayMaintain, roleAtLeast, tierOfChange } from "./roles.ts";
export {
  canaryTagOf,
  compareVersions,
  isProtectedBranch,
  lineOf,
  lineOfBranch,
  looksLikeVersion,
  maintenanceBranchOf,
  parseVersionTag,
  sortedVersions,
  type Version,
} from "./versions.ts";
