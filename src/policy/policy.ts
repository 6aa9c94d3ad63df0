import type { Family } from "../family/index.ts";
import { defaultThresholds, type Policy } from "./model.ts";

/** What a family's policy says for one component: its own severities over those of all. */
export function policyFor(policy: Family["policy"], component: string): Policy {
  return {
    severities: { ...policy.all, ...policy.byComponent[component] },
    thresholds: {
      sharedBehind: policy.thresholds?.sharedBehind ?? defaultThresholds.sharedBehind,
      clockSkewMs: policy.thresholds?.clockSkewMs ?? defaultThresholds.clockSkewMs,
    },
  };
}
