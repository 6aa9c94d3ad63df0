import type { Finding } from "./model.ts";

/** Rules about who may act: a maintainer does not lift them for another, nor anybody for themselves. */
const aboutWhoActs: ReadonlySet<string> = new Set(["not-maintainer"]);

export interface ApprovalRefusal {
  readonly rule: string;
  readonly message: string;
  readonly satisfiedBy: string;
}

/** Why this person may not let a held release through; `undefined`: they may. `requestedBy`: who pushed its tag. */
export function approvalRefusal(
  findings: readonly Finding[],
  approver: { readonly user: string; readonly role: string },
  requestedBy: string,
): ApprovalRefusal | undefined {
  const refusals = findings.filter((finding) => finding.severity === "refuse");
  const final = refusals.find((finding) => !finding.overridable);
  if (final) {
    const { rule, message, satisfiedBy } = final;
    return { rule, message: `nobody may approve this: ${message}`, satisfiedBy };
  }
  const personal = refusals.find((finding) => aboutWhoActs.has(finding.rule));
  if (!personal || (approver.role === "administrator" && approver.user !== requestedBy)) return undefined;
  return {
    rule: personal.rule,
    message: `${personal.message}: this needs an administrator who did not push it, and ${approver.user} ${approver.role === "administrator" ? "did" : "is none"}`,
    satisfiedBy: "ask an administrator, or have a maintainer push the tag",
  };
}
