import { parseDuration } from "../core/index.ts";
import type { Family, Severity } from "../family/index.ts";
import { type Diagnostic, didYouMean } from "./diagnostics.ts";
import { type PolicyDocument, policySchema } from "./family-schema.ts";
import { readYaml } from "./yaml-document.ts";

/** The rules of the preflight, known to whoever reads the file: id, and whether its severity may be changed. */
export type KnownRules = Readonly<Record<string, { readonly fixed: boolean }>>;

type Say = (code: string, path: readonly PropertyKey[], message: string, hint?: string) => void;

/** A policy in a file of its own, for replay: what stands under `release.policy` of a family file. */
export function readPolicyFile(
  file: string,
  text: string,
  rules: KnownRules,
): { readonly policy: Family["policy"] | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const read = readYaml(file, text, policySchema);
  if (read.value === undefined) return { policy: undefined, diagnostics: read.diagnostics };
  const diagnostics: Diagnostic[] = [];
  checkPolicy(read.value, undefined, rules, [], (code, path, message, hint) =>
    diagnostics.push({ severity: "error", code, file, ...read.placeOf(path), message, hint }),
  );
  return { policy: diagnostics.length > 0 ? undefined : policyOf(read.value), diagnostics };
}

/** `components`: names that there are; `undefined`: any may stand there. */
export function checkPolicy(
  policy: PolicyDocument,
  components: readonly string[] | undefined,
  rules: KnownRules,
  at: readonly PropertyKey[],
  error: Say,
): void {
  const { components: byComponent, thresholds: _, ...all } = policy;
  const check = (severities: Readonly<Record<string, unknown>>, path: readonly PropertyKey[]) => {
    for (const [rule, severity] of Object.entries(severities)) {
      const known = rules[rule];
      if (!known)
        error("unknown-rule", [...path, rule], `there is no rule ${rule}`, didYouMean(rule, Object.keys(rules)));
      else if (known.fixed && severity !== "refuse")
        error("fixed-rule", [...path, rule], `${rule} always refuses; nobody may override it`);
    }
  };
  check(all, at);
  for (const [name, severities] of Object.entries(byComponent)) {
    const path = [...at, "components", name];
    if (components && !components.includes(name))
      error("unknown-component", path, `there is no component ${name}`, didYouMean(name, components));
    check(severities, path);
  }
}

export function policyOf(document: PolicyDocument): Family["policy"] {
  const { components: byComponent, thresholds, ...all } = document;
  const skew = thresholds["clock-skew"] === undefined ? undefined : parseDuration(thresholds["clock-skew"]);
  return {
    all: severitiesOf(all),
    byComponent,
    thresholds: { sharedBehind: thresholds["shared-behind"], clockSkewMs: skew?.ok ? skew.value : undefined },
  };
}

function severitiesOf(all: Readonly<Record<string, unknown>>): Record<string, Severity> {
  const known: readonly Severity[] = ["refuse", "warn", "note", "off"];
  return Object.fromEntries(
    Object.entries(all).flatMap(([rule, value]) => {
      const severity = known.find((candidate) => candidate === value);
      return severity ? [[rule, severity]] : [];
    }),
  );
}
