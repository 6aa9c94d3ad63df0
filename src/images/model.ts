import type { Fault, Result } from "../core/index.ts";
import type { Tier } from "../family/index.ts";
import type { Descriptor, Digest, Platform } from "../oci/index.ts";

/** One platform of an image, as the release configuration asks for it. */
export interface PlatformSpec {
  readonly platform: Platform;
  readonly dockerfile: string;
  /** Build arguments, `${SUFFIX}` and `${TARGET…}` already substituted. */
  readonly args: Readonly<Record<string, string>>;
}

/** Who makes an image: the assembler, or a program of this machine that can run what a Dockerfile runs. */
export type BuilderName = "assembler" | "buildah" | "podman";

/** The run that an outside builder works for, and what bounds it. */
export interface BuildPlace {
  readonly runId: string;
  readonly buildId: string;
  readonly tier: Tier;
  /** The run's own folder, closed to everybody else; what is put there is removed again. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onOutput: (chunk: Uint8Array) => void;
  /** A line of ours in the run's log. */
  readonly tell: (line: string) => void;
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
  /** As `.fairlead.yaml` names it; `undefined`: the assembler, and an outside builder for what it cannot carry out. */
  readonly builder?: BuilderName | undefined;
  /** `undefined`: nothing is run, whatever the Dockerfile says. */
  readonly place?: BuildPlace | undefined;
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
  /** Programs other than the assembler that made a platform of it: `buildah 1.28.2`. */
  readonly tools: readonly string[];
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
