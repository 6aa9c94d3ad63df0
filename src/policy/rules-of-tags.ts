import {
  compareVersions,
  likelyVersion,
  lineOf,
  parseVersionTag,
  sortedVersions,
  submoduleTag,
  type Version,
} from "../family/index.ts";
import {
  commitOfTag,
  fine,
  found,
  isCandidateOf,
  isFinal,
  listed,
  onHistory,
  onKnown,
  onVersion,
  otherFinals,
  others,
  previousPatch,
  sameTarget,
  short,
} from "./answers.ts";
import { askMeant } from "./meant.ts";
import type { PreflightFacts, Rule, RuleAnswer } from "./model.ts";

const published = ["publishing", "published", "withdrawn"];

/** What the tag itself is, and its number among the others. */
export const rulesOfTags: readonly Rule[] = [
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
    id: "exists-in-registry",
    severity: "refuse",
    overridable: false,
    about: "No registry holds the version without our record of publishing it.",
    check: (facts) =>
      onKnown(facts.foreignTags, (references) =>
        references.length === 0
          ? fine
          : found(
              `${references.join(", ")} exists already, and Fairlead has no record of publishing it`,
              "release the next version; a tag that exists is never overwritten",
              { references },
            ),
      ),
  },
  {
    id: "not-newer",
    severity: "refuse",
    overridable: true,
    about: "A version is newer than every release of its line, and no candidate comes after its final.",
    check: onVersion((version, facts) => {
      const line = others(facts).filter((other) => lineOf(other) === lineOf(version));
      // The order of names that are no -rcN says nothing: -test comes after -rc1.
      const ordered = (other: Version) => isFinal(other) || (isNumbered(other) && isNumbered(version));
      const newer = line.find(
        (other) => ordered(other) && compareVersions(other, version) > 0 && !isCandidateOf(other, version),
      );
      if (!newer) return fine;
      return found(`${newer.tag} exists already and is newer`, askMeant(version, line.map(tagOf)), {
        newest: newer.tag,
      });
    }),
  },
  {
    id: "skipped-version",
    severity: "refuse",
    overridable: true,
    about: "After the first release no number is left out: no patch of a line, no minor of a major.",
    check: onVersion(skipped),
  },
  {
    id: "skipped-major",
    severity: "warn",
    overridable: true,
    about: "No major is left out.",
    check: onVersion((version, facts) => {
      const newest = otherFinals(facts)[0];
      if (!newest || version.minor > 0 || version.patch > 0 || version.major <= newest.major + 1) return fine;
      return found(
        `the last release is ${newest.tag}, so v${newest.major + 1}.0.0 comes next`,
        `tag v${newest.major + 1}.0.0, unless the jump is meant`,
        { newest: newest.tag },
      );
    }),
  },
  {
    id: "old-major",
    severity: "warn",
    overridable: true,
    about: "A new minor belongs to the newest major.",
    check: onVersion((version, facts) => {
      const newest = otherFinals(facts)[0];
      if (version.patch > 0 || !newest || newest.major <= version.major) return fine;
      return found(
        `${version.tag} is a new minor of ${version.major}.x, and ${newest.tag} is released`,
        askMeant(version, otherFinals(facts).map(tagOf)),
        { newest: newest.tag },
      );
    }),
  },
  {
    id: "not-candidate-name",
    severity: "warn",
    overridable: true,
    about: "A pre-release is called `-rcN`.",
    check: onVersion((version) =>
      isFinal(version) || isNumbered(version)
        ? fine
        : found(`-${version.prerelease} is no -rcN`, "call candidates -rc1, -rc2 and so on", {
            prerelease: version.prerelease,
          }),
    ),
  },
  {
    id: "same-commit",
    severity: "refuse",
    overridable: true,
    about: "A version has commits that its predecessor has not; a candidate and its final may share one.",
    check: onVersion((version, facts) => {
      if (facts.commit === undefined) return fine;
      const twin = others(facts).find(
        (other) =>
          commitOfTag(facts, other.tag) === facts.commit &&
          !sameTarget(other, version) &&
          isFinal(other) === isFinal(version),
      );
      return twin ? found(`${twin.tag} is the same commit`, "release a commit that differs", { twin: twin.tag }) : fine;
    }),
  },
  {
    id: "older-than-predecessor",
    severity: "refuse",
    overridable: true,
    about: "A patch is no older than the patch before it, as the committers' clocks tell.",
    check: onHistory((history, version, facts, thresholds) => {
      const { before } = history;
      const previous = previousPatch(version, facts);
      if (!before || before.tag !== previous?.tag) return fine;
      if (history.committedAt + thresholds.clockSkewMs >= before.committedAt) return fine;
      const [ours, theirs] = [history.committedAt, before.committedAt].map((at) => new Date(at).toISOString());
      return found(
        `its commit is of ${ours?.slice(0, 10)}, older than ${before.tag} of ${theirs?.slice(0, 10)}`,
        "tag a commit that came after it",
        { committedAt: ours, predecessor: before.tag, predecessorAt: theirs },
      );
    }),
  },
  {
    id: "submodule-differs",
    severity: "warn",
    overridable: true,
    about: "The tag of a Go module in a folder, `client/vX.Y.Z`, is on the commit of `vX.Y.Z`.",
    check: onVersion((version, facts) => {
      const twin = facts.tags.find((tag) => submoduleTag(tag.name)?.version === version.tag);
      if (!twin || facts.commit === undefined || twin.commit === facts.commit) return fine;
      return found(`${twin.name} is on another commit`, `tag both on one commit`, {
        tag: twin.name,
        commit: twin.commit,
      });
    }),
  },
  {
    id: "candidate-left",
    severity: "note",
    overridable: true,
    about: "Says which candidates never became a release.",
    check: onVersion((version, facts) => {
      const finals = otherFinals(facts);
      const left = others(facts).filter(
        (other) =>
          other.prerelease !== undefined &&
          compareVersions(other, version) < 0 &&
          !sameTarget(other, version) &&
          !finals.some((final) => compareVersions(final, other) > 0),
      );
      if (left.length === 0) return fine;
      return found(`${listed(left.map(tagOf))} never became a release`, "nothing, if that is meant", {
        candidates: left.map(tagOf),
      });
    }),
  },
];

