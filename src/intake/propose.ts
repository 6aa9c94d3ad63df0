import { type Clock, err, fault, forOneLine, ok, type Result } from "../core/index.ts";
import { type Component, mayMaintain, type Principal, type Role, roleAtLeast } from "../family/index.ts";
import type { Repository } from "../git/index.ts";
import type { Store } from "../store/index.ts";
import type { Decided, Intake } from "./intake.ts";
import { insertChange, type StoredChange } from "./records.ts";

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
  /** What Fairlead opens it for: `shared:release-tools`. */
  readonly purpose?: string | undefined;
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
      purpose: proposed.purpose,
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

/** Gives an open change another head. Fault `conflict` when its ref moved meanwhile. */
export async function revise(
  parts: { readonly clock: Clock; readonly intake: Intake },
  repository: Repository,
  change: StoredChange,
  revised: Pick<Proposed, "head" | "baseSha" | "title" | "files" | "by">,
): Promise<Result<readonly Decided[]>> {
  const { component, number } = change;
  const decided = await parts.intake.submit(component, async (trx) => {
    const at = parts.clock.now();
    await trx
      .updateTable("changes")
      .set({
        head: revised.head,
        base_sha: revised.baseSha,
        title: revised.title,
        files: JSON.stringify(revised.files),
        updated_at: at,
        conflicts: "",
      })
      .where("component", "=", component)
      .where("number", "=", number)
      .execute();
    return { kind: "change", action: "updated", component, number, actor: revised.by, at };
  });
  const ref = changeRef(number);
  const before = (await repository.refs()).find((candidate) => candidate.name === ref)?.object ?? absent;
  const moved = await repository.updateRef(ref, before, revised.head);
  return moved.ok ? ok(decided) : moved;
}

/**
 * Opens the one change that there is for a purpose, or brings the open one up to date. `opened` false and no run decided
 * when it is open with the same tree already.
 */
export async function proposeOnce(
  parts: { readonly clock: Clock; readonly intake: Intake; readonly store: Store },
  repository: Repository,
  proposed: Omit<Proposed, "baseSha" | "title" | "files"> & { readonly purpose: string },
): Promise<Result<{ readonly number: number; readonly state: "opened" | "updated" | "unchanged" }>> {
  const described = await describeProposal(repository, proposed.base, proposed.head);
  if ("refusal" in described) return err(fault("refused", described.line));
  const open = await parts.store.db
    .selectFrom("changes")
    .selectAll()
    .where("component", "=", proposed.component.name)
    .where("base", "=", proposed.base)
    .where("purpose", "=", proposed.purpose)
    .where("state", "=", "open")
    .executeTakeFirst();
  if (!open) {
    const opened = await propose(parts, repository, { ...proposed, ...described });
    return opened.ok ? ok({ number: opened.value.number, state: "opened" }) : opened;
  }
  const { number } = open;
  const sameBase = open.base_sha === described.baseSha;
  if (sameBase && (await repository.treeOf(open.head)) === (await repository.treeOf(proposed.head)))
    return ok({ number, state: "unchanged" });
  const revised = await revise(parts, repository, open, { head: proposed.head, by: proposed.by, ...described });
  return revised.ok ? ok({ number, state: "updated" }) : revised;
}

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
