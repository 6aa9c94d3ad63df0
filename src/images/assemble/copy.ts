import { posix } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { CopyEntry, CopySource } from "../context/copy-source.ts";
import { compareBytes } from "../context/globs.ts";
import { type Instruction, placeOf } from "../dockerfile/instructions.ts";
import { type Lookup, substitute } from "../dockerfile/substitute.ts";
import { jsonForm, spacedWords, type Word } from "../dockerfile/words.ts";
import type { TarEntry } from "../layers/tar.ts";
import { isRemote, unpackedByAdd } from "./add.ts";
import { emptyFolder, type ImageTree, locate, putNode } from "./image-tree.ts";
import { type Owner, ownerOf } from "./owner.ts";

/** A path of the image as its tar names it: no drive letter, forward slashes, no leading slash. */
export function imagePath(workingDir: string, path: string, windows: boolean): string {
  const plain = (text: string) => (windows ? text.replaceAll("\\", "/").replace(/^[A-Za-z]:/, "") : text);
  return posix.resolve("/", plain(workingDir), plain(path)).slice(1);
}

const root: Owner = { uid: 0, gid: 0 };

export interface Copying {
  readonly instruction: Instruction;
  readonly source: CopySource;
  readonly workingDir: string;
  readonly tree: ImageTree;
  readonly lookup: Lookup;
  readonly windows: boolean;
}

/** Docker: COPY. Puts it into the tree and answers the members of its layer, parents first, in order of their bytes. */
export async function copyEntries(copying: Copying): Promise<Result<readonly TarEntry[]>> {
  const { instruction, source, tree, windows } = copying;
  const words = wordsOf(copying);
  if (!words.ok) return words;
  const destination = words.value.at(-1);
  if (destination === undefined || words.value.length < 2)
    return err(
      fault("bad-input", `${instruction.name} needs a source and a destination`, { place: placeOf(instruction) }),
    );
  const at = (word: Word, error: { code: "bad-input"; message: string; hint?: string | undefined }) =>
    err({ ...error, place: placeOf(instruction, word.at) });
  const options = await optionsOf(copying);
  if (!options.ok) return options;

  const found: { readonly path: string; readonly entry: CopyEntry }[] = [];
  for (const word of words.value.slice(0, -1)) {
    if (instruction.name === "ADD" && isRemote(word.text))
      return at(word, {
        code: "bad-input",
        message: `ADD downloads nothing here: ${word.text.slice(0, 100)}`,
        hint: "fetch it, and check it, in the `build` script and COPY it",
      });
    const paths = await source.find(word.text);
    if (!paths.ok) return err({ ...paths.error, place: placeOf(instruction, word.at) });
    for (const path of paths.value) {
      const entry = await source.entryAt(path);
      if (!entry.ok) return err({ ...entry.error, place: placeOf(instruction, word.at) });
      const unpacked = instruction.name === "ADD" && (await unpackedByAdd(entry.value));
      if (unpacked)
        return at(word, {
          code: "bad-input",
          message: `ADD would unpack ${path}, which the built-in assembler does not`,
          hint: "unpack it in the `build` script and COPY what was in it",
        });
      found.push({ path, entry: entry.value });
    }
  }
  const located = locate(tree, imagePath(copying.workingDir, destination.text, windows));
  if (!located)
    return at(destination, {
      code: "bad-input",
      message: `${destination.text} leads through something that is no folder`,
    });
  const target = located.path;
  const slash = windows ? /(^|[\\/])\.?\.?$/ : /(^|\/)\.?\.?$/;
  const intoFolder = slash.test(destination.text) || target === "" || located.node?.kind === "folder";
  if (found.length > 1 && !intoFolder)
    return at(destination, {
      code: "bad-input",
      message: "several sources are copied, so the destination must end with /",
    });
  if (located.node?.kind === "file" && (intoFolder || found.some(({ entry }) => entry.kind === "folder")))
    return at(destination, { code: "bad-input", message: `${destination.text} is a file in the image, not a folder` });

  const members = new Map<string, TarEntry>();
  const { owner, mode } = options.value;
  for (const { path, entry } of found) {
    if (entry.kind !== "folder") {
      const name = posix.basename(path === "" ? entry.path : path);
      put(members, intoFolder ? posix.join(target, name) : target, entry, owner, mode);
      continue;
    }
    const all = await source.below(entry.path);
    if (!all.ok) return err({ ...all.error, place: all.error.place ?? placeOf(instruction, 0) });
    if (target !== "" && located.node === undefined) put(members, target, { ...entry, mode: 0o755 }, owner, undefined);
    for (const inner of all.value) {
      const relative = entry.path === "" ? inner.path : inner.path.slice(entry.path.length + 1);
      put(members, posix.join(target, relative), inner, owner, mode);
    }
  }
  return ok(settle(tree, members, owner ?? root));
}

