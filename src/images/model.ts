import type { Fault, Result } from "../core/index.ts";
import type { Descriptor, Digest, Platform } from "../oci/index.ts";

/** One platform of an image, as the release configuration asks for it. */
export interface PlatformSpec {
  readonly platform: Platform;
  readonly dockerfile: string;
  /** Build arguments, `${SUFFIX}` and `${TARGET…}` already substituted. */
  readonly args: Readonly<Record<string, string>>;
}

export interface AssembleRequest {
  /** Absolute folder of the build context: the run's tree, its last process dead. Never followed out of. */
  readonly context: string;
  readonly platforms: readonly PlatformSpec[];
  /** Always set: `org.opencontainers.image.source`, `.revision`, `.version`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds; clamps file times and stands as `created`: the commit's time. */
  readonly epoch: number;
  /** More than one platform, or `true` for always: an index. */
  readonly index: boolean;
}

export interface AssembledImage {
  /** Manifest or index; all of it is in the blob store. */
  readonly root: Descriptor;
  readonly platforms: readonly {
    readonly platform: Platform;
    readonly manifest: Descriptor;
    readonly diffIds: readonly Digest[];
    readonly entrypoint: readonly string[];
  }[];
  readonly bases: readonly { readonly reference: string; readonly digest: Digest }[];
  readonly warnings: readonly Fault[];
}

/** Where bases come from: resolved once per build at their origin, read by digest. */
export interface BaseSource {
  /** Descriptor of what the reference means now (manifest or index). */
  resolve(reference: string): Promise<Result<Descriptor>>;
  /** Makes the manifest or index and, for the wanted platform, its config and layers present in the blob store. */
  fetch(
    reference: string,
    root: Descriptor,
    platform: Platform,
  ): Promise<Result<{ manifest: Descriptor; bytes: Uint8Array }>>;
}

export interface Assembler {
  assemble(request: AssembleRequest): Promise<Result<AssembledImage>>;
}
