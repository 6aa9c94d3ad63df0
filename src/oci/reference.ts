import { err, fault, ok, type Result } from "../core/index.ts";
import type { Digest } from "./documents.ts";

/** `registry/repository[:tag][@digest]`, completed as container tools do. */
export interface Reference {
  /** Host with its port: `gcr.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const host =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const repositoryName = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestText = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): boolean {
  return digestText.test(text);
}

/** OCI: `<name>` of the distribution specification, with its limit of 255 characters. */
export function isRepositoryName(text: string): boolean {
  return text.length <= 255 && repositoryName.test(text);
}

/** OCI: at most 128 characters. */
export function isTagName(text: string): boolean {
  return tagName.test(text);
}

/** Without a host it is Docker's hub, there without a folder `library/`; without tag and digest it is `latest`. */
export function parseReference(text: string): Result<Reference> {
  const bad = (why: string) =>
    err(fault("bad-input", `${JSON.stringify(text.slice(0, 200))} is no image reference: ${why}`));
  if (text.length > 600) return bad("it is too long");
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return bad("its digest is none");
  const named = at < 0 ? text : text.slice(0, at);
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hasHost = first !== "" && (first.includes(".") || first.includes(":") || first === "localhost");
  const rest = hasHost ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(":");
  const tag = colon > rest.lastIndexOf("/") ? rest.slice(colon + 1) : undefined;
  const path = tag === undefined ? rest : rest.slice(0, colon);
  if (hasHost && !host.test(first)) return bad("its host is none");
  if (tag !== undefined && !isTagName(tag)) return bad("its tag is none");
  const repository = !hasHost && !path.includes("/") ? `library/${path}` : path;
  if (!isRepositoryName(repository)) return bad("its name is not lower-case letters, digits and separators");
  const registry = hasHost ? first : "registry-1.docker.io";
  return ok({ registry, repository, tag: tag ?? (digest === undefined ? "latest" : undefined), digest });
}

export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
