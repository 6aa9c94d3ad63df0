import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { Principal } from "../family/index.ts";
import type { Finding, Unchecked, Verdict } from "../policy/index.ts";
import type { Intake } from "./intake.ts";

/** Design 6: `preflight`. */
export interface PreflightAnswer {
  readonly component: string;
  readonly version: string;
  readonly commit: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
}

const absent = "0".repeat(40);

/**
 * What would be said of a tag on this commit: the same engine as for a pushed one, and nothing is changed. `by`: who would
 * tag; `undefined`: nobody yet, so that rule is unchecked. Fault `refused` for a version that is a release already.
 */
export async function preflightOf(
  parts: { readonly clock: Clock; readonly intake: Pick<Intake, "dryRun"> },
  component: string,
  version: string,
  commit: string,
  by: Principal | undefined,
): Promise<Result<PreflightAnswer>> {
  const plan = await parts.intake.dryRun({
    kind: "tag",
    component,
    ref: `refs/tags/${version}`,
    before: absent,
    after: commit,
    at: parts.clock.now(),
    actor: by,
  });
  const effect = plan.effects.find((each) => each.kind === "release" || each.kind === "quarantine");
  if (effect?.kind !== "release" && effect?.kind !== "quarantine") {
    const why = plan.effects[0]?.reason ?? plan.skipped[0]?.reason ?? `${version} is released already`;
    return err(fault("refused", `${component}: ${why}`, { hint: `fairlead releases ${component}@${version}` }));
  }
  const warns = effect.findings.some((finding) => finding.severity === "warn");
  return ok({
    component,
    version,
    commit,
    verdict: effect.kind === "quarantine" ? "refuse" : warns ? "warn" : "pass",
    findings: effect.findings,
    unchecked: effect.unchecked,
  });
}
