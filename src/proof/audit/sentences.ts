import type { FindingKind } from "./model.ts";

/** What is wrong, as a sentence for people. */
export function sentenceOf(finding: {
  readonly kind: FindingKind;
  readonly registry: string;
  readonly image: string;
  readonly tag: string;
  readonly expected?: string | null | undefined;
  readonly found?: string | null | undefined;
}): string {
  const { kind, registry, image, tag } = finding;
  const name = `${image}:${tag}`;
  const expected = short(finding.expected);
  const found = short(finding.found);
  switch (kind) {
    case "moved":
      return `${registry} has other bytes under ${name}: ${found}, published was ${expected}`;
    case "deleted":
      return `${registry} has ${name} no more; published was ${expected}`;
    case "unexpected":
      return `${registry} has ${name} (${found}), which was not published there`;
    case "missing":
      return `${registry} does not have ${name}, which is published elsewhere`;
    case "unsigned":
      return `${registry} has ${name} without the signature that it has elsewhere`;
  }
}

/** What a person can do about it; Fairlead itself changes nothing in a registry. */
export function remedyOf(finding: {
  readonly kind: FindingKind;
  readonly registry: string;
  readonly release?: string | null | undefined;
}): string {
  const promote = `fairlead promote ${finding.release ?? ""} --registry ${finding.registry}`.replaceAll("  ", " ");
  switch (finding.kind) {
    case "missing":
    case "unsigned":
      return promote;
    case "deleted":
      return "find out who deleted it; whoever pulls this version from there fails";
    case "moved":
      return "find out who wrote there, and tell those who pulled it; then have the registry's owner remove the tag";
    case "unexpected":
      return "find out who pushed it; have the registry's owner remove it";
  }
}

function short(digest: string | null | undefined): string {
  return digest ? digest.slice(0, digest.indexOf(":") + 13) : "nothing";
}
