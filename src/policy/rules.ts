import {
  compareVersions,
  lineOf,
  lineOfBranch,
  maintenanceBranchOf,
  parseVersionTag,
  sortedVersions,
  type Version,
} from "../family/index.ts";
import type { PreflightFacts, Rule, RuleAnswer } from "./model.ts";

const fine: RuleAnswer = { kind: "fine" };

function found(message: string, satisfiedBy: string, facts: Readonly<Record<string, unknown>> = {}): RuleAnswer {
  return { kind: "found", message, facts, satisfiedBy };
}

/** Rules about a version look at nothing when the tag is none: `not-semver` says so. */
function onVersion(
  check: (version: Version, facts: PreflightFacts) => RuleAnswer,
): (facts: PreflightFacts) => RuleAnswer {
  return (facts) => {
    const version = parseVersionTag(facts.tag);
    return version.ok ? check(version.value, facts) : fine;
  };
}

function short(commit: string): string {
  return commit.slice(0, 7);
}

function others(facts: PreflightFacts): readonly Version[] {
  return sortedVersions(facts.tags.filter((tag) => tag.name !== facts.tag).map((tag) => tag.name));
}

function commitOfTag(facts: PreflightFacts, tag: string): string | undefined {
  return facts.tags.find((candidate) => candidate.name === tag)?.commit;
}

const published = ["publishing", "published", "withdrawn"];

/** Preflight, in the order in which findings are told. */
export const rules: readonly Rule[] = [
  {
    id: "not-semver",
    severity: "refuse",
    overridable: false,
    about: "Tags of releases are `vX.Y.Z`, pre-releases `vX.Y.Z-rcN`, strictly.",
    check: (facts) => {
      const version = parseVersionTag(facts.tag);
      if (version.ok) return fine;
      return found(version.error.message, `delete the tag and push the right one (${version.error.hint ?? "vX.Y.Z"})`, {
        tag: facts.tag,
      });
    },
  },
  {
    id: "internal-component",
    severity: "refuse",
    overridable: false,
    about: "Internal components are shared by copy and never tagged.",
    check: (facts) =>
      facts.kind === "internal"
        ? found(
            `${facts.component} is internal: it is shared by copy and never released`,
            `delete the tag: git push origin :refs/tags/${facts.tag}`,
            { kind: facts.kind },
          )
        : fine,
  },
  {
    id: "no-commit",
    severity: "refuse",
    overridable: false,
    about: "A release tag leads to a commit.",
    check: (facts) =>
      facts.commit === undefined
        ? found("the tag does not lead to a commit", "tag the commit that is to be released", {
            object: facts.tagObject,
          })
        : fine,
  },
  {
    id: "tag-moved",
    severity: "refuse",
    overridable: false,
    about: "A version that was published, or is being published, keeps its commit.",
    check: (facts) => {
      const before = facts.releases.find(
        (release) => release.version === facts.tag && published.includes(release.state),
      );
      if (!before || before.tagObject === facts.tagObject) return fine;
      return found(
        `${facts.tag} was published from ${short(before.commit)}; a published tag never means something else`,
        "put the tag back, and release the next version",
        { publishedCommit: before.commit, commit: facts.commit },
      );
    },
  },
  {
    id: "outside-branches",
    severity: "refuse",
    overridable: true,
    about: "`X.Y.0` is on the default branch or on `release-X.Y`; a patch is on `release-X.Y` if that exists.",
    check: onVersion((version, facts) => outsideBranches(version, facts)),
  },
  {
    id: "checks-not-green",
    severity: "refuse",
    overridable: true,
    about: "The required checks of the branch are green on that very commit.",
    check: (facts) => checksNotGreen(facts),
  },
  {
    id: "not-maintainer",
    severity: "refuse",
    overridable: true,
    about: "The tag was pushed by one of the component's maintainers.",
    check: (facts) => {
      if (!facts.actor) return { kind: "unchecked", reason: "it is not known who pushed the tag" };
      if (facts.actor.mayMaintain) return fine;
      return found(
        `${facts.actor.user} is no maintainer of ${facts.component}`,
        facts.maintainers.length > 0
          ? `one of ${facts.maintainers.join(", ")} approves it`
          : "an administrator approves it",
        { pusher: facts.actor.user },
      );
    },
  },
  {
    id: "not-newer",
    severity: "refuse",
    overridable: true,
    about: "A version is newer than every release of its line, and no candidate comes after its final.",
    check: onVersion((version, facts) => {
      const line = others(facts).filter((other) => lineOf(other) === lineOf(version));
      const newer = line.find((other) => compareVersions(other, version) > 0 && !isCandidateOf(other, version));
      if (!newer) return fine;
      return found(`${newer.tag} exists already and is newer`, `did you mean ${nextPatch(newer)}?`, {
        newest: newer.tag,
      });
    }),
  },
  {
    id: "skipped-version",
    severity: "warn",
    overridable: true,
    about: "No version number is left out within a line, or between lines.",
    check: onVersion((version, facts) => {
      const finals = others(facts).filter((other) => other.prerelease === undefined);
      const expected = expectedBefore(version);
      if (finals.length === 0 || expected === undefined) return fine;
      const there = finals.some((other) => other.tag === expected || (version.patch === 0 && precedes(other, version)));
      if (there) return fine;
      return found(`${expected} was never released`, `did you mean ${expected}?`, { expected });
    }),
  },
  {
    id: "same-commit",
    severity: "warn",
    overridable: true,
    about: "A version has commits that its predecessor has not; a candidate and its final may share one.",
    check: onVersion((version, facts) => {
      if (facts.commit === undefined) return fine;
      const twin = others(facts).find(
        (other) => commitOfTag(facts, other.tag) === facts.commit && !sameTarget(other, version),
      );
      return twin ? found(`${twin.tag} is the same commit`, "release a commit that differs", { twin: twin.tag }) : fine;
    }),
  },
  {
    id: "candidate-differs",
    severity: "note",
    overridable: true,
    about: "A final is the commit of its last candidate.",
    check: onVersion((version, facts) => {
      if (version.prerelease !== undefined || facts.commit === undefined) return fine;
      const last = others(facts).find((other) => isCandidateOf(other, version));
      if (!last || commitOfTag(facts, last.tag) === facts.commit) return fine;
      return found(`commits came after the last candidate ${last.tag}`, "tag another candidate first", {
        candidate: last.tag,
      });
    }),
  },
  {
    id: "not-branch-head",
    severity: "note",
    overridable: true,
    about: "Says how many commits came after the one released.",
    check: (facts) => {
      const nearest = [...facts.containing].sort((a, b) => a.ahead - b.ahead)[0];
      if (!nearest || nearest.isHead) return fine;
      const count = nearest.ahead === 1 ? "1 commit" : `${nearest.ahead} commits`;
      return found(`${count} came after it on ${nearest.branch}`, "tag the head, or leave it if that is meant", {
        ahead: nearest.ahead,
      });
    },
  },
];

