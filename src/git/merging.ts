import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import { type GitCall, gitFault, gitText, runGit } from "./run-git.ts";

export type MergeFault = Fault & { readonly conflicts?: readonly string[] };

/**
 * The tree of a merge, without moving anything. In git 2.39 exit code 1 is a conflict and a bad name alike, so both sides
 * must be ids of known commits, and a tree id is demanded on stdout.
 */
export async function mergeTrees(call: GitCall, ours: string, theirs: string): Promise<Result<string, MergeFault>> {
  const args = ["merge-tree", "--write-tree", "-z", "--name-only", ours, theirs];
  const answer = await runGit(args, call);
  if (!answer.ok) return answer;
  const parts = answer.value.stdout.toString("utf8").split("\0");
  const tree = parts[0] ?? "";
  if (answer.value.code === 0 && /^[0-9a-f]{40}$/.test(tree)) return ok(tree);
  if (answer.value.code === 1 && /^[0-9a-f]{40}$/.test(tree)) {
    const end = parts.indexOf("", 1);
    const conflicts = [...new Set(parts.slice(1, end < 0 ? undefined : end))];
    return err({ ...fault("refused", `merging conflicts in ${conflicts.slice(0, 5).join(", ")}`), conflicts });
  }
  return err(gitFault(args, answer.value));
}

/**
 * The difference `from` -> `to` applied on top of `onto`, without a work tree. git 2.39 has no `--merge-base` for
 * `merge-tree`, so the three trees become commits of a tiny history of their own, whose fork point is `from`.
 */
export async function pickTree(
  call: GitCall,
  pick: { readonly onto: string; readonly from: string; readonly to: string },
): Promise<Result<string, MergeFault>> {
  const identity = { name: "fairlead", email: "fairlead@fairlead.invalid", seconds: 1_000_000_000, message: "pick\n" };
  const fork = await commitTree(call, { ...identity, tree: `${pick.from}^{tree}`, parents: [] });
  if (!fork.ok) return fork;
  const ours = await commitTree(call, { ...identity, tree: `${pick.onto}^{tree}`, parents: [fork.value] });
  if (!ours.ok) return ours;
  const theirs = await commitTree(call, { ...identity, tree: `${pick.to}^{tree}`, parents: [fork.value] });
  return theirs.ok ? await mergeTrees(call, ours.value, theirs.value) : theirs;
}

/**
 * Prow 4.1: one merge commit for each pull that the base does not contain yet, authored and committed by ci-robot, dated
 * base time + k. `git merge` names the branch in its message unless it takes it for a default one.
 */
export async function tentativeCommit(
  call: GitCall,
  input: {
    readonly tree: string;
    readonly ours: string;
    readonly theirs: string;
    readonly branch: string;
    readonly seconds: number;
  },
): Promise<Result<string>> {
  const into = input.branch === "master" || input.branch === "main" ? "" : ` into ${input.branch}`;
  return await commitTree(call, {
    tree: input.tree,
    parents: [input.ours, input.theirs],
    message: `Merge commit '${input.theirs}'${into}\n`,
    name: "ci-robot",
    email: "ci-robot@k8s.io",
    seconds: input.seconds,
  });
}

export async function commitTree(
  call: GitCall,
  input: {
    readonly tree: string;
    readonly parents: readonly string[];
    readonly message: string;
    readonly name: string;
    readonly email: string;
    readonly seconds: number;
  },
): Promise<Result<string>> {
  const date = `${input.seconds} +0000`;
  const parents = input.parents.flatMap((parent) => ["-p", parent]);
  const made = await gitText(["commit-tree", input.tree, ...parents], {
    ...call,
    input: input.message,
    env: {
      ...call.env,
      GIT_AUTHOR_NAME: input.name,
      GIT_AUTHOR_EMAIL: input.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: input.name,
      GIT_COMMITTER_EMAIL: input.email,
      GIT_COMMITTER_DATE: date,
    },
  });
  return made.ok ? ok(made.value.trim()) : made;
}
