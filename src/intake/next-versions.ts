import {
  bumpedTag,
  type Component,
  compareVersions,
  lineOf,
  lineOfBranch,
  parseVersionTag,
  sortedVersions,
  type Version,
} from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import { familyHistory, pinnedAt } from "../history/index.ts";
import { countedTags } from "../plan/index.ts";
import { freezeOn, type PlacedPin, type Proposal, proposeVersion } from "../policy/index.ts";
import { releasesOf } from "../release/index.ts";
import type { FactSources } from "./facts.ts";
import { freezesOf, publishedVersions } from "./records.ts";

/** What could be released from a branch, the final first. */
export interface NextVersions {
  readonly last: string | undefined;
  /** Commits since the last release of that line. */
  readonly commits: number;
  readonly versions: readonly Proposal[];
}

const mostFiles = 500_000;
const notYet: readonly string[] = ["requested", "building", "verifying", "publishing", "failed"];

/**
 * The next final of a branch and the candidate before it. From the default branch a minor, from `release-X.Y` a patch;
 * a deployment's version rises with what it pins. A freeze names the version that is prepared, and candidates name their
 * final. `edited`: pins as they would be, instead of those of `head`; `now`: when freezes are looked at, in milliseconds.
 */
export async function nextVersions(
  sources: FactSources,
  component: Component,
  repository: Repository,
  branch: string,
  head: string,
  now: number,
  edited?: readonly PlacedPin[],
): Promise<NextVersions> {
  const rows = await releasesOf(sources.store, component.name);
  const tags = countedTags(
    (await repository.refs())
      .filter((ref) => ref.name.startsWith("refs/tags/"))
      .map((ref) => ({ ...ref, name: ref.name.slice("refs/tags/".length) })),
    rows.map((row) => ({ version: row.version, tagObject: row.tag_object, state: row.state })),
  );
  // What is being built, or failed, is what comes next: it is no release yet.
  const going = new Set(rows.filter((row) => notYet.includes(row.state)).map((row) => row.version));
  const versions = sortedVersions(tags.map((tag) => tag.name));
  const line = lineOfBranch(branch);
  const last = versions.find(
    (each) =>
      each.prerelease === undefined &&
      !going.has(each.tag) &&
      (line === undefined || `${each.major}.${each.minor}` === line),
  );
  const from = last && tags.find((tag) => tag.name === last.tag)?.commit;
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
  const computed = asked ?? plain ?? first;
  const frozen = await frozenFor(sources, component.name, branch, now);
  const prepared =
    frozen === undefined
      ? undefined
      : { version: frozen, reason: `${branch} is frozen for ${frozen}, which is prepared` };
  const final = prepared ?? tried(versions, computed.version, line) ?? computed;
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

async function frozenFor(
  sources: FactSources,
  component: string,
  branch: string,
  now: number,
): Promise<string | undefined> {
  const published = await publishedVersions(sources.store.db, component);
  return freezeOn(branch, await freezesOf(sources.store.db, component), published, now)?.version;
}

/** The final of the newest candidate, where that is above what would come anyway: a major is tried before it is made. */
function tried(versions: readonly Version[], computed: string, line: string | undefined): Proposal | undefined {
  const least = parseVersionTag(computed);
  const candidate = versions.find(
    (each) => each.prerelease !== undefined && (line === undefined || lineOf(each) === line),
  );
  if (!candidate || !least.ok) return undefined;
  const version = `v${candidate.major}.${candidate.minor}.${candidate.patch}`;
  const final = parseVersionTag(version);
  if (!final.ok || compareVersions(final.value, least.value) <= 0) return undefined;
  return { version, reason: `its candidate ${candidate.tag} was tried` };
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
