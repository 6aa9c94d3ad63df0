/** What an API server says of pods and of what makes them, as far as a test of a deployment looks at it. */
export interface SeenContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** As the pod asks for it. */
  readonly image: string;
  /** As the node says it runs it; empty before it was started. */
  readonly imageId: string;
  readonly ready: boolean;
  readonly restarts: number;
  /** Why it waits: `CrashLoopBackOff`, `ErrImagePull`; empty: it does not. */
  readonly waiting: string;
  readonly message: string;
  /** Of its last end; `undefined`: it never ended. */
  readonly exitCode: number | undefined;
}

export interface SeenPod {
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly deleting: boolean;
  /** Why no node takes it; empty: one did. */
  readonly unschedulable: string;
  readonly containers: readonly SeenContainer[];
}

/** A Deployment, StatefulSet or DaemonSet. */
export interface SeenWorkload {
  /** `deployment driver/controller`. */
  readonly name: string;
  readonly namespace: string;
  readonly wanted: number;
  readonly ready: number;
}

export interface ClusterState {
  readonly pods: readonly SeenPod[];
  readonly workloads: readonly SeenWorkload[];
}

/** Lists as `GET /api/v1/pods` and `GET /apis/apps/v1/…` answer them. What is not there counts as nothing. */
export function readClusterState(lists: {
  readonly pods: unknown;
  readonly deployments: unknown;
  readonly statefulSets: unknown;
  readonly daemonSets: unknown;
}): ClusterState {
  return {
    pods: items(lists.pods).map(podOf),
    workloads: [
      ...items(lists.deployments).map((each) => workloadOf("deployment", each, "readyReplicas")),
      ...items(lists.statefulSets).map((each) => workloadOf("statefulset", each, "readyReplicas")),
      ...items(lists.daemonSets).map((each) => workloadOf("daemonset", each, "numberReady")),
    ],
  };
}

type Members = Readonly<Record<string, unknown>>;

function podOf(pod: Members): SeenPod {
  const [meta, spec, status] = [of(pod["metadata"]), of(pod["spec"]), of(pod["status"])];
  const [namespace, name] = [text(meta["namespace"]), text(meta["name"])];
  const statuses = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].flatMap((key) =>
    list(status[key]),
  );
  const containers = ["initContainers", "containers", "ephemeralContainers"].flatMap((key) => list(spec[key]));
  const conditions = list(status["conditions"]);
  const condition = (type: string) => conditions.find((each) => each["type"] === type);
  const scheduled = condition("PodScheduled");
  return {
    namespace,
    name,
    phase: text(status["phase"]),
    ready: condition("Ready")?.["status"] === "True",
    deleting: meta["deletionTimestamp"] !== undefined,
    unschedulable: scheduled?.["status"] === "False" ? text(scheduled["message"]) || "no node takes it" : "",
    containers: containers.map((container) => {
      const own = statuses.find((each) => each["name"] === container["name"]) ?? {};
      const state = of(own["state"]);
      const waiting = of(state["waiting"]);
      const ended = state["terminated"] ?? of(own["lastState"])["terminated"];
      const exitCode = of(ended)["exitCode"];
      return {
        namespace,
        pod: name,
        container: text(container["name"]),
        image: text(container["image"]),
        imageId: text(own["imageID"]),
        ready: own["ready"] === true,
        restarts: number(own["restartCount"]),
        waiting: text(waiting["reason"]),
        message: text(waiting["message"]) || text(of(ended)["message"]),
        exitCode: typeof exitCode === "number" ? exitCode : undefined,
      };
    }),
  };
}

/** One whose controller has not seen its newest form yet has nothing ready of it. */
function workloadOf(kind: string, workload: Members, readyKey: string): SeenWorkload {
  const [meta, spec, status] = [of(workload["metadata"]), of(workload["spec"]), of(workload["status"])];
  const seen = number(status["observedGeneration"]) >= number(meta["generation"]);
  const namespace = text(meta["namespace"]);
  const asked = spec["replicas"] ?? (kind === "daemonset" ? status["desiredNumberScheduled"] : 1);
  return {
    name: `${kind} ${namespace}/${text(meta["name"])}`,
    namespace,
    wanted: kind === "daemonset" && !seen ? 1 : number(asked),
    ready: seen ? number(status[readyKey]) : 0,
  };
}

function of(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function list(value: unknown): readonly Members[] {
  return Array.isArray(value) ? value.map(of) : [];
}

function items(value: unknown): readonly Members[] {
  return list(of(value)["items"]);
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 2000) : "";
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
