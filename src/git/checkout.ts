import { join } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import { pointHead, prepareGitDir } from "./git-dir.ts";
import { mergeTrees, tentativeCommit } from "./merging.ts";
import type { CheckedOut, CheckoutFault, CheckoutRequest, CloneCommand, CloneRecord } from "./model.ts";
import { type GitAnswer, type GitCall, gitFault, runGit } from "./run-git.ts";
import { prepareSubmodule, submodulesOf } from "./submodules.ts";
import { measureTree, type TreeSize } from "./tree-size.ts";

/** Trees measured before, by commit: a base is measured once, not for each of its runs. */
const measured = new Map<string, TreeSize>();
const keptMeasures = 5000;

/**
 * The checkout contract (Prow 4.1) in fewer steps and with the same outcome: HEAD on a local branch named for the base,
 * no remote, all tags, one deterministic merge commit for each pull. Objects are borrowed from the mirror; merged commits
 * are written there, so that later reading needs no git in this folder.
 */
export async function checkout(request: CheckoutRequest): Promise<Result<CheckedOut, CheckoutFault>> {
  const commands: CloneCommand[] = [];
  const failed = (error: Fault & { conflicts?: readonly string[] }): Result<never, CheckoutFault> =>
    err({ ...error, record: recordOf(request, commands, undefined) });

  const bad = badNames(request);
  if (bad) return failed(bad);
  const commits = [request.baseSha, ...request.pulls.map((pull) => pull.sha)];
  const sizes = await Promise.all(commits.map((commit) => sizeOf(request, commit)));
  for (const size of sizes) if (!size.ok) return failed(size.error);
  const base = await sizeOf(request, request.baseSha);
  if (!base.ok) return failed(base.error);
  const gitDir = join(request.directory, ".git");
  await prepareGitDir(gitDir, request.repository, { branch: request.baseRef });
  const sparse = request.refs.sparse_checkout_files ?? [];
  if (sparse.length > 0) {
    const set = await recorded(
      ["sparse-checkout", "set", "--stdin"],
      callIn(request, gitDir),
      commands,
      sparse.join("\n"),
    );
    if (!set.ok) return failed(set.error);
  }
  const merged = await mergePulls(request, gitDir, base.value.attributes, commands);
  if (!merged.ok) return failed(merged.error);
  const { commit, checkedOutBase } = merged.value;
  const final = await sizeOf(request, commit);
  if (!final.ok) return failed(final.error);
  const args = checkedOutBase
    ? ["read-tree", "-m", "-u", request.baseSha, commit]
    : ["read-tree", "-u", "--reset", commit];
  const read = await recorded(args, callIn(request, gitDir), commands);
  if (!read.ok) return failed(read.error);
  const lent = [join(request.repository.directory, "objects")];
  if (final.value.submodules && request.submodulesOf !== undefined && request.refs.skip_submodules !== true) {
    const modules = await checkoutSubmodules(request, {
      gitDir,
      objects: request.repository.directory,
      directory: request.directory,
      commit,
      url: request.submodulesOf,
      depth: 0,
    });
    commands.push(...(modules.ok ? modules.value.commands : []));
    if (!modules.ok) return failed(modules.error);
    lent.push(...modules.value.lent);
  }
  await pointHead(gitDir, request.baseRef, commit);
  const tree = await request.repository.treeOf(commit);
  return ok({ finalSha: commit, tree, record: recordOf(request, commands, commit), lent });
}

async function sizeOf(request: CheckoutRequest, commit: string): Promise<Result<TreeSize>> {
  const known = measured.get(commit);
  if (known && known.files <= request.limits.files && known.bytes <= request.limits.bytes) return ok(known);
  const size = await measureTree(request.repository.directory, commit, request.limits);
  if (!size.ok) return size;
  if (measured.size >= keptMeasures) measured.clear();
  measured.set(commit, size.value);
  return size;
}

async function mergePulls(
  request: CheckoutRequest,
  gitDir: string,
  attributes: boolean,
  commands: CloneCommand[],
): Promise<Result<{ commit: string; checkedOutBase: boolean }, Fault & { conflicts?: readonly string[] }>> {
  const { pulls, repository } = request;
  if (pulls.length === 0) return ok({ commit: request.baseSha, checkedOutBase: false });
  const call = callIn(request, gitDir);
  if (attributes) {
    // Merge drivers are named by the base's own .gitattributes, which git reads from the work tree.
    const read = await recorded(["read-tree", "-u", "--reset", request.baseSha], call, commands);
    if (!read.ok) return read;
  }
  const seconds = (await repository.describeCommit(request.baseSha)).committedAt / 1000;
  let commit = request.baseSha;
  for (const [index, pull] of pulls.entries()) {
    const started = process.hrtime.bigint();
    // Nearly always there is something to merge, so both are asked at once.
    const [contained, tree] = await Promise.all([
      repository.isAncestor(pull.sha, commit),
      mergeTrees(attributes ? call : { gitDir: repository.directory }, commit, pull.sha),
    ]);
    if (contained) {
      commands.push(note(`git merge --no-ff ${pull.sha}`, "Already up to date."));
      continue;
    }
    const merge = `git merge-tree --write-tree ${commit} ${pull.sha}`;
    if (!tree.ok) {
      commands.push({
        command: merge,
        output: (tree.error.conflicts ?? []).join("\n"),
        error: tree.error.message,
        duration: since(started),
      });
      return tree;
    }
    commands.push({ command: merge, output: tree.value, error: "", duration: since(started) });
    const made = await tentativeCommit(
      { gitDir: repository.directory },
      { tree: tree.value, ours: commit, theirs: pull.sha, branch: request.baseRef, seconds: seconds + index + 1 },
    );
    if (!made.ok) return made;
    commands.push(note(`git commit-tree ${tree.value}`, made.value));
    commit = made.value;
  }
  return ok({ commit, checkedOutBase: attributes });
}

