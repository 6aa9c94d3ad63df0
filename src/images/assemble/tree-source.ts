import { err, fault, ok, type Result } from "../../core/index.ts";
import { type CopyEntry, type CopySource, globbed } from "../context/copy-source.ts";
import { compareBytes, isGlob } from "../context/globs.ts";
import { type ImageTree, locate, type TreeNode } from "./image-tree.ts";

const mostEntries = 200_000;

/** An image's files as a source of COPY --from; modes and owners stay as they are unless the COPY gives others. */
export function treeSource(tree: ImageTree, name: string): CopySource {
  function missing(source: string): Result<never> {
    const hint = tree.complete ? undefined : `some layers of ${name} cannot be read here, so it may be in one of those`;
    return err(fault("bad-input", `${source} is not in ${name}`, { hint }));
  }

  function namesIn(folder: string): readonly string[] {
    const node = locate(tree, folder)?.node;
    return node?.kind === "folder" ? [...node.children.keys()] : [];
  }

  return {
    find: async (source) => {
      if (!isGlob(source)) return locate(tree, source)?.node ? ok([source]) : missing(source);
      const found = await globbed(source, mostEntries, async (folder) => namesIn(folder));
      const there = found?.filter((path) => locate(tree, path)?.node !== undefined);
      return there && there.length > 0 ? ok(there) : missing(source);
    },
    entryAt: async (path) => {
      const found = locate(tree, path);
      return found?.node ? ok(entryOf(found.path, found.node)) : missing(path);
    },
    below: async (path) => {
      const entries: CopyEntry[] = [];
      const walk = (folder: string, node: TreeNode): void => {
        if (node.kind !== "folder" || entries.length > mostEntries) return;
        for (const [child, inner] of [...node.children].sort(([a], [b]) => compareBytes(a, b))) {
          const at = folder === "" ? child : `${folder}/${child}`;
          entries.push(entryOf(at, inner));
          walk(at, inner);
        }
      };
      const top = locate(tree, path);
      if (top?.node) walk(top.path, top.node);
      return entries.length > mostEntries
        ? err(fault("limit", `${path} holds more than ${mostEntries} files`))
        : ok(entries);
    },
  };
}

function entryOf(path: string, node: TreeNode): CopyEntry {
  if (node.kind === "link") return { kind: "link", path, target: node.target, owner: node };
  const { mode } = node;
  if (node.kind === "folder") return { kind: "folder", path, mode, owner: node };
  return { kind: "file", path, size: node.size, mode, open: node.open, owner: node };
}
