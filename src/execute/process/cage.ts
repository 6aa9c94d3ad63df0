import { egressPort, proxyVariables } from "../host/index.ts";
import type { ExecutionSpec } from "../model.ts";

/** What the machine contributes to a cage; found once at start. */
export interface CageParts {
  /** System folders that are links on the host (`/bin` -> `usr/bin`) and those that are folders of their own. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
  readonly folders: readonly string[];
  /** Files and folders of /etc that hold no secret and that programs look for. */
  readonly etc: readonly string[];
  /** Folders and writable files of /proc that are the whole machine's: to a server run as root they obey the job. */
  readonly proc: readonly string[];
  /** Generated files: path on the host -> path inside. */
  readonly generated: readonly { readonly host: string; readonly inside: string }[];
}

/** Below it, inside: the forwarder and the socket to the egress proxy. */
export const doorFolder = "/run/fairlead";
const home = "/home/prow";
const tmpfsBytes = 2 * 1024 ** 3;

/** What unpacking, chroot and mounts of its own take. Nothing that looks into other processes or at the machine's clock. */
const builderCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_ADMIN",
  "CAP_SYS_CHROOT",
];
const becomeRoot = ["/usr/bin/setpriv", "--reuid=0", "--regid=0", "--clear-groups", "--"];

/**
 * Arguments of bubblewrap for one execution, to be read by it from a descriptor, so that no value of a job's environment
 * stands on a command line of the host or works on bubblewrap itself. Design 10: a user namespace with uid 1000 and no
 * capability over a root assembled on tmpfs; binding the host's root was broken out of.
 */
export function cageArguments(
  spec: ExecutionSpec,
  parts: CageParts,
  door: { readonly socketFolder: string; readonly forwarder: string } | undefined,
  range: { readonly outer: number; readonly inner: number } | undefined,
): readonly string[] {
  const bind = spec.mounts.flatMap((mount) => [mount.writable ? "--bind" : "--ro-bind", mount.host, mount.inside]);
  const env: Readonly<Record<string, string>> = door ? { ...proxyVariables, ...spec.env } : spec.env;
  return [
    ...(range
      ? ["--userns", String(range.outer), "--userns2", String(range.inner), "--uid", "0", "--gid", "0"]
      : ["--unshare-user", "--uid", "1000", "--gid", "1000"]),
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "fairlead",
    "--cap-drop",
    "ALL",
    ...(range ? builderCapabilities.flatMap((name) => ["--cap-add", name]) : []),
    "--new-session",
    "--die-with-parent",
    "--clearenv",
    // Else they are closed to all but whoever sets the cage up.
    ...(range ? ["/etc", "/run", "/var", "/home"].flatMap((path) => ["--perms", "0755", "--dir", path]) : []),
    ...parts.folders.flatMap((path) => ["--ro-bind", path, path]),
    ...parts.links.flatMap(({ path, target }) => ["--symlink", target, path]),
    ...parts.etc.flatMap((path) => ["--ro-bind", path, path]),
    ...parts.generated.flatMap(({ host, inside }) => ["--ro-bind", host, inside]),
    "--proc",
    "/proc",
    ...parts.proc.flatMap((path) => ["--ro-bind", path, path]),
    "--dev",
    "/dev",
    ...[
      ...["/dev/shm", "/tmp", "/var/tmp", home].map((inside) => ({ inside, bytes: tmpfsBytes })),
      ...(spec.scratch ?? []),
    ].flatMap(({ inside, bytes }) => [
      // Whoever sets the cage up is not who works in it.
      ...(range ? ["--perms", "1777"] : []),
      "--size",
      String(bytes),
      "--tmpfs",
      inside,
    ]),
    ...(door
      ? ["--ro-bind", door.socketFolder, doorFolder, "--ro-bind", door.forwarder, `${doorFolder}-forwarder.pl`]
      : []),
    ...bind,
    ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
    // buildah binds both into what it runs, and cannot make them read-only there. What the machine has there stays away.
    ...(range ? ["--tmpfs", "/sys", "--dir", "/sys/fs/cgroup", "--remount-ro", "/sys", "--remount-ro", "/dev"] : []),
    "--chdir",
    spec.cwd,
    "--remount-ro",
    "/",
  ];
}

/** The job's own argument vector, behind the forwarder where there is a way out; with a range of ids, as its root. */
export function cagedCommand(spec: ExecutionSpec, egress: boolean): readonly string[] {
  const argv = spec.ids === "range" ? [...becomeRoot, ...spec.argv] : spec.argv;
  if (!egress) return argv;
  return ["/usr/bin/perl", `${doorFolder}-forwarder.pl`, String(egressPort), `${doorFolder}/egress.sock`, ...argv];
}