interface ModulePlace {
  readonly gitDir: string;
  /** Bare repository that holds the commit. */
  readonly objects: string;
  readonly directory: string;
  readonly commit: string;
  readonly url: string;
  readonly depth: number;
}

const deepestSubmodules = 5;

/** Prow 4.1, step 15: `submodule update --init --recursive`, from mirrors, its objects lent like all others. */
async function checkoutSubmodules(
  request: CheckoutRequest,
  place: ModulePlace,
): Promise<Result<{ readonly commands: readonly CloneCommand[]; readonly lent: readonly string[] }>> {
  const found = await submodulesOf(place.objects, place.commit, place.url);
  if (!found.ok) return found;
  if (found.value.length > 0 && place.depth >= deepestSubmodules)
    return err(fault("limit", `submodules are nested deeper than ${deepestSubmodules}`));
  const commands: CloneCommand[] = [];
  const lent: string[] = [];
  for (const submodule of found.value) {
    const started = process.hrtime.bigint();
    const repository = await request.moduleRepository(submodule.url, submodule.commit);
    if (!repository.ok) return repository;
    const { directory: objects } = repository.value;
    if ((await repository.value.commitOf(submodule.commit)) === undefined)
      return err(
        fault(
          "not-found",
          `the submodule at ${submodule.path} wants ${submodule.commit}, which ${submodule.url} does not have`,
        ),
      );
    const size = await measureTree(objects, submodule.commit, request.limits);
    if (!size.ok) return size;
    const prepared = await prepareSubmodule(place.gitDir, place.directory, submodule);
    await prepareGitDir(prepared.gitDir, repository.value, {
      detached: submodule.commit,
      workTree: prepared.directory,
    });
    const read = await runGit(["read-tree", "-u", "--reset", submodule.commit], {
      gitDir: prepared.gitDir,
      cwd: prepared.directory,
      env: { GIT_WORK_TREE: prepared.directory },
    });
    if (!read.ok) return read;
    if (read.value.code !== 0) return err(gitFault(["read-tree"], read.value));
    lent.push(join(objects, "objects"));
    commands.push({
      command: `git submodule update --init --recursive -- ${submodule.path}`,
      output: `${submodule.url} at ${submodule.commit}`,
      error: "",
      duration: since(started),
    });
    const inner = await checkoutSubmodules(request, {
      gitDir: prepared.gitDir,
      objects,
      directory: prepared.directory,
      commit: submodule.commit,
      url: submodule.url,
      depth: place.depth + 1,
    });
    if (!inner.ok) return inner;
    commands.push(...inner.value.commands);
    lent.push(...inner.value.lent);
  }
  return ok({ commands, lent });
}

/** New objects go to the mirror; the work tree and the index are the checkout's. */
function callIn(request: CheckoutRequest, gitDir: string): GitCall {
  return {
    gitDir,
    cwd: request.directory,
    env: { GIT_WORK_TREE: request.directory, GIT_OBJECT_DIRECTORY: join(request.repository.directory, "objects") },
  };
}

async function recorded(
  args: readonly string[],
  call: GitCall,
  commands: CloneCommand[],
  input?: string,
): Promise<Result<GitAnswer>> {
  const started = process.hrtime.bigint();
  const answer = await runGit(args, { ...call, input });
  if (!answer.ok) return answer;
  const { code, stdout, stderr } = answer.value;
  const output = `${stdout.toString("utf8")}${stderr}`.slice(0, 10_000);
  commands.push({
    command: `git ${args.join(" ")}`,
    output,
    error: code === 0 ? "" : `exit status ${code}`,
    duration: since(started),
  });
  return code === 0 ? answer : err(gitFault(args, answer.value));
}

function note(command: string, output: string): CloneCommand {
  return { command, output, error: "", duration: 0 };
}

function since(started: bigint): number {
  return Number(process.hrtime.bigint() - started);
}

function recordOf(
  request: CheckoutRequest,
  commands: readonly CloneCommand[],
  finalSha: string | undefined,
): CloneRecord {
  return { refs: request.refs, commands, failed: finalSha === undefined, finalSha };
}

/** Names become file names below `.git`; git's own rules for branch names are stricter than this. */
function badNames(request: CheckoutRequest): Fault | undefined {
  const { baseRef } = request;
  const wrong =
    baseRef === "" ||
    baseRef.length > 200 ||
    baseRef.startsWith("-") ||
    baseRef.split("/").some((part) => part === "" || part.startsWith(".") || part.endsWith(".lock")) ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: git allows none in a ref name
    !/^[^\x00-\x20\x7f~^:?*[\\]+$/.test(baseRef) ||
    baseRef.includes("..");
  if (wrong) return fault("bad-input", `${JSON.stringify(baseRef)} is no branch that can be checked out`);
  const ids = [request.baseSha, ...request.pulls.map((pull) => pull.sha)];
  const badId = ids.find((id) => !/^[0-9a-f]{40}$/.test(id));
  return badId === undefined ? undefined : fault("bad-input", `${JSON.stringify(badId)} is no commit id`);
}
