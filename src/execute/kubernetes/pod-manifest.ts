import type { Json, JsonObject } from "../../jobs/index.ts";
import { carriedCommand, carriedInside } from "../host/index.ts";
import type { ExecutionSpec, Mount } from "../model.ts";
import { containerNames, listOf, objectOf, textOf } from "./pod-state.ts";

/** Labels by which pods of ours are found. */
export const homeLabel = "fairlead.home";
export const networkLabel = "fairlead.network";

export interface PodPlace {
  readonly name: string;
  readonly home: string;
  /** The image with what is brought along. */
  readonly carrierImage: string;
  /** Of the node, as Kubernetes says it: what is brought along runs on no other. */
  readonly architecture: string;
  /** Service accounts that jobs may run as. */
  readonly serviceAccounts: readonly string[];
  readonly userNamespaces: boolean;
}

/** A mount of the job as a folder of the pod. */
export interface PlacedMount {
  readonly mount: Mount;
  readonly volume: "given" | "work" | "own";
  /** `m0`: its name in the volume. */
  readonly name: string;
}

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
/** Of a pod and of its container: what Kubernetes decides or bounds, and gives no power over others. */
const ofPod = [
  "nodeSelector",
  "tolerations",
  "affinity",
  "topologySpreadConstraints",
  "priorityClassName",
  "runtimeClassName",
  "schedulerName",
  "imagePullSecrets",
] as const;
const identity = ["runAsUser", "runAsGroup", "runAsNonRoot"] as const;
const ofPodSecurity = [...identity, "fsGroup", "fsGroupChangePolicy", "supplementalGroups"] as const;
const carriedBytes = 256 * 1024 ** 2;
/** What a container of ours may take; it moves files and does little else. */
const ownResources = { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "256Mi" } };

export function placeMounts(mounts: readonly Mount[]): readonly PlacedMount[] {
  return mounts.map((mount, index) => ({
    mount,
    name: `m${index}`,
    volume: mount.purpose === "cache" || mount.purpose === "scratch" ? "own" : mount.writable ? "work" : "given",
  }));
}

/** Prow 1.4, 5.2: a job's own privileges and host paths only where the family file lists the job. */
export function podManifest(spec: ExecutionSpec, place: PodPlace): JsonObject {
  const own = spec.pod?.spec ?? {};
  const container = listOf(own.containers)[0] ?? {};
  const privileged = spec.container?.privileged === true;
  const mounts = placeMounts(spec.mounts);
  const security = pick(objectOf(own.securityContext), ofPodSecurity);
  const account = serviceAccountOf(spec, place);
  const hostPaths = privileged ? hostPathVolumes(own, container) : { volumes: [], mounts: [] };
  const seconds = Math.ceil((spec.timeoutMs + spec.graceMs + (spec.pod?.pendingMs ?? 600_000)) / 1000);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: place.name,
      labels: {
        ...spec.pod?.labels,
        [homeLabel]: place.home,
        [networkLabel]: spec.network,
        "fairlead.build": spec.buildId,
      },
      annotations: {
        ...spec.pod?.annotations,
        "fairlead.run": spec.runId,
        "kubectl.kubernetes.io/default-container": containerNames.job,
      },
    },
    spec: {
      ...pick(own, ofPod),
      ...account,
      restartPolicy: "Never",
      enableServiceLinks: false,
      hostname: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(spec.runId) ? spec.runId : "fairlead",
      // Prow 4: a quarter more than the grace. The deadline ends what no server follows any more.
      terminationGracePeriodSeconds:
        typeof own.terminationGracePeriodSeconds === "number"
          ? own.terminationGracePeriodSeconds
          : Math.ceil((spec.graceMs * 5) / 4000),
      activeDeadlineSeconds: seconds + 3600,
      nodeSelector: {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": place.architecture,
        ...objectOf(own.nodeSelector),
      },
      ...(place.userNamespaces && !privileged ? { hostUsers: false } : {}),
      securityContext: { seccompProfile: { type: "RuntimeDefault" }, ...security },
      initContainers: [receiveContainer(place, security)],
      containers: [
        // First, since it is asked for the log as soon as the job runs.
        carrierContainer(place, security),
        jobContainer(spec, container, mounts, hostPaths.mounts, privileged),
      ],
      volumes: [
        { name: "fairlead-tools", emptyDir: { sizeLimit: String(carriedBytes) } },
        { name: "fairlead-door", emptyDir: { sizeLimit: String(carriedBytes) } },
        { name: "fairlead-log", emptyDir: {} },
        { name: "fairlead-given", emptyDir: {} },
        { name: "fairlead-work", emptyDir: { sizeLimit: String(2 * spec.limits.diskBytes) } },
        ...mounts
          .filter((each) => each.volume === "own")
          .map((each) => ({
            name: each.name,
            emptyDir: emptyDirAt(own, container, each.mount.inside, spec.limits.diskBytes),
          })),
        ...hostPaths.volumes,
      ],
    },
  };
}

