export type {
  ClusterKind,
  Component,
  ComponentJobs,
  ComponentKind,
  Family,
  Principal,
  Registries,
  ReleaseState,
  Role,
  RunState,
  Severity,
  Tier,
} from "./model.ts";
export type { Platform } from "./platform.ts";
export type { ReleaseConfiguration, ReleaseImage, ReleasePlatform } from "./release-configuration.ts";
