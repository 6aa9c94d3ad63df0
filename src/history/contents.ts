import { readRbac } from "../config/index.ts";
import { describeFault } from "../core/index.ts";
import { parseVersionTag, type ReleaseConfiguration } from "../family/index.ts";
import type { Known, RevisionContents } from "../policy/index.ts";
import { pinsAt } from "./pins.ts";
import { type HistorySources, remember } from "./sources.ts";
import { walkFolder } from "./walk.ts";

/** What a commit says about itself, and the folders that it shares. */
export interface Contents extends RevisionContents {
  readonly shared: Readonly<Record<string, string>>;
}

export async function contentsOf(sources: HistorySources, commit: string, tag: string): Promise<Contents> {
  const { repository, component } = sources;
  const files = {
    read: (path: string) => repository.readFile(commit, path),
    list: (prefix: string) => repository.listFiles(commit, prefix),
  };
  const read = await sources.configurationOf(files, component);
  const configuration = read.ok ? read.value : undefined;
  const why = read.ok ? "" : read.error.message;
  const [goMod, changelog, rbac, pins] = await Promise.all([
    files.read("go.mod"),
    changelogOf(sources, commit, tag),
    rbacOf(sources, commit),
    pinsOf(sources, commit, configuration, why),
  ]);
  return {
    images: configuration ? { value: imagesOf(configuration, component.images) } : { unknown: why },
    changelog,
    go: {
      asked: /^go (\d+\.\d+(?:\.\d+)?)/m.exec(goMod ?? "")?.[1],
      builds: /^\d+\.\d+(?:\.\d+)?$/.exec(configuration?.toolchain["go"] ?? "")?.[0],
    },
    rbac,
    pins,
    shared: configuration?.shared ?? {},
  };
}

/**
 * What a revision builds, as it says itself: the family file's names are those of today. Only where a script of its own
 * pushes them does nothing else tell.
 */
function imagesOf(configuration: ReleaseConfiguration, owned: readonly string[] | undefined): readonly string[] {
  const named = configuration.images.map((image) => image.name);
  return named.length === 0 && configuration.push !== undefined ? (owned ?? []) : named;
}

async function pinsOf(
  sources: HistorySources,
  commit: string,
  configuration: ReleaseConfiguration | undefined,
  why: string,
): Promise<RevisionContents["pins"]> {
  if (configuration) return await pinsAt(sources, commit, configuration.pins);
  return sources.component.kind === "deployment" ? { unknown: why } : { value: [] };
}

/** Files called CHANGELOG…, in the root or in a folder of that name, and the headings of those that may be the version's. */
async function changelogOf(
  sources: HistorySources,
  commit: string,
  tag: string,
): Promise<RevisionContents["changelog"]> {
  const { repository } = sources;
  const version = parseVersionTag(tag);
  const root = (await repository.entries(commit, "")) ?? [];
  const folder = root.find((entry) => entry.mode === "40000" && /^changelogs?$/i.test(entry.name));
  const inside = folder ? ((await repository.entries(commit, folder.name)) ?? []) : [];
  const logs = [...root, ...inside].filter((entry) => /^changelog/i.test(entry.name) && entry.mode.startsWith("100"));
  if (!version.ok) return { kept: logs.length > 0, heading: false };
  const { major, minor, patch } = version.value;
  const line = `${major}.${minor}`;
  const wanted = `${line}.${patch}`;
  // A file of its own says as much as a heading: for the version, or for the line that it opens.
  const own = logs.filter((entry) => wordsOfName(entry.name).includes(line));
  const named = logs.some((entry) => wordsOfName(entry.name).includes(wanted));
  if (named || (own.length > 0 && patch === 0)) return { kept: true, heading: true };
  const likely = [...own, ...logs.filter((entry) => !/\d+\.\d+/.test(entry.name))];
  for (const entry of likely.slice(0, 5)) {
    const text = (await repository.readBlob(entry.id)) ?? "";
    const headings = text.split("\n").filter((row) => row.startsWith("#"));
    if (headings.some((heading) => wordsOf(heading).includes(wanted))) return { kept: true, heading: true };
  }
  return { kept: logs.length > 0, heading: false };
}

/** Versions stand between blanks, brackets and the like, with a `v` or without. A dash begins the suffix of a candidate. */
function wordsOf(text: string): readonly string[] {
  return text.split(/[\s()[\]:,;#*_`"'/]+/).map((word) => word.replace(/^v(?=\d)/, "").replace(/\.$/, ""));
}

/** `CHANGELOG-1.2.md` is about 1.2. */
function wordsOfName(name: string): readonly string[] {
  return wordsOf(name.replace(/\.(md|txt|rst)$/i, "").replaceAll("-", " "));
}

async function rbacOf(sources: HistorySources, commit: string): Promise<Known<readonly string[]>> {
  const walked = await walkFolder(sources.repository, commit, "deploy");
  if ("unknown" in walked) return walked;
  const all = new Set<string>();
  for (const { file, id } of walked.files.filter((each) => /(^|[/-])rbac[^/]*\.ya?ml$/.test(each.path))) {
    let known = sources.memory.rbac.get(id);
    if (!known) {
      const text = await sources.repository.readBlob(id);
      const read = readRbac(file, text ?? "");
      known = remember(
        sources.memory.rbac,
        id,
        read.ok ? { value: read.value } : { unknown: describeFault(read.error) },
      );
    }
    if ("unknown" in known) return known;
    for (const each of known.value) all.add(each);
  }
  return { value: [...all].sort() };
}
