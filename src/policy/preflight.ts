import type { Severity } from "../family/index.ts";
import type { Finding, PreflightFacts, Unchecked, Verdict } from "./model.ts";
import { rules } from "./rules.ts";

export interface Preflight {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
}

/**
 * May this be released? One engine for a pushed tag, `fairlead preflight` and `fairlead release`. `severities` are those
 * of the family file by rule id; a rule that nobody may override keeps its own.
 */
export function preflight(facts: PreflightFacts, severities: Readonly<Record<string, Severity>> = {}): Preflight {
  const findings: Finding[] = [];
  const unchecked: Unchecked[] = [];
  for (const rule of rules) {
    const severity = rule.overridable ? (severities[rule.id] ?? rule.severity) : rule.severity;
    if (severity === "off") continue;
    const answer = rule.check(facts);
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
