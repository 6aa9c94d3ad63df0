import type { Finding, Policy, PreflightFacts, Verdict } from "./model.ts";
import { preflight } from "./preflight.ts";

/** What a policy says about one tag of the past. */
export interface ReplayedTag {
  readonly tag: string;
  readonly rules: readonly string[];
  /** One sentence a rule. */
  readonly messages: readonly string[];
  /** When its commit was made, ISO; `undefined` where that is not known. */
  readonly at: string | undefined;
}

/** Design 6: `replay`. */
export interface ReplayReport {
  /** Tags that were judged: those of Go modules in folders are no releases. */
  readonly releases: number;
  readonly refused: readonly ReplayedTag[];
  readonly warned: readonly ReplayedTag[];
  /** Rules that could not be looked at for one tag or more. */
  readonly unchecked: readonly string[];
  readonly uncheckedBecause: Readonly<Record<string, { readonly tags: number; readonly reason: string }>>;
  readonly byRule: Readonly<
    Record<string, { readonly refused: number; readonly warned: number; readonly noted: number }>
  >;
}

/** Runs a policy over tags of the past, each with the facts of its time. A refused tag is not counted as warned too. */
export function replay(tags: readonly PreflightFacts[], policy: Policy): ReplayReport {
  const refused: ReplayedTag[] = [];
  const warned: ReplayedTag[] = [];
  const unchecked = new Map<string, { tags: number; reason: string }>();
  const byRule = new Map<string, { refused: number; warned: number; noted: number }>();
  for (const facts of tags) {
    const answer = preflight(facts, policy);
    for (const { rule, reason } of answer.unchecked)
      unchecked.set(rule, {
        tags: (unchecked.get(rule)?.tags ?? 0) + 1,
        reason: unchecked.get(rule)?.reason ?? reason,
      });
    for (const { rule, severity } of answer.findings) {
      const counts = byRule.get(rule) ?? { refused: 0, warned: 0, noted: 0 };
      byRule.set(rule, counts);
      if (severity === "refuse") counts.refused += 1;
      else if (severity === "warn") counts.warned += 1;
      else counts.noted += 1;
    }
    if (answer.verdict === "refuse") refused.push(replayed(facts, answer.findings, "refuse"));
    if (answer.verdict === "warn") warned.push(replayed(facts, answer.findings, "warn"));
  }
  return {
    releases: tags.length,
    refused,
    warned,
    unchecked: [...unchecked.keys()].sort(),
    uncheckedBecause: Object.fromEntries(unchecked),
    byRule: Object.fromEntries([...byRule].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function replayed(facts: PreflightFacts, findings: readonly Finding[], severity: "refuse" | "warn"): ReplayedTag {
  const mine = findings.filter((finding) => finding.severity === severity);
  return {
    tag: facts.tag,
    rules: mine.map((finding) => finding.rule),
    messages: mine.map((finding) => finding.message),
    at: "value" in facts.history ? new Date(facts.history.value.committedAt).toISOString() : undefined,
  };
}

/** A tag on which two policies differ. */
export interface ReplayDifference {
  readonly tag: string;
  readonly first: Verdict;
  readonly second: Verdict;
  /** What the stricter one finds, and the other does not hold against it. */
  readonly rules: readonly string[];
}

export function compareReplays(
  tags: readonly PreflightFacts[],
  first: Policy,
  second: Policy,
): readonly ReplayDifference[] {
  return tags.flatMap((facts) => {
    const [a, b] = [preflight(facts, first), preflight(facts, second)];
    if (a.verdict === b.verdict) return [];
    const key = (finding: Finding) => `${finding.rule} ${finding.severity}`;
    const [ours, theirs] = [new Set(a.findings.map(key)), new Set(b.findings.map(key))];
    const differing = [...a.findings, ...b.findings].filter(
      (finding) => finding.severity !== "note" && ours.has(key(finding)) !== theirs.has(key(finding)),
    );
    return [
      {
        tag: facts.tag,
        first: a.verdict,
        second: b.verdict,
        rules: [...new Set(differing.map((finding) => finding.rule))],
      },
    ];
  });
}