/** Folders to be made so that `path` is one; none where it is there already. */
export function folderEntries(tree: ImageTree, path: string, owner: Owner): readonly TarEntry[] {
  const located = locate(tree, path);
  if (!located || located.node !== undefined) return [];
  const members = new Map<string, TarEntry>();
  put(members, located.path, { kind: "folder", path: "", mode: 0o755 }, owner, undefined);
  return settle(tree, members, owner);
}

function wordsOf({ instruction, lookup }: Copying): Result<readonly Word[]> {
  const { rest, escapeMark } = instruction;
  const words = jsonForm(rest)?.map((text) => ({ text, at: 0 })) ?? spacedWords(rest);
  const done: Word[] = [];
  for (const word of words) {
    const text = substitute(word.text, lookup, escapeMark);
    if (!text.ok) return err({ ...text.error, place: placeOf(instruction, word.at) });
    if (text.value === "")
      return err(
        fault("bad-input", `${word.text} is empty`, {
          place: placeOf(instruction, word.at),
          hint: "give the variable a value with ARG or among the build arguments",
        }),
      );
    done.push({ text: text.value, at: word.at });
  }
  return ok(done);
}

async function optionsOf({
  instruction,
  lookup,
  tree,
}: Copying): Promise<Result<{ readonly owner: Owner | undefined; readonly mode: number | undefined }>> {
  let owner: Owner | undefined;
  let mode: number | undefined;
  for (const flag of instruction.flags) {
    const place = placeOf(instruction, flag.at - instruction.restAt);
    const value = substitute(flag.value, lookup, instruction.escapeMark);
    if (!value.ok) return err({ ...value.error, place });
    if (flag.name === "chown") {
      const found = await ownerOf(value.value, tree);
      if (!found.ok) return err({ ...found.error, place });
      owner = found.value;
    }
    if (flag.name !== "chmod") continue;
    if (!/^0?[0-7]{3,4}$/.test(value.value))
      return err(
        fault("bad-input", `--chmod=${value.value.slice(0, 40)} is no octal mode`, {
          place,
          hint: "write it like 0755",
        }),
      );
    mode = Number.parseInt(value.value, 8);
  }
  return ok({ owner, mode });
}

function put(
  members: Map<string, TarEntry>,
  path: string,
  entry: CopyEntry,
  owner: Owner | undefined,
  mode: number | undefined,
): void {
  members.set(path, {
    path: entry.kind === "folder" ? `${path}/` : path,
    kind: entry.kind,
    mode: entry.kind === "link" ? 0o777 : (mode ?? entry.mode),
    uid: (owner ?? entry.owner ?? root).uid,
    gid: (owner ?? entry.owner ?? root).gid,
    size: entry.kind === "file" ? entry.size : 0,
    target: entry.kind === "link" ? entry.target : "",
    open: entry.kind === "file" ? entry.open : noBytes,
  });
}

/**
 * Folders that are in the image keep their owner and mode, and stand in the layer as they are, since some tools lay it
 * down without those below; parents that nobody has made are made. Then all of it is in the tree.
 */
function settle(tree: ImageTree, members: Map<string, TarEntry>, owner: Owner): readonly TarEntry[] {
  for (const path of [...members.keys()]) {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (!members.has(folder)) put(members, folder, { kind: "folder", path: "", mode: 0o755 }, owner, undefined);
    }
  }
  for (const [path, member] of members) {
    const before = locate(tree, path, false)?.node;
    if (member.kind !== "folder" || before?.kind !== "folder") continue;
    const { mode, uid, gid } = before;
    members.set(path, { ...member, mode, uid, gid });
  }
  const sorted = [...members.values()].sort((a, b) => compareBytes(a.path, b.path));
  for (const { path, kind, mode, uid, gid, size, target, open } of sorted) {
    if (kind === "folder") putNode(tree, path, emptyFolder(mode, uid, gid));
    else if (kind === "link") putNode(tree, path, { kind, target, uid, gid });
    else putNode(tree, path, { kind, mode, uid, gid, size, open });
  }
  return sorted;
}

async function noBytes(): Promise<Result<never>> {
  return err(fault("failed", "only files have bytes"));
}