function jobContainer(
  spec: ExecutionSpec,
  container: JsonObject,
  mounts: readonly PlacedMount[],
  hostPaths: readonly JsonObject[],
  privileged: boolean,
): JsonObject {
  const asked = objectOf(container.securityContext);
  return {
    name: containerNames.job,
    image: spec.container?.image ?? "",
    ...(spec.container?.pullPolicy === undefined ? {} : { imagePullPolicy: spec.container.pullPolicy }),
    command: [...carriedCommand("init.pl"), "/fairlead-door", "/fairlead-log", String(spec.limits.processes), spec.cwd],
    // Kubernetes expands $(NAME) and halves $$, and what comes here is already what the job wants.
    args: spec.argv.map((argument) => argument.replaceAll("$", "$$$$")),
    env: listOf(container.env)
      .filter((each) => ["fieldRef", "resourceFieldRef"].some((from) => objectOf(each.valueFrom)[from] !== undefined))
      .map((each) => ({ name: each.name ?? "", valueFrom: each.valueFrom ?? {} })),
    resources: resourcesOf(container, spec),
    securityContext: privileged
      ? { ...pick(asked, identity), privileged: true }
      : {
          ...pick(asked, identity),
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"], add: capabilities },
        },
    terminationMessagePolicy: "File",
    volumeMounts: [
      { name: "fairlead-tools", mountPath: carriedInside, readOnly: true },
      { name: "fairlead-door", mountPath: "/fairlead-door", readOnly: true },
      { name: "fairlead-log", mountPath: "/fairlead-log" },
      ...mounts.map(({ mount, name, volume }) => ({
        name: volume === "own" ? name : `fairlead-${volume}`,
        mountPath: mount.inside,
        ...(volume === "own" ? {} : { subPath: name }),
        ...(mount.writable ? {} : { readOnly: true }),
      })),
      ...hostPaths,
    ],
  };
}

/** A job's own requests and limits as they stand; what it leaves open is bounded, and asks for little. */
function resourcesOf(container: JsonObject, spec: ExecutionSpec): JsonObject {
  const asked = objectOf(container.resources);
  const limits = objectOf(asked.limits);
  const requests = objectOf(asked.requests);
  const memory = limits.memory === undefined ? { memory: String(spec.limits.memoryBytes) } : {};
  const cpu =
    limits.cpu === undefined && spec.container?.cpus !== undefined ? { cpu: spec.container.cpus.toFixed(3) } : {};
  const disk = limits["ephemeral-storage"] === undefined;
  return {
    limits: {
      ...limits,
      ...memory,
      ...cpu,
      ...(disk ? { "ephemeral-storage": String(2 * spec.limits.diskBytes) } : {}),
    },
    // Without them Kubernetes would ask for as much as the limit.
    requests: {
      ...(limits.memory === undefined ? { memory: "64Mi" } : {}),
      ...(limits.cpu === undefined ? { cpu: "50m" } : {}),
      ...(disk ? { "ephemeral-storage": "64Mi" } : {}),
      ...requests,
    },
  };
}

function receiveContainer(place: PodPlace, security: JsonObject): JsonObject {
  return {
    name: containerNames.receive,
    image: place.carrierImage,
    command: [...carriedCommand("carrier.pl"), "receive"],
    resources: ownResources,
    securityContext: ownSecurity(security, ["CHOWN", "DAC_OVERRIDE", "FOWNER"]),
    volumeMounts: [
      { name: "fairlead-tools", mountPath: "/fairlead-place" },
      { name: "fairlead-door", mountPath: "/fairlead-door" },
      { name: "fairlead-log", mountPath: "/fairlead-log" },
      { name: "fairlead-given", mountPath: "/fairlead-given" },
      { name: "fairlead-work", mountPath: "/fairlead-work" },
    ],
  };
}

function carrierContainer(place: PodPlace, security: JsonObject): JsonObject {
  return {
    name: containerNames.carrier,
    image: place.carrierImage,
    command: [...carriedCommand("carrier.pl"), "hold"],
    resources: ownResources,
    securityContext: ownSecurity(security, ["DAC_OVERRIDE"]),
    volumeMounts: [
      { name: "fairlead-door", mountPath: "/fairlead-door" },
      { name: "fairlead-log", mountPath: "/fairlead-log", readOnly: true },
      { name: "fairlead-work", mountPath: "/fairlead-work", readOnly: true },
    ],
  };
}

/** Whoever the job is, files are laid out and read by root without other powers, unless the whole pod is somebody else. */
function ownSecurity(pod: JsonObject, add: readonly string[]): JsonObject {
  return {
    ...(pod.runAsUser === undefined ? { runAsUser: 0, runAsNonRoot: false } : {}),
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add },
  };
}

/** Design 9: another account's token is a credential, so it belongs to the tiers `branch` and `release`. */
function serviceAccountOf(spec: ExecutionSpec, place: PodPlace): JsonObject {
  const own = spec.pod?.spec ?? {};
  const name = textOf(own.serviceAccountName) || textOf(own.serviceAccount);
  if (!mayUseAccount(name, spec.tier, place.serviceAccounts)) return { automountServiceAccountToken: false };
  return {
    serviceAccountName: name,
    automountServiceAccountToken: own.automountServiceAccountToken !== false,
  };
}

export function mayUseAccount(name: string, tier: ExecutionSpec["tier"], listed: readonly string[]): boolean {
  return name !== "" && listed.includes(name) && (tier === "branch" || tier === "release");
}

function emptyDirAt(spec: JsonObject, container: JsonObject, path: string, most: number): JsonObject {
  const mount = listOf(container.volumeMounts).find((each) => textOf(each.mountPath).replace(/\/+$/, "") === path);
  const volume = listOf(spec.volumes).find((each) => mount !== undefined && each.name === mount.name);
  return { sizeLimit: String(most), ...pick(objectOf(volume?.emptyDir), ["medium", "sizeLimit"]) };
}

function hostPathVolumes(spec: JsonObject, container: JsonObject) {
  const volumes = listOf(spec.volumes).filter((each) => each.hostPath !== undefined);
  const names = new Set(volumes.map((each) => textOf(each.name)));
  return {
    volumes: volumes.map((each) => ({ name: textOf(each.name), hostPath: each.hostPath ?? {} })),
    mounts: listOf(container.volumeMounts).filter((each) => names.has(textOf(each.name))),
  };
}

function pick(from: JsonObject, names: readonly string[]): JsonObject {
  const picked: Record<string, Json> = {};
  for (const name of names) {
    const value = from[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
