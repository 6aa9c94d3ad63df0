import type { Fault, Result } from "../core/index.ts";
import type { PullRef, Refs } from "../jobs/index.ts";
import type { CommitGraph } from "./commit-graph.ts";
import type { TreeEntry } from "./object-reader.ts";

/** A full object id, 40 lower-case hex digits. */
export type ObjectId = string;

export interface RefValue {
  /** Full name: `refs/heads/main`. */
  readonly name: string;
  readonly object: ObjectId;
  /** Where `object` is an annotated tag that leads to a commit: that commit. Equal to `object` for a commit. */
  readonly commit: ObjectId | undefined;
}

/** What `git subtree pull --squash` wrote down: the folder is a copy of the tree of `split`. */
export interface SubtreeRecord {
  readonly folder: string;
  /** Commit of the component that is copied. */
  readonly split: ObjectId;
  /** Commit of this history that says so. */
  readonly squash: ObjectId;
}

/** One step of a branch, along first parents. */
export interface LandedCommit {
  readonly commit: ObjectId;
  /** Its subject; of a merge that a forge made, the title of what was merged. */
  readonly subject: string;
  readonly committedAt: number;
  readonly patch: string | undefined;
  /** Commits that it says it was picked from (`git cherry-pick -x`), its merged side included. */
  readonly pickedFrom: readonly ObjectId[];
}

export interface FolderEntry {
  readonly name: string;
  /** `other`: a link or a submodule. */
  readonly kind: "file" | "folder" | "other";
  readonly id: ObjectId;
}

