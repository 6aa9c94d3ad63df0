import { bumpedTag, type Component, lineOfBranch, parseVersionTag, sortedVersions } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { familyHistory, pinnedAt } from "../history/index.ts";
import { type PlacedPin, type Proposal, proposeVersion } from "../policy/index.ts";
import type { FactSources } from "./facts.ts";

/** What could be released from a branch, the final first. */
export interface NextVersions {
  readonly last: string | undefined;
  /** Commits since the last release of that line. */
  readonly commits: number;
  readonly versions: readonly Proposal[];
}

const mostFiles = 500_000;

/**
 * The next final of a branch and the candidate before it. From the default branch a minor, from `release-X.Y` a patch;
 * a deployment's version rises with what it pins. `edited`: pins as they would be, instead of those of `head`.
 */
export async function nextVersions(
  sources: FactSources,
  component: Component,
  repository: Repository,
  branch: string,
  head: string,
  edited?: readonly PlacedPin[],
): Promise<NextVersions> {
  const tags = (await repository.refs()).filter((ref) => ref.name.startsWith("refs/tags/"));
  const versions = sortedVersions(tags.map((ref) => ref.name.slice("refs/tags/".length)));
  const line = lineOfBranch(branch);
  const last = versions.find(
    (each) => each.prerelease === undefined && (line === undefined || `${each.major}.${each.minor}` === line),
  );
  const from = last && tags.find((ref) => ref.name === `refs/tags/${last.tag}`)?.commit;
  const commits = from === undefined ? await repository.commitCount(head) : await repository.countBetween(from, head);
  const first = { version: line === undefined ? "v0.1.0" : `v${line}.0`, reason: "nothing was released from it yet" };
  const plain = last && {
    version: bumpedTag(last, line === undefined ? "minor" : "patch"),
    reason: `${commits} ${commits === 1 ? "commit" : "commits"} since ${last.tag}`,
  };
  const asked =
    component.kind === "deployment" && last && from !== undefined
      ? await asPinsAsk(sources, component, repository, { branch, head, from, last: last.tag }, edited)
      : undefined;
  const final = asked ?? plain ?? first;
  const parsed = parseVersionTag(final.version);
  const candidates = versions.filter(
    (each) => parsed.ok && each.prerelease !== undefined && each.tag.startsWith(`${final.version}-rc`),
  );
  const numbers = candidates.map((each) => Number(/^rc(\d+)$/.exec(each.prerelease ?? "")?.[1] ?? 0));
  const candidate = {
    version: `${final.version}-rc${Math.max(0, ...numbers) + 1}`,
    reason: `a candidate of ${final.version}, to be tried first`,
  };
  return { last: last?.tag, commits, versions: [final, candidate] };
}

async function asPinsAsk(
  sources: FactSources,
  component: Component,
  repository: Repository,
  at: { readonly branch: string; readonly head: string; readonly from: string; readonly last: string },
  edited: readonly PlacedPin[] | undefined,
): Promise<Proposal | undefined> {
  const open = async (other: Component) => await sources.git.open(other.name);
  const history = familyHistory({ family: sources.family(), open }, component, repository);
  const [before, now] = [await pinnedAt(history, at.from), await pinnedAt(history, at.head)];
  if ("unknown" in before || "unknown" in now) return undefined;
  const holding = new Set(now.value.map((pin) => pin.file));
  const changed = (await repository.hasAtMost(at.head, mostFiles))
    ? await repository.changedFiles(at.from, at.head)
    : [""];
  const onlyPins = changed.every((file) => holding.has(file));
  const own = onlyPins || lineOfBranch(at.branch) !== undefined ? "patch" : "minor";
  return proposeVersion(at.last, before.value, edited ?? now.value, component.name, own);
}
