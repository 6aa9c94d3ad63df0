import {
  defaultThresholds,
  type Finding,
  type Policy,
  type PreflightFacts,
  type Unchecked,
  type Verdict,
} from "./model.ts";
import { rules } from "./rules.ts";

export interface Preflight {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
}

/**
 * May this be released? One engine for a pushed tag, `fairlead preflight`, `fairlead release` and replay. A rule that
 * nobody may override keeps its own severity, whatever the policy says.
 */
export function preflight(
  facts: PreflightFacts,
  policy: Policy = { severities: {}, thresholds: defaultThresholds },
): Preflight {
  const findings: Finding[] = [];
  const unchecked: Unchecked[] = [];
  for (const rule of rules) {
    const severity = rule.overridable ? (policy.severities[rule.id] ?? rule.severity) : rule.severity;
    if (severity === "off") continue;
    const answer = rule.check(facts, policy.thresholds);
    if (answer.kind === "unchecked") unchecked.push({ rule: rule.id, reason: answer.reason });
    if (answer.kind !== "found") continue;
    const { message, satisfiedBy } = answer;
    findings.push({
      rule: rule.id,
      severity,
      message,
      facts: answer.facts,
      satisfiedBy,
      overridable: rule.overridable,
    });
  }
  return { verdict: verdictOf(findings), findings, unchecked };
}

function verdictOf(findings: readonly Finding[]): Verdict {
  if (findings.some((finding) => finding.severity === "refuse")) return "refuse";
  return findings.some((finding) => finding.severity === "warn") ? "warn" : "pass";
}