/** One bare repository of a component under `<home>/git/<component>.git`: hosted by the local forge, mirror of any other. */
export interface Repository {
  readonly component: string;
  /** Absolute path; only `src/git` runs git in it. */
  readonly directory: string;
  /** Heads, tags and `refs/pull/*` with their values. */
  refs(): Promise<readonly RefValue[]>;
  /** Full ref name or id -> commit id; `undefined` when there is none. */
  commitOf(name: string): Promise<ObjectId | undefined>;
  treeOf(commit: ObjectId): Promise<ObjectId>;
  /** Tree of a folder of a commit; `undefined` when there is none. */
  folderOf(commit: ObjectId, folder: string): Promise<ObjectId | undefined>;
  /** The pulls of folders that are copied by git subtree, newest first. */
  subtrees(commit: ObjectId): Promise<Result<readonly SubtreeRecord[]>>;
  /** The tree of a commit with a folder replaced by a tree, which is copied from another repository. Moves no ref. */
  withFolder(commit: ObjectId, folder: string, tree: ObjectId, from: Repository): Promise<Result<ObjectId>>;
  /** How many merges `to` has along first parents that `from` has not. */
  mergesBetween(from: ObjectId, to: ObjectId): Promise<number>;
  /** HEAD's branch, without `refs/heads/`; `undefined` in an empty repository. */
  defaultBranch(): Promise<string | undefined>;
  /** A file of a commit as text, at most `limit` bytes (default 1 MiB); `undefined` when absent or not a regular file. */
  readFile(commit: ObjectId, path: string, limit?: number): Promise<string | undefined>;
  /** A folder of a commit (`""` is its root); `undefined` when there is no such folder. */
  entries(commit: ObjectId, folder: string): Promise<readonly TreeEntry[] | undefined>;
  /** A blob as text, at most `limit` bytes (default 1 MiB); `undefined` when absent, larger, or no blob. */
  readBlob(id: ObjectId, limit?: number): Promise<string | undefined>;
  /** Every commit of branches and tags; kept while no ref moves. `undefined` above 200,000 commits. */
  history(): Promise<CommitGraph | undefined>;
  /** The tree of a commit with other contents in some of its regular files. Moves no ref, touches no work tree. */
  treeWith(commit: ObjectId, files: ReadonlyMap<string, string>): Promise<ObjectId>;
  /** The tree of a commit with a stranger's patch on it, in files that a glob matches; fault `refused`. Moves no ref. */
  treePatched(commit: ObjectId, patch: string, globs: readonly string[]): Promise<Result<ObjectId>>;
  /** The same, as it stands in the repository. */
  readBytes(commit: ObjectId, path: string, limit: number): Promise<Uint8Array | undefined>;
  /** Paths of regular files of a commit below `prefix`, bounded by 200,000. */
  listFiles(commit: ObjectId, prefix?: string): Promise<readonly string[]>;
  /** What stands directly in a folder of a commit (empty: at its top), by name; `undefined` where there is no such folder. */
  listFolder(commit: ObjectId, path: string): Promise<readonly FolderEntry[] | undefined>;
  /** Paths that differ between two commits (renames: the new name; removed files included), bounded. */
  changedFiles(from: ObjectId, to: ObjectId): Promise<readonly string[]>;
  /**
   * Has the commit at most so many files? Asked before anything walks a tree of a stranger: a few kB can hold a billion
   * files, which git compares in memory.
   */
  hasAtMost(commit: ObjectId, files: number): Promise<boolean>;
  isAncestor(ancestor: ObjectId, descendant: ObjectId): Promise<boolean>;
  mergeBase(a: ObjectId, b: ObjectId): Promise<ObjectId | undefined>;
  /** Branches that contain the commit, whether it is their head, and by how many commits they are ahead of it. */
  branchesContaining(
    commit: ObjectId,
  ): Promise<readonly { readonly branch: string; readonly isHead: boolean; readonly ahead: number }[]>;
  commitCount(commit: ObjectId): Promise<number>;
  /** How many commits `to` has that `from` has not. */
  countBetween(from: ObjectId, to: ObjectId): Promise<number>;
  /** Subject, author name and committer time (ms) of a commit. */
  describeCommit(commit: ObjectId): Promise<{
    readonly subject: string;
    readonly author: string;
    readonly committedAt: number;
    readonly parents: readonly ObjectId[];
  }>;
  /** A merge without a work tree; a conflict names its files. Identity and dates as Prow's checkout has them. */
  tentativeMerge(
    base: ObjectId,
    baseRef: string,
    heads: readonly ObjectId[],
  ): Promise<Result<{ commit: ObjectId; tree: ObjectId }, Fault & { readonly conflicts?: readonly string[] }>>;
  /** The tree that has the difference `from` -> `to` on top of `onto`; a conflict names its files. Moves no ref. */
  pick(input: {
    readonly onto: ObjectId;
    readonly from: ObjectId;
    readonly to: ObjectId;
  }): Promise<Result<ObjectId, Fault & { readonly conflicts?: readonly string[] }>>;
  /**
   * What landed on `to` since it left `from`, along first parents, newest first, at most `limit`: each with the patch id
   * of its difference from its first parent, vendored files left out (`undefined` for one without a difference). Fault
   * `limit` when the differences are too large to be compared.
   */
  landed(from: ObjectId, to: ObjectId, limit: number): Promise<Result<readonly LandedCommit[]>>;
  /** A commit object with the given tree and parents, for landing a tested change. Moves no ref. */
  commitTree(input: {
    readonly tree: ObjectId;
    readonly parents: readonly ObjectId[];
    readonly message: string;
    readonly author: { readonly name: string; readonly email: string };
    readonly at: number;
  }): Promise<ObjectId>;
  /** Annotated tag object; moves no ref. */
  makeTag(input: {
    readonly name: string;
    readonly commit: ObjectId;
    readonly message: string;
    readonly tagger: { readonly name: string; readonly email: string };
    readonly at: number;
  }): Promise<ObjectId>;
  /** Who of the listed signed the tag object, which has to be called so; `undefined`: nobody. */
  tagSigner(
    object: ObjectId,
    name: string,
    signers: Readonly<Record<string, readonly string[]>>,
  ): Promise<string | undefined>;
  /** Compare-and-swap; all zeros for "absent" on either side. `conflict` when the ref is not at `before`. */
  updateRef(name: string, before: ObjectId, after: ObjectId): Promise<Result<void>>;
}

