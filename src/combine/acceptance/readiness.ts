import { forOneLine } from "../../core/index.ts";
import type { ClusterState, SeenContainer } from "./cluster-state.ts";

export type Readiness =
  | { readonly kind: "ready"; readonly reason: string }
  /** What is still to come. */
  | { readonly kind: "waiting"; readonly reason: string }
  /** It will not become ready by waiting. */
  | { readonly kind: "failed"; readonly reason: string };

/** A container that ended this often does not get well by itself. */
const mostRestarts = 3;

const hopeless = new Set(["InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"]);
const pulls = new Set(["ErrImagePull", "ImagePullBackOff"]);

/**
 * Is everything that was deployed up? `sideLoaded` says which images were put into the cluster: one of those that is
 * pulled all the same is a fault of the manifest, and no waiting mends it. Namespaces of Kubernetes itself are left out.
 */
export function readiness(state: ClusterState, sideLoaded: (image: string) => boolean): Readiness {
  const pods = state.pods.filter((pod) => !pod.deleting && !isSystem(pod.namespace));
  const workloads = state.workloads.filter((workload) => !isSystem(workload.namespace));
  for (const pod of pods) {
    for (const container of pod.containers) {
      const fault = faultOf(container, sideLoaded);
      if (fault !== undefined) return { kind: "failed", reason: fault };
    }
    if (pod.phase === "Failed") return { kind: "failed", reason: `pod ${pod.namespace}/${pod.name} failed` };
  }
  const behind = workloads.find((workload) => workload.ready < workload.wanted);
  const open = pods.find((pod) => !pod.ready && pod.phase !== "Succeeded");
  if (behind || open) {
    const stuck = pods.find((pod) => pod.unschedulable !== "");
    if (stuck)
      return {
        kind: "waiting",
        reason: `pod ${stuck.namespace}/${stuck.name} finds no node: ${forOneLine(stuck.unschedulable, 300)}`,
      };
    if (behind) return { kind: "waiting", reason: `${behind.name} has ${behind.ready} of ${behind.wanted} ready` };
    return { kind: "waiting", reason: `pod ${open?.namespace}/${open?.name} is ${open?.phase.toLowerCase() || "new"}` };
  }
  if (pods.length === 0) return { kind: "waiting", reason: "nothing was started yet" };
  const containers = pods.reduce((sum, pod) => sum + pod.containers.length, 0);
  return { kind: "ready", reason: `${containers} containers in ${pods.length} pods are up` };
}

/** Namespaces in which clusters run themselves. */
export function isSystem(namespace: string): boolean {
  return ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"].includes(namespace);
}

function faultOf(container: SeenContainer, sideLoaded: (image: string) => boolean): string | undefined {
  const { waiting, restarts, exitCode } = container;
  const name = `container ${container.container} of pod ${container.namespace}/${container.pod}`;
  const message = container.message === "" ? "" : `: ${forOneLine(container.message, 300)}`;
  if (waiting === "CrashLoopBackOff" && restarts >= mostRestarts)
    return `${name} ends again and again (${restarts} restarts, last exit code ${exitCode ?? "unknown"})`;
  if (hopeless.has(waiting)) return `${name} cannot start: ${waiting}${message}`;
  if (pulls.has(waiting) && sideLoaded(container.image))
    return `${name} pulls ${forOneLine(container.image, 200)}, which was loaded into the cluster: its manifest has imagePullPolicy Always${message}`;
  return undefined;
}
