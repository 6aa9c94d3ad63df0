import type { Result } from "../../core/index.ts";
import { compareBytes, globPattern, isGlob } from "./globs.ts";

/** Something to be put into an image. Paths are relative to the source's root, `/`-separated. */
export type CopyEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly size: number;
      readonly mode: number;
      readonly open: () => Promise<Result<AsyncIterable<Uint8Array>>>;
      readonly owner?: Owner | undefined;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string; readonly owner?: Owner | undefined }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number; readonly owner?: Owner | undefined };

/** Whose a file is in the image that it comes from; what comes from the build context is root's (Docker). */
interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where COPY takes from: the build context, an earlier stage or another image. No link leads out of it. */
export interface CopySource {
  /** Paths that a source means, in the order of their bytes. */
  find(source: string): Promise<Result<readonly string[]>>;
  /** What is at a path, a link of the last name followed. */
  entryAt(path: string): Promise<Result<CopyEntry>>;
  /** Everything below a folder, folders before what is in them, links kept as links. */
  below(path: string): Promise<Result<readonly CopyEntry[]>>;
}

/** Go's `filepath.Glob`: what a pattern matches, name by name. `undefined`: malformed, or more than `most`. */
export async function globbed(
  source: string,
  most: number,
  namesIn: (folder: string) => Promise<readonly string[]>,
): Promise<readonly string[] | undefined> {
  let found: readonly string[] = [""];
  for (const part of source.split("/").filter((name) => name !== "" && name !== ".")) {
    const next: string[] = [];
    const pattern = isGlob(part) ? globPattern(part, false) : undefined;
    if (isGlob(part) && !pattern) return undefined;
    for (const folder of found) {
      const names = pattern ? (await namesIn(folder)).filter((name) => pattern.matches(name)) : [part];
      for (const name of [...names].sort(compareBytes)) next.push(folder === "" ? name : `${folder}/${name}`);
      if (next.length > most) return undefined;
    }
    found = next;
  }
  return found;
}
