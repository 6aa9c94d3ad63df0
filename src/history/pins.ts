import { fixedFolderOf, pathPattern, readPins } from "../config/index.ts";
import { describeFault, type Pattern } from "../core/index.ts";
import type { Known, PlacedPin } from "../policy/index.ts";
import { type HistorySources, remember } from "./sources.ts";
import { walkFolder } from "./walk.ts";

const mostPins = 20_000;

/** The images that a commit pins, as its own configuration says where. */
export async function pinnedAt(sources: HistorySources, commit: string): Promise<Known<readonly PlacedPin[]>> {
  const files = {
    read: (path: string) => sources.repository.readFile(commit, path),
    list: (prefix: string) => sources.repository.listFiles(commit, prefix),
  };
  const read = await sources.configurationOf(files, sources.component);
  return read.ok ? await pinsAt(sources, commit, read.value.pins) : { unknown: read.error.message };
}

/** The images that the files matching `globs` name at a commit, each with its place and its owner. */
export async function pinsAt(
  sources: HistorySources,
  commit: string,
  globs: readonly string[],
): Promise<Known<readonly PlacedPin[]>> {
  const patterns: Pattern[] = [];
  for (const glob of globs) {
    const pattern = pathPattern(glob);
    if (!pattern.ok) return { unknown: pattern.error.message };
    patterns.push(pattern.value);
  }
  const folders = [...new Set(globs.map(fixedFolderOf))];
  const root = commonFolder(folders);
  const all: PlacedPin[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    const walked = await walkFolder(sources.repository, commit, folder);
    if ("unknown" in walked) return walked;
    for (const { path, file, id } of walked.files) {
      if (seen.has(path) || !patterns.some((pattern) => pattern.matches(path))) continue;
      seen.add(path);
      const pins = await pinsOf(sources, file, id);
      if ("unknown" in pins) return pins;
      const inside = root === "" ? path : path.slice(root.length + 1);
      const deployment = inside.includes("/") ? inside.slice(0, inside.indexOf("/")) : "";
      for (const pin of pins.value) all.push({ ...pin, deployment });
      if (all.length > mostPins) return { unknown: `more than ${mostPins} images are pinned` };
    }
  }
  return { value: all };
}

async function pinsOf(sources: HistorySources, file: string, id: string): Promise<Known<readonly PlacedPin[]>> {
  const key = `${sources.component.name} ${file} ${id}`;
  const before = sources.memory.pins.get(key);
  if (before) return before;
  const text = await sources.repository.readBlob(id);
  if (text === undefined) return { unknown: `${file} is larger than 1 MiB` };
  const read = readPins(file, text);
  const ownerOf = await sources.owners();
  return remember(
    sources.memory.pins,
    key,
    read.ok
      ? { value: read.value.map((pin) => ({ ...pin, deployment: "", owner: ownerOf(pin) })) }
      : { unknown: describeFault(read.error) },
  );
}

function commonFolder(folders: readonly string[]): string {
  const [first = "", ...rest] = folders.map((folder) => folder.split("/"));
  const shared = [...first].findIndex((segment, place) => rest.some((other) => other[place] !== segment));
  return (shared < 0 ? [...first] : [...first].slice(0, shared)).join("/");
}
