import { compareVersions, lineOf, parseVersionTag, sortedVersions, type Version } from "../family/index.ts";
import type { Known, PreflightFacts, RuleAnswer, TagHistory, Thresholds } from "./model.ts";

export const fine: RuleAnswer = { kind: "fine" };

export function found(message: string, satisfiedBy: string, facts: Readonly<Record<string, unknown>> = {}): RuleAnswer {
  return { kind: "found", message, facts, satisfiedBy };
}

export function unchecked(reason: string): RuleAnswer {
  return { kind: "unchecked", reason };
}

type Check = (facts: PreflightFacts, thresholds: Thresholds) => RuleAnswer;

/** Rules about a version look at nothing when the tag is none: `not-semver` says so. */
export function onVersion(
  check: (version: Version, facts: PreflightFacts, thresholds: Thresholds) => RuleAnswer,
): Check {
  return (facts, thresholds) => {
    const version = parseVersionTag(facts.tag);
    return version.ok ? check(version.value, facts, thresholds) : fine;
  };
}

/** Rules about what git tells; where it does not, they say that they were not looked at. */
export function onHistory(
  check: (history: TagHistory, version: Version, facts: PreflightFacts, thresholds: Thresholds) => RuleAnswer,
): Check {
  return onVersion((version, facts, thresholds) =>
    facts.commit === undefined ? fine : onKnown(facts.history, (history) => check(history, version, facts, thresholds)),
  );
}

export function onKnown<T>(known: Known<T>, check: (value: T) => RuleAnswer): RuleAnswer {
  return "unknown" in known ? unchecked(known.unknown) : check(known.value);
}

/** Versions of the other tags, the newest first. */
export function others(facts: PreflightFacts): readonly Version[] {
  return sortedVersions(facts.tags.filter((tag) => tag.name !== facts.tag).map((tag) => tag.name));
}

export function otherFinals(facts: PreflightFacts): readonly Version[] {
  return others(facts).filter((other) => other.prerelease === undefined);
}

export function commitOfTag(facts: PreflightFacts, tag: string): string | undefined {
  return facts.tags.find((candidate) => candidate.name === tag)?.commit;
}

/** The patch right before this one in its line. */
export function previousPatch(version: Version, facts: PreflightFacts): Version | undefined {
  return otherFinals(facts).find((other) => lineOf(other) === lineOf(version) && compareVersions(other, version) < 0);
}

export function isFinal(version: Version): boolean {
  return version.prerelease === undefined;
}

/** `v1.2.0-rc1` is a candidate of `v1.2.0`. */
export function isCandidateOf(candidate: Version, final: Version): boolean {
  return candidate.prerelease !== undefined && sameTarget(candidate, final) && final.prerelease === undefined;
}

export function sameTarget(a: Version, b: Version): boolean {
  return a.major === b.major && a.minor === b.minor && a.patch === b.patch;
}

export function short(commit: string): string {
  return commit.slice(0, 7);
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The first few, and how many more. */
export function listed(names: readonly string[], most = 3): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(", ")} and ${rest} more` : names.join(", ");
}