/** `-rc2` */
function isNumbered(version: Version): boolean {
  return /^rc[1-9]\d*$/.test(version.prerelease ?? "");
}

function tagOf(version: Version): string {
  return version.tag;
}

/** A number counts as taken by a final, by a candidate of it, and by a tag that was meant to be it. */
function skipped(version: Version, facts: PreflightFacts): RuleAnswer {
  const finals = otherFinals(facts);
  // Alphas and betas look ahead; a release candidate is of the next release.
  const ahead = version.prerelease !== undefined && !version.prerelease.startsWith("rc");
  if (finals.length === 0 || ahead) return fine;
  const taken = [
    ...others(facts),
    ...sortedVersions(
      facts.tags.flatMap((tag) => (parseVersionTag(tag.name).ok ? [] : [likelyVersion(tag.name) ?? ""])),
    ),
  ];
  const has = (test: (other: Version) => boolean) => taken.some(test);
  const { major, minor, patch } = version;
  const missing =
    patch > 0
      ? has((other) => sameTarget(other, { ...version, patch: patch - 1 }))
        ? undefined
        : `v${major}.${minor}.${patch - 1}`
      : minor > 0
        ? has((other) => other.major === major && other.minor === minor - 1)
          ? undefined
          : `v${major}.${minor - 1}.0`
        : undefined;
  if (missing === undefined) return fine;
  return found(
    `${missing} was never released: ${askMeant(version, finals.map(tagOf))}`,
    `tag the version that comes next`,
    {
      missing,
    },
  );
}
