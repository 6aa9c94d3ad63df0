import { looksLikeVersion, type Principal, roleAtLeast } from "../family/index.ts";

/** What somebody wants at the registry's door. */
export interface RegistryRequest {
  readonly action: "pull" | "push" | "tag" | "delete";
  /** `family/image`. */
  readonly repository: string;
  /** For `tag` and `delete`. */
  readonly tag?: string | undefined;
  /** For `tag`: what it is to mean. */
  readonly digest?: string | undefined;
}

export interface RegistryFacts {
  /** `undefined`: nobody who said who they are. */
  readonly principal: Principal | undefined;
  readonly anonymousRead: boolean;
  /** The component that owns the image name; `undefined`: nobody. */
  readonly owner: string | undefined;
  /** May the principal maintain the owner? */
  readonly maintains: boolean;
  /** What the tag means now. */
  readonly current: string | undefined;
}

export type RegistryVerdict =
  | { readonly kind: "allowed" }
  /** Credentials could change the answer. */
  | { readonly kind: "unauthorized"; readonly reason: string }
  | { readonly kind: "denied"; readonly reason: string };

const allowed: RegistryVerdict = { kind: "allowed" };

/**
 * Who may do what at the built-in registry, whoever pushes with whatever tool. A version tag of a component's image is
 * written once; canaries move by the publisher alone, which does not come through this door.
 */
export function judgeRegistryRequest(request: RegistryRequest, facts: RegistryFacts): RegistryVerdict {
  const { principal } = facts;
  if (request.action === "pull") {
    if (facts.anonymousRead || (principal && roleAtLeast(principal.role, "reader"))) return allowed;
    return { kind: "unauthorized", reason: "reading needs a token here" };
  }
  if (!principal) return { kind: "unauthorized", reason: "writing needs a token" };
  const denied = (reason: string): RegistryVerdict => ({ kind: "denied", reason });
  if (facts.owner === undefined && principal.role !== "administrator")
    return denied(`no component owns ${request.repository}; only an administrator may write there`);
  if (facts.owner !== undefined && !facts.maintains)
    return denied(`${request.repository} belongs to ${facts.owner}; ${principal.user} does not maintain it`);
  const { tag } = request;
  if (tag === undefined || facts.owner === undefined) return allowed;
  if (isReservedTag(tag)) return denied(`${tag} is moved by Fairlead's publisher only, after a green branch build`);
  if (!looksLikeVersion(tag)) return allowed;
  if (request.action === "delete") return denied(`${tag} is a version tag: it stays for ever`);
  if (facts.current !== undefined && facts.current !== request.digest)
    return denied(
      `${tag} is published as ${facts.current} and means those bytes for ever; release the next version instead`,
    );
  return facts.current === undefined && principal.role !== "administrator"
    ? denied(`${tag} is a version tag: it is published from a git tag, and only an administrator may push one by hand`)
    : allowed;
}

/** Canary tags, and the tags by which signatures and other proof are found. */
export function isReservedTag(tag: string): boolean {
  return tag === "canary" || tag.endsWith("-canary") || /^sha(256|512)-[0-9a-f]{64,128}/.test(tag);
}
