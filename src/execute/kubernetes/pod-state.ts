import type { Json, JsonObject } from "../../jobs/index.ts";

/** Names of the containers of a pod; Prow calls the job's `test`. */
export const containerNames = { job: "test", receive: "fairlead-receive", carrier: "fairlead-carrier" } as const;

/** What is kept of a pod while it is watched. */
export interface SeenPod {
  readonly name: string;
  readonly deleting: boolean;
  readonly scheduled: boolean;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  /** Why it cannot be put on a node, or that the cluster ends it. */
  readonly unschedulable: string;
  readonly disruption: { readonly reason: string; readonly message: string } | undefined;
  readonly receive: SeenContainer | undefined;
  readonly job: SeenContainer | undefined;
}

export interface SeenContainer {
  readonly state: "waiting" | "running" | "terminated";
  readonly reason: string;
  readonly message: string;
  readonly exitCode: number | undefined;
  readonly imageId: string;
}

export type Standing =
  /** Not on a node, or on one that has not started what comes first. */
  | { readonly at: "waiting"; readonly for: "node" | "image" | "container"; readonly detail: string }
  | { readonly at: "receiving" }
  | { readonly at: "running" }
  | { readonly at: "ended"; readonly exitCode: number; readonly outOfMemory: boolean; readonly message: string }
  /** It cannot run, now or later. */
  | { readonly at: "impossible"; readonly detail: string }
  | { readonly at: "over-limit"; readonly detail: string }
  | { readonly at: "too-late" }
  /** The cluster or somebody else ended it: nobody knows what the job would have come to. */
  | { readonly at: "lost"; readonly again: "evicted" | "stopped" | undefined; readonly detail: string };

const neverMends = new Set(["InvalidImageName", "ErrImageNeverPull"]);
const imageReasons = new Set(["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"]);

/**
 * Where a pod stands, by what the API says of it. Prow 5.2: evictions, lost nodes and refusals of a node are started
 * again, what somebody deleted is not; a full disk of its own is the job's doing.
 */
export function standingOf(pod: SeenPod): Standing {
  if (pod.phase === "Failed" && pod.reason === "DeadlineExceeded") return { at: "too-late" };
  if (pod.phase === "Failed" && pod.reason === "Evicted") {
    return /emptydir volume .* exceeds the limit|exceeds the total limit of containers|exceeded its local ephemeral/i.test(
      pod.message,
    )
      ? { at: "over-limit", detail: oneLine(pod.message) }
      : { at: "lost", again: "evicted", detail: `was evicted by the cluster: ${oneLine(pod.message)}` };
  }
  if (pod.disruption) {
    const { reason, message } = pod.disruption;
    return { at: "lost", again: "evicted", detail: `was stopped by the cluster: ${reason}: ${oneLine(message)}` };
  }
  const { job, receive } = pod;
  const untouched = job?.state === "terminated" && job.exitCode !== 130 && job.exitCode !== 137 && job.exitCode !== 143;
  // First: a lost node's pods are marked for deletion too, and nobody else meant that.
  if (pod.phase === "Unknown" || pod.reason === "NodeLost")
    return { at: "lost", again: "stopped", detail: `was lost with its node: ${oneLine(pod.message) || pod.reason}` };
  if (pod.deleting && !untouched) return { at: "lost", again: undefined, detail: "got deleted unexpectedly" };
  if (job?.state === "terminated") {
    if (["ContainerCannotRun", "StartError", "ContainerStatusUnknown"].includes(job.reason))
      return job.reason === "ContainerStatusUnknown"
        ? { at: "lost", again: "stopped", detail: "was lost by its node" }
        : { at: "impossible", detail: `cannot be started: ${oneLine(job.message) || job.reason}` };
    return {
      at: "ended",
      exitCode: job.exitCode ?? -1,
      outOfMemory: job.reason === "OOMKilled",
      message: job.message,
    };
  }
  if (receive?.state === "terminated" && receive.exitCode !== 0)
    return {
      at: "lost",
      again: "stopped",
      detail: `was stopped while it received its files: ${receive.reason} ${oneLine(receive.message)}`.trim(),
    };
  if (pod.phase === "Failed")
    return {
      at: "lost",
      again: "stopped",
      detail: `was refused by its node: ${[pod.reason, oneLine(pod.message)].filter((each) => each !== "").join(": ")}`,
    };
  if (job?.state === "running") return { at: "running" };
  if (receive?.state === "running") return { at: "receiving" };
  if (!pod.scheduled) return { at: "waiting", for: "node", detail: oneLine(pod.unschedulable) || "no node was chosen" };
  for (const container of [receive, job]) {
    if (container?.state !== "waiting") continue;
    const detail = [container.reason, oneLine(container.message)].filter((each) => each !== "").join(": ");
    if (neverMends.has(container.reason)) return { at: "impossible", detail };
    if (imageReasons.has(container.reason)) return { at: "waiting", for: "image", detail };
    if (container.reason !== "" && container.reason !== "PodInitializing" && container.reason !== "ContainerCreating")
      return { at: "waiting", for: "container", detail };
  }
  return { at: "waiting", for: "container", detail: "its containers are being made" };
}

/** Reads what is needed of a pod; `undefined` for what is none. */
export function seenPod(pod: JsonObject): SeenPod | undefined {
  const metadata = objectOf(pod.metadata);
  const status = objectOf(pod.status);
  const name = textOf(metadata.name);
  if (name === "") return undefined;
  const conditions = listOf(status.conditions);
  const scheduled = conditions.find((each) => each.type === "PodScheduled");
  const disruption = conditions.find((each) => each.type === "DisruptionTarget" && each.status === "True");
  const container = (list: Json | undefined, wanted: string) => {
    const found = listOf(list).find((each) => each.name === wanted);
    return found && seenContainer(found);
  };
  return {
    name,
    deleting: metadata.deletionTimestamp !== undefined,
    scheduled: scheduled?.status === "True" || textOf(objectOf(pod.spec).nodeName) !== "",
    phase: textOf(status.phase),
    reason: textOf(status.reason),
    message: textOf(status.message),
    unschedulable: scheduled?.status === "True" ? "" : textOf(scheduled?.message),
    disruption: disruption && { reason: textOf(disruption.reason), message: textOf(disruption.message) },
    receive: container(status.initContainerStatuses, containerNames.receive),
    job: container(status.containerStatuses, containerNames.job),
  };
}

function seenContainer(status: JsonObject): SeenContainer {
  const state = objectOf(status.state);
  const kind = state.terminated !== undefined ? "terminated" : state.running !== undefined ? "running" : "waiting";
  const details = objectOf(state[kind]);
  return {
    state: kind,
    reason: textOf(details.reason),
    message: textOf(details.message),
    exitCode: typeof details.exitCode === "number" ? details.exitCode : undefined,
    imageId: textOf(status.imageID),
  };
}

export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 400);
}

export function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
