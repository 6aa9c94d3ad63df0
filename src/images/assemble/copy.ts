import { posix } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { BuildContext, ContextEntry } from "../context/context.ts";
import { type Instruction, jsonForm, words } from "../dockerfile/instructions.ts";
import { numericOwner, type TarEntry } from "../layers/tar.ts";

/** What is known of the image's file system so far: paths without a leading slash. */
export type KnownPaths = Map<string, "file" | "folder" | "link">;

/** Docker: COPY. Answers the members of its layer, parents first, in the order of their bytes. */
export async function copyEntries(
  context: BuildContext,
  instruction: Instruction,
  rest: string,
  workingDir: string,
  known: KnownPaths,
): Promise<Result<readonly TarEntry[]>> {
  const { flags } = instruction;
  const unknown = Object.keys(flags).find((flag) => !["chown", "chmod", "link"].includes(flag));
  if (flags["from"] !== undefined)
    return err(
      fault("bad-input", "COPY --from is not carried out by the built-in assembler", {
        hint: "build the file in the `build` script and COPY it from the context",
      }),
    );
  if (unknown !== undefined) return err(fault("bad-input", `COPY --${unknown} is not known`));
  const parts = jsonForm(rest) ?? words(rest);
  const destination = parts.at(-1);
  const sources = parts.slice(0, -1);
  if (destination === undefined || sources.length === 0)
    return err(fault("bad-input", "COPY needs a source and a destination"));
  const owner = flags["chown"] === undefined ? ok({ uid: 0, gid: 0 }) : numericOwner(flags["chown"]);
  if (!owner.ok) return owner;
  const mode = modeOf(flags["chmod"]);
  if (!mode.ok) return mode;

  const target = posix.resolve("/", workingDir, destination).slice(1);
  const found: { path: string; entry: ContextEntry }[] = [];
  for (const source of sources) {
    const paths = await context.find(source);
    if (!paths.ok) return paths;
    for (const path of paths.value) {
      const entry = await context.entryAt(path);
      if (!entry.ok) return entry;
      found.push({ path, entry: entry.value });
    }
  }
  const intoFolder = /(^|\/)\.?\.?$/.test(destination) || target === "" || known.get(target) === "folder";
  if (found.length > 1 && !intoFolder)
    return err(fault("bad-input", "several sources are copied, so the destination must end with /"));

  const members = new Map<string, TarEntry>();
  const put = (path: string, entry: ContextEntry) => {
    const file = entry.kind === "file";
    const usual = entry.kind === "link" ? 0o777 : entry.kind === "folder" || (file && entry.executable) ? 0o755 : 0o644;
    members.set(path, {
      path: entry.kind === "folder" ? `${path}/` : path,
      kind: entry.kind,
      mode: entry.kind === "link" ? usual : (mode.value ?? usual),
      ...owner.value,
      size: file ? entry.size : 0,
      target: entry.kind === "link" ? entry.target : "",
      open: () => context.read(entry.path),
    });
  };
  for (const { path, entry } of found) {
    if (entry.kind !== "folder") {
      put(intoFolder ? posix.join(target, posix.basename(path)) : target, entry);
      continue;
    }
    const all = await context.below(entry.path);
    if (!all.ok) return all;
    if (target !== "") put(target, { kind: "folder", path: entry.path });
    for (const inner of all.value) {
      const relative = entry.path === "" ? inner.path : inner.path.slice(entry.path.length + 1);
      put(posix.join(target, relative), inner);
    }
  }
  addParents(members, known, owner.value);
  for (const [path, member] of members) known.set(path, member.kind);
  return ok([...members.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))));
}

/** Folders that nobody has made yet stand before what is in them. */
function addParents(members: Map<string, TarEntry>, known: KnownPaths, owner: { uid: number; gid: number }): void {
  for (const path of [...members.keys()]) {
    const names = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (members.has(folder) || known.has(folder)) continue;
      members.set(folder, {
        path: `${folder}/`,
        kind: "folder",
        mode: 0o755,
        ...owner,
        size: 0,
        target: "",
        open: async () => err(fault("failed", "a folder has no bytes")),
      });
    }
  }
}

function modeOf(text: string | undefined): Result<number | undefined> {
  if (text === undefined) return ok(undefined);
  if (!/^0?[0-7]{3,4}$/.test(text)) return err(fault("bad-input", `--chmod=${text} is no octal mode`));
  return ok(Number.parseInt(text, 8));
}
