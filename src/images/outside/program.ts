import type { Platform } from "../../oci/index.ts";

/** Programs that build what has to be run while building, in the order in which they are tried. */
export const programs = ["buildah", "podman"] as const;
export type Program = (typeof programs)[number];

/** Folders of the cage. */
export const inside = {
  input: "/fairlead-build",
  output: "/fairlead-image",
  /** On tmpfs: what is unpacked has many owners, and is gone with the cage whatever happens. */
  storage: "/fairlead-storage",
} as const;

export interface ProgramRun {
  readonly program: Program;
  readonly platform: Platform;
  /** What is pulled before, since the build itself pulls nothing. */
  readonly names: readonly string[];
  readonly docker: boolean;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly epoch: number;
}

/**
 * Pulls, builds and writes the image down. Everything that comes from a repository is an argument. chroot isolation and
 * vfs storage, because inside the cage there is neither a runtime of containers nor a file system that stacks.
 */
const script = `umask 022
program=$1 platform=$2 count=$3
shift 3
tool() { "$program" --root ${inside.storage}/images --runroot ${inside.storage}/run --storage-driver vfs "$@"; }
while [ "$count" -gt 0 ]; do
  tool pull -q --platform "$platform" "$1" > /dev/null
  shift
  count=$((count - 1))
done
tool build "$@"
# buildah packs layers by itself, and knows no such option.
[ "$program" = podman ] && set -- --compress || set --
tool push -q "$@" localhost/fairlead/result dir:${inside.output}`;

export function programCommand(run: ProgramRun): readonly string[] {
  const { os, architecture, variant } = run.platform;
  const platform = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
  const pairs = (flag: string, values: Readonly<Record<string, string>>) =>
    Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
  return [
    ...["/bin/sh", "-ec", script, "sh", run.program, platform, String(run.names.length), ...run.names],
    ...["--isolation", "chroot", "--pull=never", "--no-cache", "--layers=false"],
    ...["--format", run.docker ? "docker" : "oci", "--timestamp", String(run.epoch), "--platform", platform],
    ...pairs("--build-arg", run.args),
    ...pairs("--label", run.labels),
    ...["--ignorefile", `${inside.input}/nothing-ignored`, "--file", `${inside.input}/Dockerfile`],
    ...["--tag", "localhost/fairlead/result", `${inside.input}/context`],
  ];
}
