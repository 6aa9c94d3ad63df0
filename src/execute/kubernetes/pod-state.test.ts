import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../jobs/index.ts";
import { type Standing, seenPod, standingOf } from "./pod-state.ts";

const onNode = { type: "PodScheduled", status: "True" };
const receive = "fairlead-receive";

function container(name: string, kind: "waiting" | "running" | "terminated", facts: JsonObject = {}): JsonObject {
  return { name, imageID: "", state: { [kind]: facts } };
}

/** A pod on a node whose files were received, and what else its status says. */
function pod(status: JsonObject, metadata: JsonObject = {}): JsonObject {
  return {
    metadata: { name: "p", ...metadata },
    status: {
      phase: "Running",
      conditions: [onNode],
      initContainerStatuses: [container(receive, "terminated", { exitCode: 0, reason: "Completed" })],
      ...status,
    },
  };
}

const job = (kind: "waiting" | "running" | "terminated", facts?: JsonObject): readonly Json[] => [
  container("fairlead-carrier", "running"),
  container("test", kind, facts),
];
const running = { containerStatuses: job("running") };
const deleted = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const evicted = (message: string) => pod({ ...running, phase: "Failed", reason: "Evicted", message });

function standing(of: JsonObject): Standing {
  const seen = seenPod(of);
  if (!seen) throw new Error("this is no pod");
  return standingOf(seen);
}