function outsideBranches(version: Version, facts: PreflightFacts): RuleAnswer {
  if (facts.commit === undefined) return fine;
  const maintenance = maintenanceBranchOf(version);
  const on = facts.containing.map((each) => each.branch);
  const hasMaintenance = facts.branches.includes(maintenance);
  const wanted = hasMaintenance && version.patch > 0 ? [maintenance] : [facts.defaultBranch, maintenance];
  if (wanted.some((branch) => on.includes(branch))) return fine;
  const elsewhere = on.filter((branch) => branch === facts.defaultBranch || lineOfBranch(branch) !== undefined);
  const where =
    on.length === 0
      ? "is on no branch"
      : elsewhere.length === 0
        ? `is only on ${on.slice(0, 3).join(", ")}`
        : `is on ${elsewhere.slice(0, 3).join(", ")}`;
  return found(
    `its commit ${short(facts.commit)} ${where}, outside every release branch for ${version.tag}`,
    `tag a commit of ${wanted.filter((branch) => facts.branches.includes(branch)).join(" or ") || facts.defaultBranch}`,
    { commit: facts.commit, branches: on, wanted },
  );
}

function checksNotGreen(facts: PreflightFacts): RuleAnswer {
  if (facts.commit === undefined || facts.kind === "internal") return fine;
  const commit = short(facts.commit);
  for (const context of facts.requiredContexts) {
    const check = facts.checks.find((candidate) => candidate.context === context);
    if (!check) {
      return found(`${context} never ran on ${commit}`, `let the branch be built first, or approve with a reason`, {
        context,
      });
    }
    if (check.state === "triggered" || check.state === "pending") {
      return found(`${context} still runs on ${commit}`, "wait until it is green, then approve or tag again", {
        context,
        state: check.state,
      });
    }
    if (check.state !== "success") {
      return found(
        `${context} is ${check.state} on ${commit}: ${check.description}`,
        "fix it on the branch, then tag the fixed commit",
        {
          context,
          state: check.state,
        },
      );
    }
  }
  return fine;
}

/** `v1.2.0-rc1` is a candidate of `v1.2.0`. */
function isCandidateOf(candidate: Version, final: Version): boolean {
  return candidate.prerelease !== undefined && sameTarget(candidate, final) && final.prerelease === undefined;
}

function sameTarget(a: Version, b: Version): boolean {
  return a.major === b.major && a.minor === b.minor && a.patch === b.patch;
}

function nextPatch(version: Version): string {
  return version.prerelease === undefined
    ? `v${version.major}.${version.minor}.${version.patch + 1}`
    : `v${version.major}.${version.minor}.${version.patch}`;
}

/** The final that comes right before within the line, or the first of the minor before; `undefined` for a first major. */
function expectedBefore(version: Version): string | undefined {
  if (version.patch > 0) return `v${version.major}.${version.minor}.${version.patch - 1}`;
  if (version.minor > 0) return `v${version.major}.${version.minor - 1}.0`;
  return undefined;
}

function precedes(other: Version, version: Version): boolean {
  return other.major === version.major && other.minor === version.minor - 1;
}