/** One command of a checkout, as Prow's clone records keep it. */
export interface CloneCommand {
  readonly command: string;
  readonly output: string;
  readonly error: string;
  /** Nanoseconds, as Prow writes them. */
  readonly duration: number;
}

export interface CloneRecord {
  readonly refs: Refs;
  readonly commands: readonly CloneCommand[];
  readonly failed: boolean;
  readonly finalSha: ObjectId | undefined;
}

export interface CheckoutRequest {
  readonly repository: Repository;
  /** Absolute directory of the clone; its parent exists, itself not. */
  readonly directory: string;
  readonly baseRef: string;
  readonly baseSha: ObjectId;
  readonly pulls: readonly PullRef[];
  readonly refs: Refs;
  /** Bounds counted before anything is written (a few kB of git can hold a billion files). */
  readonly limits: { readonly files: number; readonly bytes: number };
  /** Where the repository is read from, for submodules with relative addresses; `undefined`: submodules are left out. */
  readonly submodulesOf: string | undefined;
  /** Finds the repository of a submodule, with its commit in it. */
  readonly moduleRepository: (url: string, commit: string) => Promise<Result<Repository>>;
}

/** Everything one run works in: its primary repository, if it has one, and its extra refs. */
export interface JobCheckoutRequest {
  /** GOPATH on the host; every repository goes below its `src`. */
  readonly root: string;
  /** The primary refs first. */
  readonly refs: readonly Refs[];
  /** The component whose repository the refs name; `undefined`: it is read from its address. */
  readonly componentOf: (refs: Refs) => { readonly name: string; readonly url: string } | undefined;
  readonly limits: { readonly files: number; readonly bytes: number };
}

export interface JobCheckout {
  /** In the order of the refs. */
  readonly trees: readonly (CheckedOut & {
    readonly refs: Refs;
    readonly repository: Repository;
    readonly directory: string;
  })[];
  /** Object folders that the trees borrow from: to be mounted at the same path, read-only. */
  readonly lent: readonly string[];
  /** One for each of the refs. */
  readonly records: readonly CloneRecord[];
}

export type JobCheckoutFault = Fault & {
  readonly records: readonly CloneRecord[];
  readonly conflicts?: readonly string[] | undefined;
};

export interface CheckedOut {
  readonly finalSha: ObjectId;
  readonly tree: ObjectId;
  readonly record: CloneRecord;
  /** Object folders that the tree borrows from, those of submodules included. */
  readonly lent: readonly string[];
}

export type CheckoutFault = Fault & {
  readonly record: CloneRecord;
  readonly conflicts?: readonly string[] | undefined;
};

export interface Git {
  /** Opens `<home>/git/<component>.git`, creating it (bare, hardened configuration) when absent. */
  open(component: string): Promise<Repository>;
  /**
   * Reads heads and tags from `url` once (or again, adding what is new; never forced over local branches). Progress is
   * told in lines. Faults: `unavailable` (unreachable), `bad-input` (no repository there, URL not allowed).
   */
  adopt(
    repository: Repository,
    url: string,
    progress: (line: string) => void,
  ): Promise<Result<{ branches: number; tags: number; commits: number; defaultBranch: string | undefined }>>;
  /** The checkout contract (Prow 4.1): bit-identical merge commits, local branch named for the base, no remote, all tags. */
  checkout(request: CheckoutRequest): Promise<Result<CheckedOut, CheckoutFault>>;
  /** All repositories of a run, at once. Two on one path, or a path that leads out of `src`, are `bad-input`. */
  checkoutJob(request: JobCheckoutRequest): Promise<Result<JobCheckout, JobCheckoutFault>>;
  /** Removes what a dead process left: `*.lock`, `tmp_*`, `incoming-*`. Called once at start. */
  sweep(): Promise<void>;
}
