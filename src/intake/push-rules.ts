import { forOneLine } from "../core/index.ts";
import type { Component, Principal } from "../family/index.ts";
import type { RefCommand } from "../forge/index.ts";

const absent = "0".repeat(40);

/** What a pushed ref asks for, or why it is refused at the door. */
export type PushJudgement =
  | { readonly kind: "open-change"; readonly base: string }
  | { readonly kind: "update-change"; readonly number: number }
  | { readonly kind: "move-ref" }
  | { readonly kind: "refuse"; readonly reason: string; readonly lines: readonly string[] };

export interface PushFacts {
  readonly component: Component;
  readonly defaultBranch: string | undefined;
  readonly branches: readonly string[];
  /** Tag names under which something was published, or is about to be: they neither move nor go. */
  readonly publishedTags: ReadonlySet<string>;
  readonly mayMaintain: boolean;
}

/**
 * The rules of the door (design 9): contributors push `refs/for/*` and `refs/changes/*`; protected branches move by
 * merging only; tags are accepted however bad, since a tag is a request, but one that was published stays.
 */
export function judgePush(command: RefCommand, principal: Principal, facts: PushFacts): PushJudgement {
  const { ref } = command;
  if (ref.startsWith("refs/for/")) return judgeNewChange(command, facts);
  if (ref.startsWith("refs/changes/")) return judgeChangeUpdate(command);
  if (!ref.startsWith("refs/heads/") && !ref.startsWith("refs/tags/")) {
    return refuse("no such place", [
      `${forOneLine(ref)} is nothing to push to.`,
      `Propose a change with: git push origin HEAD:refs/for/${facts.defaultBranch ?? "main"}`,
    ]);
  }
  if (!facts.mayMaintain) {
    return refuse("not a maintainer", [
      `${principal.user} may propose changes to ${facts.component.name}, not push branches or tags.`,
      `git push origin HEAD:refs/for/${facts.defaultBranch ?? "main"}`,
    ]);
  }
  return ref.startsWith("refs/tags/") ? judgeTag(command, facts) : judgeBranch(command, facts);
}

function judgeNewChange(command: RefCommand, facts: PushFacts): PushJudgement {
  const base = command.ref.slice("refs/for/".length);
  if (command.after === absent) return refuse("nothing to delete", ["A change is closed with: fairlead close"]);
  if (!facts.branches.includes(base)) {
    const known = facts.branches.slice(0, 10).map((branch) => forOneLine(branch, 60));
    return refuse("no such branch", [
      `${facts.component.name} has no branch ${forOneLine(base, 80)}; it has ${known.join(", ") || "none yet"}.`,
    ]);
  }
  return { kind: "open-change", base };
}

function judgeChangeUpdate(command: RefCommand): PushJudgement {
  const name = command.ref.slice("refs/changes/".length);
  const number = /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;
  if (number === undefined) {
    return refuse("no such change", ["Update a change with: git push origin HEAD:refs/changes/NUMBER"]);
  }
  if (command.after === absent) return refuse("nothing to delete", [`Close change ${number} on its page.`]);
  return { kind: "update-change", number };
}

function judgeTag(command: RefCommand, facts: PushFacts): PushJudgement {
  const tag = command.ref.slice("refs/tags/".length);
  if (command.before === absent || !facts.publishedTags.has(tag)) return { kind: "move-ref" };
  const what = command.after === absent ? "deleted" : "moved";
  return refuse(`published tag cannot be ${what}`, [
    `${forOneLine(tag)} of ${facts.component.name} was published: it always means the same commit and the same bytes.`,
    "Release the next version instead.",
  ]);
}

function judgeBranch(command: RefCommand, facts: PushFacts): PushJudgement {
  const branch = command.ref.slice("refs/heads/".length);
  const isDefault = branch === (facts.defaultBranch ?? branch);
  const isProtected = isDefault || branch.startsWith("release-");
  const firstCommit = command.before === absent && command.after !== absent;
  // The first push fills an empty repository; a maintenance branch is cut by pushing it once.
  if (!isProtected || (firstCommit && !facts.branches.includes(branch))) return { kind: "move-ref" };
  return refuse("protected branch", [
    `${forOneLine(branch)} of ${facts.component.name} moves only by merging a tested change.`,
    `git push origin HEAD:refs/for/${forOneLine(branch)}`,
    `then: fairlead merge ${facts.component.name} NUMBER`,
  ]);
}

function refuse(reason: string, lines: readonly string[]): PushJudgement {
  return { kind: "refuse", reason, lines };
}
