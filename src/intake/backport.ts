import { type Clock, err, fault, forOneLine, ok, type Result } from "../core/index.ts";
import { type Component, lineOfBranch, type Principal } from "../family/index.ts";
import type { FactSources } from "./facts.ts";
import type { Intake } from "./intake.ts";
import { describeProposal, propose } from "./propose.ts";
import { findChange } from "./records.ts";

/**
 * Proposes to `branch` what a merged change did to its own base (KEP: fixes are backported from the default branch): one
 * commit that names where it comes from, as `git cherry-pick -x` does.
 */
export async function backportChange(
  parts: FactSources & { readonly clock: Clock; readonly intake: Intake },
  component: Component,
  number: number,
  branch: string,
  by: Principal,
): Promise<Result<{ readonly number: number; readonly head: string; readonly opened: boolean }>> {
  const { name } = component;
  const change = await findChange(parts.store, name, number);
  if (!change) return err(fault("not-found", `${name} has no change ${number}`, { hint: "fairlead changes" }));
  if (change.state !== "merged" || change.merged_commit === null)
    return err(
      fault("refused", `change ${number} is ${change.state}; what was merged is backported`, {
        hint: `fairlead merge ${name} ${number}`,
      }),
    );
  if (change.base === branch) return err(fault("refused", `change ${number} was merged into ${branch} itself`));
  const repository = await parts.git.open(name);
  const onto = await repository.commitOf(`refs/heads/${branch}`);
  if (onto === undefined)
    return err(
      fault("not-found", `${name} has no branch ${forOneLine(branch, 80)}`, {
        hint: `fairlead branch ${name} v${lineOfBranch(branch) ?? "X.Y"}.0`,
      }),
    );
  if (await repository.isAncestor(change.merged_commit, onto))
    return err(fault("refused", `${branch} contains change ${number} already`));
  const open = await parts.store.db
    .selectFrom("changes")
    .select(["number", "head"])
    .where("component", "=", name)
    .where("backport_of", "=", number)
    .where("base", "=", branch)
    .where("state", "=", "open")
    .executeTakeFirst();
  if (open) return ok({ ...open, opened: false });

  const from = (await repository.describeCommit(change.merged_commit)).parents[0];
  if (from === undefined) return err(fault("refused", `change ${number} has no base to compare it with`));
  const tree = await repository.pick({ onto, from, to: change.merged_commit });
  if (!tree.ok) {
    const conflicts = tree.error.conflicts;
    if (conflicts === undefined) return tree;
    const files = conflicts.slice(0, 5).map((file) => forOneLine(file, 200));
    return err(
      fault("refused", `change ${number} conflicts with ${branch} in ${files.join(", ")}`, {
        hint: `git fetch origin && git switch -c backport origin/${branch} && git cherry-pick -x -m 1 ${change.merged_commit}; mend, then git push origin HEAD:refs/for/${branch}`,
        facts: { conflicts },
      }),
    );
  }
  if (tree.value === (await repository.treeOf(onto)))
    return err(fault("refused", `${branch} has what change ${number} did already`));
  const head = await repository.commitTree({
    tree: tree.value,
    parents: [onto],
    message: `[${branch}] ${change.title}\n\nBackport of change ${number} by ${change.author}.\n\n(cherry picked from commit ${change.merged_commit})\n`,
    author: { name: by.user, email: `${by.user}@fairlead.invalid` },
    at: parts.clock.now(),
  });
  const described = await describeProposal(repository, branch, head);
  if ("refusal" in described) return err(fault("refused", described.line));
  const opened = await propose(parts, repository, {
    component,
    base: branch,
    head,
    by,
    backportOf: number,
    ...described,
  });
  return opened.ok ? ok({ number: opened.value.number, head, opened: true }) : opened;
}
