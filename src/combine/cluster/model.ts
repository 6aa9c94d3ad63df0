import type { Result } from "../../core/index.ts";
import type { Capability } from "../../execute/index.ts";

/** What a run wants of the cluster that it is tested in. */
export interface ClusterSpec {
  readonly runId: string;
  /**
   * Kubernetes wanted: `1.36`, `1.36.3`, or `development`, the newest that the cluster knows to give. What comes up is
   * compared with it; another release is a fault, never used in its stead.
   */
  readonly version: string;
  /** Image of the nodes, by digest, where the kind of cluster starts some: `kindest/node:v1.36.1@sha256:…`. */
  readonly nodeImage?: string | undefined;
  /** Checkout of Kubernetes to build the nodes from; only where the kind of cluster can. */
  readonly source?: { readonly folder: string; readonly revision: string } | undefined;
  /** Folder of this run alone; the kubeconfig and the adapter's own files go here. It exists and is removed by the caller. */
  readonly folder: string;
  /** From the call of `up` until it must be ready, in milliseconds. */
  readonly readyWithinMs: number;
  /** From the call of `up` until it is taken down, whatever runs there, in milliseconds. */
  readonly limitMs: number;
  /** What is done and what the programs say, a line at a time, without its end. */
  readonly log: (line: string) => void;
}

/** An image to be put into the cluster, so that nothing is pulled. */
export interface LoadedImage {
  /** As pods will name it: `localhost/csi/csi-attacher:canary`. */
  readonly reference: string;
  /** An OCI layout (a folder with `index.json`) or a `tar` of one, which holds this image alone. */
  readonly path: string;
}

/** Which cluster it was: what is shown as evidence. */
export interface ClusterEvidence {
  /** As the API server says it: `v1.36.3`. */
  readonly kubernetes: string;
  /** `name@sha256:…`; `undefined`: its nodes come from no image of ours. */
  readonly nodeImage: string | undefined;
  /** Revision of Kubernetes that the nodes were built from, where they were. */
  readonly sourceRevision: string | undefined;
}

/** Files that `collect` wrote, relative to its folder, and what could not be had, each with the reason. */
export interface Collected {
  readonly files: readonly string[];
  readonly missing: readonly { readonly what: string; readonly reason: string }[];
}

export interface RunningCluster {
  /** Tells it from every other: `fairlead-<run id>`. */
  readonly name: string;
  /** File with the rights of an administrator; `current-context` is the cluster, its namespace `namespace`. */
  readonly kubeconfig: string;
  /** Where the API is served: what a job must be allowed to reach. */
  readonly server: { readonly host: string; readonly port: number };
  /** The only namespace to be used; `undefined`: the cluster is this run's alone. */
  readonly namespace: string | undefined;
  readonly evidence: ClusterEvidence;
  /**
   * Puts images into every node. Faults: `missing-need` where this cluster takes no images and pulls all of them, `failed`
   * with what the program said, `timeout`.
   */
  load(images: readonly LoadedImage[], signal: AbortSignal): Promise<Result<void>>;
  /** Events, states and logs of pods, and logs of Kubernetes itself, into a folder; never fails as a whole. */
  collect(folder: string): Promise<Collected>;
  /** Settles when the time limit took the cluster down, or it was found dead; never otherwise. */
  readonly lost: Promise<string>;
  /** Removes all of it and the record of it. May be called again. Fault: what is still there, and how to remove it. */
  down(): Promise<Result<void>>;
}

/** A source of clusters, one a run. */
export interface Cluster {
  readonly kind: "kind" | "existing" | "command";
  /**
   * A cluster that is ready, of the version wanted. Where it fails, is aborted or late, nothing of it is left. Faults:
   * `missing-need`, `refused` (production, a namespace in use, another version), `timeout`, `failed`.
   */
  up(spec: ClusterSpec, signal: AbortSignal): Promise<Result<RunningCluster>>;
  /** Removes what earlier boots of this home left behind; answers how many clusters that were. */
  sweep(): Promise<number>;
  capability(): Promise<Capability>;
}
