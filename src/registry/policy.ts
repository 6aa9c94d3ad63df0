import { type Component, looksLikeVersion, type Principal, roleAtLeast } from "../family/index.ts";
import { stagedImageOf, stagingRunOf } from "./staging-names.ts";

/** What somebody wants at the registry's door. */
export interface RegistryRequest {
  /** `refer`: push a manifest whose subject is `digest`. */
  readonly action: "pull" | "push" | "tag" | "refer" | "delete";
  /** `family/image`. */
  readonly repository: string;
  /** For `tag` and `delete`. */
  readonly tag?: string | undefined;
  /** For `tag`: what it is to mean. For `refer`: the subject. */
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
  /** For `refer`: the version as which the subject was released; `undefined`: it was not. */
  readonly released: string | undefined;
}

export type RegistryVerdict =
  | { readonly kind: "allowed" }
  /** Credentials could change the answer. */
  | { readonly kind: "unauthorized"; readonly reason: string }
  | { readonly kind: "denied"; readonly reason: string };

const allowed: RegistryVerdict = { kind: "allowed" };
const denied = (reason: string): RegistryVerdict => ({ kind: "denied", reason });

/**
 * Who may do what at the built-in registry, whoever pushes with whatever tool. A version tag of a component's image is
 * written once; canaries move and proof is attached by the publisher alone, which does not come through this door.
 */
export function judgeRegistryRequest(request: RegistryRequest, facts: RegistryFacts): RegistryVerdict {
  const { principal } = facts;
  if (stagingRunOf(request.repository) !== undefined)
    return denied("these names belong to a run: it alone pushes to them and reads them, until it ends");
  if (request.action === "pull") {
    if (facts.anonymousRead || (principal && roleAtLeast(principal.role, "reader"))) return allowed;
    return { kind: "unauthorized", reason: "reading needs a token here" };
  }
  if (!principal) return { kind: "unauthorized", reason: "writing needs a token" };
  if (facts.owner === undefined && principal.role !== "administrator")
    return denied(`no component owns ${request.repository}; only an administrator may write there`);
  if (facts.owner !== undefined && !facts.maintains)
    return denied(`${request.repository} belongs to ${facts.owner}; ${principal.user} does not maintain it`);
  if (facts.owner === undefined) return allowed;
  if (request.action === "refer" && facts.released !== undefined)
    return denied(
      `${request.digest} was released as ${facts.released}: proof is attached to it by Fairlead's publisher only`,
    );
  const { tag } = request;
  if (tag === undefined) return allowed;
  if (isReservedTag(tag)) return denied(`${tag} is written by Fairlead's publisher only`);
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

/** A run's token: everything below its own names, as long as the image is one that its component may build. */
export function judgeRunRequest(
  request: RegistryRequest,
  run: { readonly component: string; readonly prefix: string },
  components: readonly Component[],
): RegistryVerdict {
  if (!request.repository.startsWith(run.prefix))
    return denied(`a run reaches only its own names, ${run.prefix}<image>, at this registry`);
  if (request.action === "pull") return allowed;
  const image = stagedImageOf(request.repository) ?? "";
  const foreign = foreignImage(image, run.component, components);
  return foreign === undefined ? allowed : denied(foreign);
}

/** Design 9: an image name belongs to one component, and only the family file decides which. Why not, or `undefined`. */
export function foreignImage(image: string, component: string, components: readonly Component[]): string | undefined {
  const owner = components.find((each) => each.images?.includes(image));
  if (owner?.name === component) return undefined;
  const own = components.find((each) => each.name === component)?.images;
  if (owner === undefined && own === undefined) return undefined;
  const whose = owner === undefined ? "" : `: it is ${owner.name}'s`;
  return `the image name ${image} does not belong to ${component}${whose}`;
}

/** Canary tags, and the tags by which signatures and other proof are found. */
export function isReservedTag(tag: string): boolean {
  return tag === "canary" || tag.endsWith("-canary") || /^sha(256|512)-/.test(tag);
}
