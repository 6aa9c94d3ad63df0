import { carriedCommand, carriedInside, egressPort, proxyVariables } from "../host/index.ts";
import type { ContainerWish, ExecutionSpec, Mount } from "../model.ts";
import type { HardLimits } from "./hard-limits.ts";

/** Below it, inside: the job's variables and the socket to the egress proxy. */
const doorInside = "/fairlead-door";

/** Kubernetes' default set without those that make devices, raw packets or files with capabilities. */
const capabilities = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
  "SYS_CHROOT",
];

export interface ContainerPlace {
  readonly name: string;
  /** Image id, so that what runs is what was resolved. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Folder of the host with the perl that is brought along. */
  readonly carried: string;
  /** Folder of the host with the job's variables, and the socket where there is a way out. */
  readonly door: string;
  readonly egress: boolean;
  /** `uid:gid` to run as; `undefined`: as the image says. */
  readonly user: string | undefined;
  /** Does this machine let an engine bound memory and processes? */
  readonly limits: boolean;
  readonly hard: HardLimits;
}

/** Arguments of `create`: an empty network, no new privileges, few capabilities, only our mounts. */
export function createArguments(spec: ExecutionSpec, wish: ContainerWish, place: ContainerPlace): readonly string[] {
  const { limits } = spec;
  const first = carriedCommand("init.pl");
  return [
    "create",
    "--name",
    place.name,
    ...Object.entries(place.labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    "--network",
    "none",
    "--hostname",
    "fairlead",
    ...(wish.privileged
      ? ["--privileged"]
      : [
          "--cap-drop",
          "ALL",
          ...capabilities.flatMap((name) => ["--cap-add", name]),
          "--security-opt",
          "no-new-privileges",
        ]),
    ...(place.limits
      ? [
          "--memory",
          String(limits.memoryBytes),
          "--memory-swap",
          String(limits.memoryBytes),
          "--pids-limit",
          String(limits.processes),
          ...(wish.cpus === undefined ? [] : ["--cpus", wish.cpus.toFixed(3)]),
        ]
      : []),
    "--ulimit",
    "core=0:0",
    "--ulimit",
    `nofile=${place.hard.openFiles}:${place.hard.openFiles}`,
    "--ulimit",
    `nproc=${place.hard.processes}:${place.hard.processes}`,
    ...(place.user === undefined ? [] : ["--user", place.user]),
    ...mountArguments({ host: place.carried, inside: carriedInside, writable: false }),
    ...mountArguments({ host: place.door, inside: doorInside, writable: false }),
    ...spec.mounts.flatMap(mountArguments),
    "--entrypoint",
    first[0] ?? "",
    place.image,
    ...first.slice(1),
    place.egress ? String(egressPort) : "0",
    `${doorInside}/egress.sock`,
    `${doorInside}/variables`,
    spec.cwd,
    ...spec.argv,
  ];
}

/** `type=bind` takes no comma in a path; ours have none, and one that did would name another folder. */
function mountArguments({ host, inside, writable }: Mount): readonly string[] {
  if (host.includes(",") || inside.includes(",")) throw new Error(`a comma in the mount ${host}:${inside}`);
  return ["--mount", `type=bind,src=${host},dst=${inside}${writable ? "" : ",readonly"}`];
}

/** The job's variables as its first process reads them: the image's own stay where none of ours replaces them. */
export function variablesFile(spec: ExecutionSpec, egress: boolean): string {
  const variables = { ...(egress ? proxyVariables : {}), ...spec.env };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value.replaceAll("\0", "")}\0`);
  // Before the image's own PATH, which only the first process inside knows.
  const prefix = spec.pathPrefix ?? [];
  return [...lines, ...(prefix.length > 0 ? [`+PATH=${prefix.join(":")}\0`] : [])].join("");
}