describe("where a pod stands", () => {
  it.each<[string, JsonObject, Standing]>([
    [
      "it has just been made",
      { metadata: { name: "p" }, status: { phase: "Pending" } },
      { at: "waiting", for: "node", detail: "no node was chosen" },
    ],
    [
      "no node has room",
      pod({
        phase: "Pending",
        initContainerStatuses: [],
        conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes:\n 1 Insufficient cpu." }],
      }),
      { at: "waiting", for: "node", detail: "0/1 nodes: 1 Insufficient cpu." },
    ],
    [
      "its node makes the containers",
      pod({ phase: "Pending", initContainerStatuses: [container(receive, "waiting", { reason: "PodInitializing" })] }),
      { at: "waiting", for: "container", detail: "its containers are being made" },
    ],
    [
      "the first image cannot be pulled now",
      pod({
        phase: "Pending",
        initContainerStatuses: [container(receive, "waiting", { reason: "ImagePullBackOff", message: "Back-off" })],
      }),
      { at: "waiting", for: "image", detail: "ImagePullBackOff: Back-off" },
    ],
    [
      "the job's image cannot be pulled now",
      pod({
        phase: "Pending",
        containerStatuses: job("waiting", { reason: "ErrImagePull", message: "no such\nhost" }),
      }),
      { at: "waiting", for: "image", detail: "ErrImagePull: no such host" },
    ],
    [
      "the job's image may never be pulled",
      pod({ phase: "Pending", containerStatuses: job("waiting", { reason: "ErrImageNeverPull", message: "absent" }) }),
      { at: "impossible", detail: "ErrImageNeverPull: absent" },
    ],
    [
      "the job's image has a name that is none",
      pod({ phase: "Pending", containerStatuses: job("waiting", { reason: "InvalidImageName" }) }),
      { at: "impossible", detail: "InvalidImageName" },
    ],
    [
      "something that the container needs is missing",
      pod({
        phase: "Pending",
        containerStatuses: job("waiting", { reason: "CreateContainerConfigError", message: "no secret" }),
      }),
      { at: "waiting", for: "container", detail: "CreateContainerConfigError: no secret" },
    ],
    [
      "it waits for its files",
      pod({ phase: "Pending", initContainerStatuses: [container(receive, "running")] }),
      { at: "receiving" },
    ],
    [
      "it was stopped while it got its files",
      pod({
        phase: "Failed",
        initContainerStatuses: [container(receive, "terminated", { exitCode: 137, reason: "OOMKilled" })],
      }),
      { at: "lost", again: "stopped", detail: "was stopped while it received its files: OOMKilled" },
    ],
    ["the job runs", pod(running), { at: "running" }],
    [
      "the job ended well",
      pod({ containerStatuses: job("terminated", { exitCode: 0, reason: "Completed" }) }),
      { at: "ended", exitCode: 0, outOfMemory: false, message: "" },
    ],
    [
      "the job failed",
      pod({ phase: "Failed", containerStatuses: job("terminated", { exitCode: 3, reason: "Error", message: "m" }) }),
      { at: "ended", exitCode: 3, outOfMemory: false, message: "m" },
    ],
    [
      "the job took too much memory",
      pod({ phase: "Failed", containerStatuses: job("terminated", { exitCode: 137, reason: "OOMKilled" }) }),
      { at: "ended", exitCode: 137, outOfMemory: true, message: "" },
    ],
    [
      "what bounds its processes says so",
      pod({
        containerStatuses: job("terminated", {
          exitCode: 1,
          reason: "Error",
          message: "took more than its 9 processes",
        }),
      }),
      { at: "ended", exitCode: 1, outOfMemory: false, message: "took more than its 9 processes" },
    ],
    [
      "its program is not there",
      pod({
        phase: "Failed",
        containerStatuses: job("terminated", { exitCode: 128, reason: "StartError", message: "no" }),
      }),
      { at: "impossible", detail: "cannot be started: no" },
    ],
    [
      "its node forgot it",
      pod({
        phase: "Failed",
        containerStatuses: job("terminated", { exitCode: 137, reason: "ContainerStatusUnknown" }),
      }),
      { at: "lost", again: "stopped", detail: "was lost by its node" },
    ],
    [
      "it was evicted for want of memory of its node",
      evicted("The node was low on resource: memory."),
      { at: "lost", again: "evicted", detail: "was evicted by the cluster: The node was low on resource: memory." },
    ],
    ...[
      'Usage of EmptyDir volume "fairlead-work" exceeds the limit "1Gi".',
      "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
      "Container test exceeded its local ephemeral storage limit 1Gi.",
    ].map((message): [string, JsonObject, Standing] => [
      `it filled its disk: ${message}`,
      evicted(message),
      { at: "over-limit", detail: message },
    ]),
    [
      "the cluster ends it for one that matters more",
      pod({
        ...running,
        conditions: [
          onNode,
          { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message: "m" },
        ],
      }),
      { at: "lost", again: "evicted", detail: "was stopped by the cluster: PreemptionByScheduler: m" },
    ],
    [
      "a disruption was called off",
      pod({ ...running, conditions: [onNode, { type: "DisruptionTarget", status: "False" }] }),
      { at: "running" },
    ],
    [
      "its node is lost",
      pod({ ...running, phase: "Unknown", reason: "NodeLost", message: "Node n is unresponsive" }),
      { at: "lost", again: "stopped", detail: "was lost with its node: Node n is unresponsive" },
    ],
    [
      "its node is lost, and the cluster deletes it therefore",
      pod({ ...running, reason: "NodeLost" }, deleted),
      { at: "lost", again: "stopped", detail: "was lost with its node: NodeLost" },
    ],
    [
      "its node refused it",
      pod({ phase: "Failed", reason: "OutOfcpu", message: "Node didn't have enough", initContainerStatuses: [] }),
      { at: "lost", again: "stopped", detail: "was refused by its node: OutOfcpu: Node didn't have enough" },
    ],
    [
      "somebody deleted it while it ran",
      pod(running, deleted),
      { at: "lost", again: undefined, detail: "got deleted unexpectedly" },
    ],
    ...[130, 137, 143].map((exitCode): [string, JsonObject, Standing] => [
      `somebody deleted it, and its end with ${exitCode} may come from that`,
      pod({ containerStatuses: job("terminated", { exitCode, reason: "Error" }) }, deleted),
      { at: "lost", again: undefined, detail: "got deleted unexpectedly" },
    ]),
    [
      "somebody deleted it when its job was through",
      pod({ containerStatuses: job("terminated", { exitCode: 1, reason: "Error" }) }, deleted),
      { at: "ended", exitCode: 1, outOfMemory: false, message: "" },
    ],
    ["it outlived its deadline", pod({ ...running, phase: "Failed", reason: "DeadlineExceeded" }), { at: "too-late" }],
  ])("%s", (_what, of, expected) => {
    expect(standing(of)).toEqual(expected);
  });

  it("is not asked of what is no pod, and a long message stays bounded", () => {
    expect(seenPod({ kind: "Status" })).toBeUndefined();
    const detail = standing(evicted("x".repeat(5000)));
    expect(detail).toMatchObject({ at: "lost", detail: `was evicted by the cluster: ${"x".repeat(400)}` });
  });
});
