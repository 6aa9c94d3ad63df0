import { err, fault, ok, type Result } from "../../core/index.ts";
import type { LayerEntry } from "../layers/read-layer.ts";

export interface TreeFile {
  readonly kind: "file";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly open: () => Promise<Result<AsyncIterable<Uint8Array>>>;
}
export interface TreeLink {
  readonly kind: "link";
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
}
export interface TreeFolder {
  readonly kind: "folder";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly children: Map<string, TreeNode>;
}
export type TreeNode = TreeFile | TreeLink | TreeFolder;

/** The file system that an image's layers make together. */
export interface ImageTree {
  readonly root: TreeFolder;
  /** Windows. */
  readonly ignoreCase: boolean;
  /** False where a layer could not be read: what is absent here may be in the image. */
  readonly complete: boolean;
}

export interface Located {
  /** With links followed; no leading slash. */
  readonly path: string;
  /** `undefined`: nothing is there, but something could be. */
  readonly node: TreeNode | undefined;
}

const mostLinks = 40;

export function emptyFolder(mode = 0o755, uid = 0, gid = 0): TreeFolder {
  return { kind: "folder", mode, uid, gid, children: new Map() };
}

export function emptyTree(ignoreCase: boolean): ImageTree {
  return { root: emptyFolder(), ignoreCase, complete: true };
}

export function copyOfTree(tree: ImageTree): ImageTree {
  return { ...tree, root: copyOfFolder(tree.root) };
}

function copyOfFolder(folder: TreeFolder): TreeFolder {
  const children = [...folder.children].map(([name, node]): [string, TreeNode] => [
    name,
    node.kind === "folder" ? copyOfFolder(node) : node,
  ]);
  return { ...folder, children: new Map(children) };
}

/** Follows links inside the image. `undefined`: a file stands where a folder is needed, or links go in circles. */
export function locate(tree: ImageTree, path: string, followLast = true): Located | undefined {
  const pending = namesOf(path);
  let done: { readonly name: string; readonly node: TreeNode | undefined }[] = [];
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    if (name === "..") {
      done.pop();
      continue;
    }
    const last = done.at(-1);
    const parent = last ? last.node : tree.root;
    if (parent !== undefined && parent.kind !== "folder") return undefined;
    const found = parent && childOf(parent, name, tree.ignoreCase);
    if (found?.node.kind === "link" && (pending.length > 0 || followLast)) {
      if (++links > mostLinks) return undefined;
      if (found.node.target.startsWith("/")) done = [];
      pending.unshift(...namesOf(found.node.target));
      continue;
    }
    done.push(found ?? { name, node: undefined });
  }
  const last = done.at(-1);
  return { path: done.map((each) => each.name).join("/"), node: last ? last.node : tree.root };
}

function childOf(folder: TreeFolder, name: string, ignoreCase: boolean) {
  const exact = folder.children.get(name);
  if (exact) return { name, node: exact };
  if (!ignoreCase) return undefined;
  const wanted = name.toLowerCase();
  for (const [other, node] of folder.children) if (other.toLowerCase() === wanted) return { name: other, node };
  return undefined;
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** Puts a node at a located path; a folder over a folder keeps what is in it. Missing parents are root's, 0755. */
export function putNode(tree: ImageTree, path: string, node: TreeNode): void {
  const names = namesOf(path);
  const last = names.pop();
  if (last === undefined) return;
  let folder = tree.root;
  for (const name of names) {
    const next = folder.children.get(name);
    const inner = next?.kind === "folder" ? next : emptyFolder();
    if (inner !== next) folder.children.set(name, inner);
    folder = inner;
  }
  const before = folder.children.get(last);
  const kept = node.kind === "folder" && before?.kind === "folder" ? { ...node, children: before.children } : node;
  folder.children.set(last, kept);
}

/** OCI image-spec, layer.md: `.wh.NAME` takes NAME away, `.wh..wh..opq` all that lower layers have in the folder. */
export function applyLayer(
  tree: ImageTree,
  entries: readonly LayerEntry[],
  open: (entry: LayerEntry) => TreeFile["open"],
): Result<void> {
  const split = entries.map((entry) => {
    const slash = entry.path.lastIndexOf("/");
    return { entry, folder: entry.path.slice(0, Math.max(slash, 0)), name: entry.path.slice(slash + 1) };
  });
  for (const { folder, name } of split) {
    if (!name.startsWith(".wh.")) continue;
    const parent = locate(tree, folder)?.node;
    if (parent?.kind !== "folder") continue;
    if (name === ".wh..wh..opq") parent.children.clear();
    else parent.children.delete(name.slice(4));
  }
  for (const { entry, folder, name } of split) {
    if (name === "" || name.startsWith(".wh.") || entry.kind === "special") continue;
    const parent = locate(tree, folder);
    if (!parent || (parent.node !== undefined && parent.node.kind !== "folder"))
      return err(fault("corrupt", `the base has ${entry.path.slice(0, 200)} below something that is no folder`));
    const { mode, uid, gid, size, target } = entry;
    const path = parent.path === "" ? name : `${parent.path}/${name}`;
    if (entry.kind === "folder") putNode(tree, path, emptyFolder(mode, uid, gid));
    else if (entry.kind === "link") putNode(tree, path, { kind: "link", target, uid, gid });
    else if (entry.kind === "file") putNode(tree, path, { kind: "file", mode, uid, gid, size, open: open(entry) });
    else {
      const same = locate(tree, target, false)?.node;
      if (same?.kind === "file") putNode(tree, path, same);
    }
  }
  return ok(undefined);
}
