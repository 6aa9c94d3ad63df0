import { type Clock, forOneLine, ok, type Result } from "../core/index.ts";
import { type Component, mayMaintain, type Principal, type Role, roleAtLeast } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import type { Decided, Intake } from "./intake.ts";
import { insertChange } from "./records.ts";

export interface Proposed {
  readonly component: Component;
  /** Branch, without `refs/heads/`. */
  readonly base: string;
  readonly baseSha: string;
  readonly head: string;
  readonly title: string;
  readonly files: readonly string[];
  readonly by: Principal;
  /** Number of the change that this one brings to `base`. */
  readonly backportOf?: number | undefined;
}

const absent = "0".repeat(40);
const mostFiles = 500_000;

export function changeRef(number: number): string {
  return `refs/pull/${number}/head`;
}

/** Opens a change for a commit that the repository holds. Fault `conflict` when its ref is taken. */
export async function propose(
  parts: { readonly clock: Clock; readonly intake: Intake },
  repository: Repository,
  proposed: Proposed,
): Promise<Result<{ readonly number: number; readonly decided: readonly Decided[] }>> {
  const { component, by } = proposed;
  let number = 0;
  const decided = await parts.intake.submit(component.name, async (trx) => {
    const at = parts.clock.now();
    number = await insertChange(trx, {
      component: component.name,
      base: proposed.base,
      baseSha: proposed.baseSha,
      head: proposed.head,
      title: proposed.title,
      author: by.user,
      authorRole: roleHere(by, component),
      files: proposed.files,
      backportOf: proposed.backportOf,
      at,
    });
    // The row is written before the ref moves; a crash between the two is mended at start from the row.
    return { kind: "change", action: "opened", component: component.name, number, actor: by, at };
  });
  const moved = await repository.updateRef(changeRef(number), absent, proposed.head);
  return moved.ok ? ok({ number, decided }) : moved;
}

type Proposal =
  | { readonly refusal: string; readonly line: string }
  | { readonly baseSha: string; readonly files: readonly string[]; readonly title: string };

/** What a commit proposes to a branch, or why it cannot. */
export async function describeProposal(repository: Repository, base: string, head: string): Promise<Proposal> {
  const baseSha = await repository.commitOf(`refs/heads/${base}`);
  if (baseSha === undefined) return { refusal: "no such branch", line: `There is no branch ${forOneLine(base)}.` };
  if ((await repository.commitOf(head)) === undefined)
    return { refusal: "not a commit", line: "Push a commit, not another object." };
  if (!(await repository.hasAtMost(head, mostFiles)))
    return {
      refusal: "too many files",
      line: `A change may have ${mostFiles.toLocaleString("en")} files, its base included.`,
    };
  if (await repository.isAncestor(head, baseSha)) {
    return { refusal: "nothing new", line: `${forOneLine(base)} has these commits already.` };
  }
  const fork = await repository.mergeBase(baseSha, head);
  const files = fork === undefined ? [] : await repository.changedFiles(fork, head);
  return { baseSha, files, title: (await repository.describeCommit(head)).subject };
}

/** The author's role in this component; a maintainer of others is a contributor here. */
function roleHere(principal: Principal, component: Component): Role | undefined {
  if (mayMaintain(principal, component)) return principal.role === "administrator" ? "administrator" : "maintainer";
  return roleAtLeast(principal.role, "contributor") ? "contributor" : undefined;
}
