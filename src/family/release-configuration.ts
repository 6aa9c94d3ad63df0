import type { Platform } from "./platform.ts";

/** One platform of an image as `.fairlead.yaml` or `BUILD_PLATFORMS` asks for it. */
export interface ReleasePlatform {
  readonly platform: Platform;
  readonly dockerfile: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** `.exe` on Windows: what `${SUFFIX}` means. */
  readonly suffix: string;
}

export interface ReleaseImage {
  readonly name: string;
  readonly dockerfile: string;
  readonly platforms: readonly ReleasePlatform[];
  /** May hold `${SUFFIX}`, `${TARGETOS}`, `${TARGETARCH}`, `${TARGETVARIANT}`. */
  readonly args: Readonly<Record<string, string>>;
  /** The built binary, started with this, prints the tag. */
  readonly version: string | undefined;
  /** `undefined`: the assembler, and an outside builder for what has to be run while building. */
  readonly builder: "assembler" | "buildah" | "podman" | undefined;
}

/** `.fairlead.yaml` of a revision, or what the conventions say where there is none. */
export interface ReleaseConfiguration {
  /** `.fairlead.yaml`, or what was read by convention: `convention: .prow.sh, Makefile (CMDS)`. */
  readonly origin: string;
  readonly toolchain: Readonly<Record<string, string>>;
  /** Shell scripts, run with `/bin/sh -ec` inside the cage. */
  readonly build: string | undefined;
  readonly test: string | undefined;
  readonly push: string | undefined;
  /** Run with KUBECONFIG once it is deployed in a cluster. */
  readonly e2e?: string | undefined;
  readonly images: readonly ReleaseImage[];
  readonly files: readonly string[];
  readonly pins: readonly string[];
  readonly shared: Readonly<Record<string, string>>;
  /** Need ids the steps have: `go`, `make`, `container-engine`, `cluster`. */
  readonly needs: readonly string[];
}
