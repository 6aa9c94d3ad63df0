import { type Clock, createSerial, err, fault, must, ok } from "../core/index.ts";
import { changedTree } from "./changed-tree.ts";
import { type CommitGraph, readCommitGraph } from "./commit-graph.ts";
import { landedBetween } from "./landed.ts";
import { commitTree, mergeTrees, pickTree, tentativeCommit } from "./merging.ts";
import type { ObjectId, RefValue, Repository } from "./model.ts";
import { ObjectReader, parseCommit, parseTree, type TreeEntry } from "./object-reader.ts";
import { patchedTree } from "./patched-tree.ts";
import { gitText, runGit } from "./run-git.ts";
import { copyTree, replaceFolder, subtreesOf } from "./subtree.ts";
import { tagSigner } from "./tag-signer.ts";
import { measureTree } from "./tree-size.ts";

export interface HostedRepository extends Repository {
  /** Refs were moved by somebody else (a fetch): what is remembered of them is forgotten. */
  forget(): void;
  close(): void;
}

const absent = "0".repeat(40);
const mostFiles = 200_000;
const mostTrees = 4000;
const mostKeptEntries = 2000;

/** A bare repository of ours. Its refs move only through `updateRef` and adoption, so they are read once and kept. */
export function openRepository(component: string, directory: string, clock: Clock): HostedRepository {
  const call = { gitDir: directory };
  const objects = new ObjectReader(directory, clock);
  const serial = createSerial();
  const trees = new Map<string, readonly TreeEntry[]>();
  let known: Promise<readonly RefValue[]> | undefined;
  let graph: Promise<CommitGraph | undefined> | undefined;

  function forget(): void {
    known = undefined;
    graph = undefined;
  }

  async function readRefs(): Promise<readonly RefValue[]> {
    const format = "%(objectname) %(objecttype) %(*objectname) %(*objecttype) %(refname)";
    const text = must(
      await gitText(["for-each-ref", `--format=${format}`, "refs/heads", "refs/tags", "refs/pull"], call),
    );
    const refs: RefValue[] = [];
    for (const line of text.split("\n")) {
      const [object = "", type = "", peeled = "", peeledType = "", ...rest] = line.split(" ");
      if (object === "") continue;
      const name = rest.join(" ");
      refs.push({
        name,
        object,
        commit: type === "commit" ? object : peeledType === "commit" ? peeled : await commitOf(object),
      });
    }
    return refs;
  }

  async function commitOf(name: string): Promise<ObjectId | undefined> {
    const found = await objects.read(`${name}^{commit}`);
    return found?.type === "commit" ? found.id : undefined;
  }

  async function readCommit(commit: string) {
    const found = await objects.read(`${commit}^{commit}`);
    if (!found) throw new Error(`${component}: there is no commit ${commit}`);
    return parseCommit(found.content);
  }

  /** Trees never change, and neighbouring commits share most of theirs. */
  async function readTree(id: string): Promise<readonly TreeEntry[]> {
    const before = trees.get(id);
    if (before) return before;
    const object = await objects.read(id);
    const entries = object?.type === "tree" ? parseTree(object.content) : [];
    if (trees.size >= mostTrees) trees.clear();
    if (entries.length <= mostKeptEntries) trees.set(id, entries);
    return entries;
  }

  async function entryAt(commit: string, path: string): Promise<TreeEntry | undefined> {
    let tree = (await readCommit(commit)).tree;
    const segments = path.split("/");
    for (const [index, segment] of segments.entries()) {
      const entry = (await readTree(tree)).find((candidate) => candidate.name === segment);
      if (!entry) return undefined;
      if (index === segments.length - 1) return entry;
      if (entry.mode !== "40000") return undefined;
      tree = entry.id;
    }
    return undefined;
  }

  async function bytesAt(commit: string, path: string, limit: number): Promise<Buffer | undefined> {
    const entry = await entryAt(commit, path);
    if (!entry || (entry.mode !== "100644" && entry.mode !== "100755" && entry.mode !== "100664")) return undefined;
    const blob = await objects.read(entry.id);
    return blob && blob.content.length <= limit ? blob.content : undefined;
  }

  async function listNames(args: readonly string[]): Promise<readonly string[]> {
    const text = must(await gitText(args, { ...call, maxOutput: 128 * 1024 * 1024 }));
    return text
      .split("\0")
      .filter((name) => name !== "")
      .slice(0, mostFiles);
  }

  async function count(args: readonly string[]): Promise<number> {
    return Number(must(await gitText(["rev-list", "--count", ...args], call)).trim());
  }

  const repository: HostedRepository = {
    component,
    directory,
    refs: () => {
      known ??= readRefs();
      return known;
    },
    forget,
    close: () => objects.close(),
    commitOf,
    treeOf: async (commit) => (await readCommit(commit)).tree,
    folderOf: async (commit, folder) => {
      const entry = await entryAt(commit, folder);
      return entry?.mode === "40000" ? entry.id : undefined;
    },
    subtrees: (commit) => subtreesOf(call, commit),
    withFolder: async (commit, folder, tree, from) => {
      const copied = await copyTree({ gitDir: from.directory }, call, tree);
      return copied.ok ? await replaceFolder(call, objects, await repository.treeOf(commit), folder, tree) : copied;
    },
    mergesBetween: (from, to) => count(["--merges", "--first-parent", `${from}..${to}`]),
    defaultBranch: async () => {
      const head = await gitText(["symbolic-ref", "HEAD"], call);
      const name = head.ok ? head.value.trim() : "";
      const branches = (await repository.refs()).filter((ref) => ref.name.startsWith("refs/heads/"));
      return branches.some((ref) => ref.name === name) ? name.slice("refs/heads/".length) : undefined;
    },
    readFile: async (commit, path, limit = 1024 * 1024) => (await bytesAt(commit, path, limit))?.toString("utf8"),
    readBytes: bytesAt,
    listFolder: async (commit, path) => {
      const entry = path === "" ? undefined : await entryAt(commit, path);
      if (path !== "" && entry?.mode !== "40000") return undefined;
      const tree = await objects.read(entry?.id ?? (await readCommit(commit)).tree);
      if (!tree) return undefined;
      return parseTree(tree.content).map(({ name, mode, id }) => ({
        name,
        kind: mode === "40000" ? "folder" : mode.startsWith("100") ? "file" : "other",
        id,
      }));
    },
    entries: async (commit, folder) => {
      if (folder === "") return await readTree((await readCommit(commit)).tree);
      const entry = await entryAt(commit, folder);
      return entry?.mode === "40000" ? await readTree(entry.id) : undefined;
    },
    readBlob: async (id, limit = 1024 * 1024) => {
      const blob = await objects.read(id);
      return blob?.type === "blob" && blob.content.length <= limit ? blob.content.toString("utf8") : undefined;
    },
    history: () => {
      graph ??= readCommitGraph(directory);
      return graph;
    },
    treePatched: (commit, patch, globs) => patchedTree(directory, commit, patch, globs),
    treeWith: (commit, files) => changedTree(directory, commit, files, entryAt),
    listFiles: async (commit, prefix = "") => {
      const paths = prefix === "" ? [] : ["--", prefix.endsWith("/") ? prefix : `${prefix}/`];
      return await listNames(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, ...paths]);
    },
    changedFiles: (from, to) => listNames(["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to]),
    hasAtMost: async (commit, files) =>
      (await measureTree(directory, commit, { files, bytes: Number.POSITIVE_INFINITY })).ok,
    isAncestor: async (ancestor, descendant) => {
      const answer = must(await runGit(["merge-base", "--is-ancestor", ancestor, descendant], call));
      return answer.code === 0;
    },
    mergeBase: async (a, b) => {
      const answer = must(await runGit(["merge-base", a, b], call));
      return answer.code === 0 ? answer.stdout.toString("utf8").trim() : undefined;
    },
    branchesContaining: async (commit) => {
      const text = must(
        await gitText(
          ["for-each-ref", `--contains=${commit}`, "--format=%(objectname) %(refname)", "refs/heads"],
          call,
        ),
      );
      const found = [];
      for (const line of text
        .split("\n")
        .filter((each) => each !== "")
        .slice(0, 200)) {
        const head = line.slice(0, 40);
        const branch = line.slice(41 + "refs/heads/".length);
        found.push({
          branch,
          isHead: head === commit,
          ahead: head === commit ? 0 : await count([`${commit}..${head}`]),
        });
      }
      return found;
    },
    commitCount: (commit) => count([commit]),
    countBetween: (from, to) => count([`${from}..${to}`]),
    describeCommit: async (commit) => {
      const { subject, author, committedAt, parents } = await readCommit(commit);
      return { subject, author, committedAt, parents };
    },
    tentativeMerge: async (base, baseRef, heads) => {
      let current = base;
      const time = (await readCommit(base)).committedAt / 1000;
      for (const [index, head] of heads.entries()) {
        if (await repository.isAncestor(head, current)) continue;
        const tree = await mergeTrees(call, current, head);
        if (!tree.ok) return tree;
        const commit = await tentativeCommit(call, {
          tree: tree.value,
          ours: current,
          theirs: head,
          branch: baseRef,
          seconds: time + index + 1,
        });
        if (!commit.ok) return commit;
        current = commit.value;
      }
      return ok({ commit: current, tree: (await readCommit(current)).tree });
    },
    pick: (input) => pickTree(call, input),
    landed: (from, to, limit) => landedBetween(call, from, to, limit),
    commitTree: async (input) =>
      must(
        await commitTree(call, {
          tree: input.tree,
          parents: input.parents,
          message: input.message,
          name: input.author.name,
          email: input.author.email,
          seconds: Math.floor(input.at / 1000),
        }),
      ),
    makeTag: async (input) => {
      const tagger = `${input.tagger.name.replace(/[<>\n]/g, "")} <${input.tagger.email.replace(/[<>\n]/g, "")}> ${Math.floor(input.at / 1000)} +0000`;
      const text = `object ${input.commit}\ntype commit\ntag ${input.name}\ntagger ${tagger}\n\n${input.message}\n`;
      return must(await gitText(["mktag"], { ...call, input: text })).trim();
    },
    tagSigner: (object, name, signers) => tagSigner(directory, object, name, signers),
    updateRef: (name, before, after) =>
      serial("refs", async () => {
        const command =
          after === absent
            ? `delete ${name}\0${before}\0`
            : before === absent
              ? `create ${name}\0${after}\0`
              : `update ${name}\0${after}\0${before}\0`;
        const answer = await runGit(["update-ref", "-z", "--stdin"], { ...call, input: command });
        forget();
        if (!answer.ok) return answer;
        if (answer.value.code === 0) return ok(undefined);
        return err(
          fault(
            "conflict",
            `${name} is not at ${before.slice(0, 7)} any more, or cannot be made: ${answer.value.stderr.trim().slice(0, 300)}`,
          ),
        );
      }),
  };
  return repository;
}
