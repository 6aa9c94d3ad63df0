import { lineOfBranch, maintenanceBranchOf, type Version } from "../family/index.ts";
import {
  commitOfTag,
  counted,
  fine,
  found,
  isCandidateOf,
  isFinal,
  listed,
  onHistory,
  onKnown,
  onVersion,
  others,
  previousPatch,
  short,
  unchecked,
} from "./answers.ts";
import type { PreflightFacts, Rule, RuleAnswer } from "./model.ts";

/** Where the commit stands among branches and earlier releases, and whether people and checks let it go. */
export const rulesOfCommits: readonly Rule[] = [
  {
    id: "outside-branches",
    severity: "refuse",
    overridable: true,
    about: "`X.Y.0` is on the default branch or on `release-X.Y`; a patch is on `release-X.Y` if that exists.",
    check: onVersion(outsideBranches),
  },
  {
    id: "patch-without-branch",
    severity: "warn",
    overridable: true,
    about: "A patch comes from a maintenance branch, not from the default branch.",
    check: onVersion((version, facts) => {
      const branch = maintenanceBranchOf(version);
      if (version.patch === 0 || facts.commit === undefined || facts.branches.includes(branch)) return fine;
      if (!facts.containing.some((each) => each.branch === facts.defaultBranch)) return fine;
      return found(
        `there is no ${branch}, so this patch carries whatever ${facts.defaultBranch} had`,
        `make ${branch} at v${version.major}.${version.minor}.0 and put the fixes there`,
        { branch },
      );
    }),
  },
  {
    id: "patch-not-descendant",
    severity: "refuse",
    overridable: true,
    about: "A patch descends from the patch before it, so that it has all of its fixes.",
    check: onHistory((history, version, facts) => {
      const previous = version.patch > 0 ? previousPatch(version, facts) : undefined;
      if (!previous || history.descendsFrom.includes(previous.tag)) return fine;
      return found(
        `it does not descend from ${previous.tag}, so what was fixed there may be missing`,
        `tag a commit that has ${previous.tag} among its ancestors`,
        { previous: previous.tag },
      );
    }),
  },
  {
    id: "candidate-not-ancestor",
    severity: "warn",
    overridable: true,
    about: "A final descends from its candidates.",
    check: onHistory((history, version, facts) => {
      const beside = others(facts)
        .filter((other) => isCandidateOf(other, version) && !history.descendsFrom.includes(other.tag))
        .map((other) => other.tag);
      if (beside.length === 0) return fine;
      return found(`it does not descend from ${listed(beside)}`, "tag a commit that the candidates led to", {
        candidates: beside,
      });
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
    id: "candidate-failed",
    severity: "refuse",
    overridable: true,
    about: "The last candidate of a final passed the tests that people did.",
    check: onVersion((version, facts) =>
      onKnown(facts.failedCandidates, (failed) => {
        const last = others(facts).find((other) => isCandidateOf(other, version));
        const test = failed.find((each) => each.tag === last?.tag);
        return test
          ? found(
              `${test.tag} failed a test by ${test.by}${test.text === "" ? "" : `: ${test.text}`}`,
              "tag another candidate, and note what came of it: fairlead note RELEASE --result pass",
              { ...test },
            )
          : fine;
      }),
    ),
  },
  {
    id: "not-a-merge",
    severity: "warn",
    overridable: true,
    about: "The commit of a final is the merge of a change, where the final before was one.",
    check: onHistory((history, version, facts) =>
      !isFinal(version) || history.isMerge || history.before?.isMerge !== true
        ? fine
        : found(`${short(facts.commit ?? "")} is no merge, so nobody reviewed it as a change`, "merge it as a change", {
            commit: facts.commit,
          }),
    ),
  },
  {
    id: "checks-not-green",
    severity: "refuse",
    overridable: true,
    about: "The required checks of the branch are green on that very commit.",
    check: checksNotGreen,
  },
  {
    id: "lanes-not-green",
    severity: "warn",
    overridable: true,
    about: "The lanes with canary images are green.",
    check: (facts) =>
      onKnown(facts.lanes, (lanes) => {
        const never = lanes.filter((lane) => lane.state === undefined);
        const red = lanes.filter((lane) => lane.state !== undefined && lane.state !== "success");
        if (red.length > 0)
          return found(
            `${listed(red.map((lane) => `${lane.name} is ${lane.state}`))}`,
            "mend the lane, or rerun it: fairlead rerun RUN",
            { lanes: red },
          );
        return never.length > 0 ? unchecked(`${listed(never.map((lane) => lane.name))} never ran`) : fine;
      }),
  },
  {
    id: "frozen",
    severity: "refuse",
    overridable: true,
    about: "A branch that is frozen for one release is released as that one only.",
    check: onVersion((version, facts) =>
      onKnown(facts.freezes, (freezes) => {
        const on = facts.containing.map((each) => each.branch);
        const target = `v${version.major}.${version.minor}.${version.patch}`;
        const other = freezes.find((freeze) => on.includes(freeze.branch) && freeze.for !== target);
        return other
          ? found(`${other.branch} is frozen for ${other.for}`, `release ${other.for} first, or thaw the branch`, {
              ...other,
            })
          : fine;
      }),
    ),
  },
  {
    id: "not-maintainer",
    severity: "refuse",
    overridable: true,
    about: "The tag was pushed by one of the component's maintainers.",
    check: (facts) => {
      if (!facts.actor) return unchecked("it is not known who pushed the tag");
      if (facts.actor.mayMaintain) return fine;
      return found(
        `${facts.actor.user} is no maintainer of ${facts.component}`,
        facts.maintainers.length > 0
          ? `one of ${facts.maintainers.join(", ")} pushes it, or an administrator approves it`
          : "an administrator approves it",
        { pusher: facts.actor.user },
      );
    },
  },
  {
    id: "not-branch-head",
    severity: "note",
    overridable: true,
    about: "Says how many commits came after the one released.",
    check: (facts) => {
      const nearest = [...facts.containing].sort((a, b) => a.ahead - b.ahead)[0];
      if (!nearest || nearest.isHead) return fine;
      return found(
        `${counted(nearest.ahead, "commit")} came after it on ${nearest.branch}`,
        "tag the head, or leave it if that is meant",
        { ahead: nearest.ahead },
      );
    },
  },
];

function outsideBranches(version: Version, facts: PreflightFacts): RuleAnswer {
  if (facts.commit === undefined) return fine;
  const maintenance = maintenanceBranchOf(version);
  const on = facts.containing.map((each) => each.branch);
  const hasMaintenance = facts.branches.includes(maintenance);
  const wanted = hasMaintenance && version.patch > 0 ? [maintenance] : [facts.defaultBranch, maintenance];
  // Some name the branch of a line for its first release.
  if ([...wanted, `${maintenance}.0`].some((branch) => on.includes(branch))) return fine;
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
  const { commit: id } = facts;
  if (id === undefined || facts.kind === "internal") return fine;
  const commit = short(id);
  return onKnown(facts.requiredContexts, (contexts) => {
    for (const context of contexts) {
      const check = facts.checks.find((candidate) => candidate.context === context);
      if (!check)
        return found(`${context} never ran on ${commit}`, "let the branch be built first, or approve with a reason", {
          context,
        });
      const { state } = check;
      if (state === "triggered" || state === "pending")
        return found(`${context} still runs on ${commit}`, "wait until it is green, then approve or tag again", {
          context,
          state,
        });
      if (state !== "success")
        return found(
          `${context} is ${state} on ${commit}: ${check.description}`,
          "fix it on the branch, then tag the fixed commit",
          { context, state },
        );
    }
    return fine;
  });
}
