import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import { mergeTrees, tentativeCommit } from "./merging.ts";
import type { CheckedOut, CheckoutFault, CheckoutRequest, CloneCommand, CloneRecord } from "./model.ts";
import { type GitAnswer, type GitCall, gitFault, runGit } from "./run-git.ts";
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
  for (const commit of [request.baseSha, ...request.pulls.map((pull) => pull.sha)]) {
    const size = await sizeOf(request, commit);
    if (!size.ok) return failed(size.error);
  }
  const base = await sizeOf(request, request.baseSha);
  if (!base.ok) return failed(base.error);
  const gitDir = join(request.directory, ".git");
  await prepareFolder(request, gitDir);
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
  if (final.value.submodules)
    commands.push(note("git submodule update --init --recursive", "skipped: submodules are not fetched yet"));
  await pointHead(gitDir, request.baseRef, commit);
  const tree = await request.repository.treeOf(commit);
  return ok({ finalSha: commit, tree, record: recordOf(request, commands, commit) });
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

/** A repository made by hand: what `git init` and two fetches would leave, without starting them. */
async function prepareFolder(request: CheckoutRequest, gitDir: string): Promise<void> {
  await mkdir(join(gitDir, "objects", "info"), { recursive: true });
  await mkdir(join(gitDir, "objects", "pack"));
  await mkdir(join(gitDir, "refs", "tags"), { recursive: true });
  await mkdir(join(gitDir, "refs", "heads"));
  await mkdir(join(gitDir, "info"));
  const config =
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n[user]\n\tname = ci-robot\n\temail = ci-robot@k8s.io\n";
  const refs = await request.repository.refs();
  const tags = refs
    .filter((ref) => ref.name.startsWith("refs/tags/"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      (ref) =>
        `${ref.object} ${ref.name}\n${ref.commit === undefined || ref.commit === ref.object ? "" : `^${ref.commit}\n`}`,
    );
  await Promise.all([
    writeFile(join(gitDir, "config"), config),
    writeFile(join(gitDir, "HEAD"), `ref: refs/heads/${request.baseRef}\n`),
    writeFile(join(gitDir, "objects", "info", "alternates"), `${join(request.repository.directory, "objects")}\n`),
    writeFile(join(gitDir, "packed-refs"), `# pack-refs with: peeled sorted \n${tags.join("")}`),
    writeFile(join(gitDir, "description"), ""),
    writeFile(join(gitDir, "info", "exclude"), ""),
  ]);
}

async function pointHead(gitDir: string, branch: string, commit: string): Promise<void> {
  const file = join(gitDir, "refs", "heads", ...branch.split("/"));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${commit}\n`);
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
    if (await repository.isAncestor(pull.sha, commit)) {
      commands.push(note(`git merge --no-ff ${pull.sha}`, "Already up to date."));
      continue;
    }
    const started = process.hrtime.bigint();
    const tree = await mergeTrees(attributes ? call : { gitDir: repository.directory }, commit, pull.sha);
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

/** New objects go to the mirror; the work tree and the index are the checkout's. */
function callIn(request: CheckoutRequest, gitDir: string): GitCall {
  return {
    gitDir,
    cwd: request.directory,
    env: { GIT_WORK_TREE: request.directory, GIT_OBJECT_DIRECTORY: join(request.repository.directory, "objects") },
  };
}

async function recorded(args: readonly string[], call: GitCall, commands: CloneCommand[]): Promise<Result<GitAnswer>> {
  const started = process.hrtime.bigint();
  const answer = await runGit(args, call);
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
