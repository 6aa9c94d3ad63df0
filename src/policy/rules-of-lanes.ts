import type { Version } from "../family/index.ts";
import { fine, found, isCandidateOf, isFinal, onKnown, onVersion, others } from "./answers.ts";
import type { CandidateLanes, PreflightFacts, Rule, RuleAnswer } from "./model.ts";

/** What the combination with everything else said of a release candidate. */
export const rulesOfLanes: readonly Rule[] = [
  {
    id: "candidate-lane-red",
    severity: "refuse",
    overridable: true,
    about: "A final follows no candidate with which the stable lane is red.",
    check: onVersion((version, facts) => onCandidate(version, facts, red)),
  },
  {
    id: "candidate-lane-missing",
    severity: "warn",
    overridable: true,
    about: "A final of what a deployment starts had a candidate with which the stable lane was green.",
    check: onVersion((version, facts) => onCandidate(version, facts, missing)),
  },
];

type Lane = CandidateLanes["results"][number];

function onCandidate(
  version: Version,
  facts: PreflightFacts,
  check: (candidate: Version | undefined, newest: Lane | undefined, version: Version) => RuleAnswer,
): RuleAnswer {
  if (!isFinal(version)) return fine;
  return onKnown(facts.candidateLanes, ({ expected, results }) => {
    const candidate = others(facts).find((other) => isCandidateOf(other, version));
    return expected ? check(candidate, results.filter((each) => each.tag === candidate?.tag).at(-1), version) : fine;
  });
}

function red(candidate: Version | undefined, newest: Lane | undefined): RuleAnswer {
  if (!candidate || newest?.state !== "failure") return fine;
  return found(
    `the stable lane with ${candidate.tag} is red: ${newest.description}`,
    `mend it and tag another candidate, or run it again: fairlead rerun ${newest.run}`,
    { candidate: candidate.tag, run: newest.run },
  );
}

function missing(candidate: Version | undefined, newest: Lane | undefined, version: Version): RuleAnswer {
  if (!candidate)
    return found(
      `no candidate of ${version.tag} was tried in the stable lane`,
      `tag ${version.tag}-rc1 first, unless that is not wanted`,
      { candidate: null },
    );
  if (newest?.state === "success" || newest?.state === "failure") return fine;
  if (!newest)
    return found(`the stable lane was never run with ${candidate.tag}`, "tag another candidate, or go without", {
      candidate: candidate.tag,
    });
  const still = newest.state === "triggered" || newest.state === "pending";
  return found(
    still
      ? `the stable lane with ${candidate.tag} still runs`
      : `the stable lane with ${candidate.tag} ended without a verdict: ${newest.description}`,
    still ? "wait for it" : `run it again: fairlead rerun ${newest.run}`,
    { candidate: candidate.tag, run: newest.run },
  );
}
