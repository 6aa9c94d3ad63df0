import type { Digest } from "../../oci/index.ts";

/**
 * `moved`: a published tag means other bytes. `deleted`: it is gone. `unexpected`: a version that the record does not
 * have there. `missing`: the release is published, but not in this registry. `unsigned`: it is signed in another registry
 * and not in this one.
 */
export type FindingKind = "moved" | "deleted" | "unexpected" | "missing" | "unsigned";

/** One difference between a registry and the record. */
export interface AuditFinding {
  readonly kind: FindingKind;
  readonly registry: string;
  readonly component: string;
  readonly image: string;
  readonly tag: string;
  readonly release: string | undefined;
  /** What the record has. */
  readonly expected: Digest | undefined;
  /** What the registry answers. */
  readonly found: Digest | undefined;
}

/** What the record says of one image and tag of a release. */
export interface RecordedTag {
  readonly release: string;
  readonly component: string;
  readonly image: string;
  readonly tag: string;
  readonly digest: Digest;
  /** The release as a whole is published: every registry should have it. */
  readonly complete: boolean;
  /** State of its publication by registry; a registry that was never asked to have it is absent. */
  readonly at: ReadonlyMap<string, string>;
}

/** What one registry holds of one image. */
export interface SeenImage {
  readonly registry: string;
  readonly image: string;
  /** Version tags, and recorded ones, with what they mean; `undefined`: not there. */
  readonly tags: ReadonlyMap<string, Digest | undefined>;
  /** Digests among them to which a signature is attached. */
  readonly signed: ReadonlySet<Digest>;
}
