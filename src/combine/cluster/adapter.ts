import type { Result } from "../../core/index.ts";
import type { Capability } from "../../execute/index.ts";
import type { Cluster, ClusterSpec, LoadedImage } from "./model.ts";
import type { ClusterRecord } from "./records.ts";

/** What all kinds of cluster share is in `lifetime.ts`; this is the rest, which differs. */
export interface ClusterAdapter {
  readonly kind: Cluster["kind"];
  readonly capability: () => Promise<Capability>;
  /** Program that speaks to the API. */
  readonly kubectl: string;
  /** Starts it and answers a kubeconfig complete in itself; its namespace is the only one to be used. */
  start(task: StartTask): Promise<Result<{ readonly kubeconfig: string; readonly namespace: string | undefined }>>;
  /** Removes what a record tells of, whole, half-started or gone. */
  remove(record: ClusterRecord, task: ProgramTask): Promise<Result<void>>;
  load(record: ClusterRecord, images: readonly LoadedImage[], task: ProgramTask): Promise<Result<void>>;
  /** Logs of Kubernetes itself, into a folder. `undefined`: this kind cannot tell. */
  readonly logs?: ((record: ClusterRecord, folder: string, task: ProgramTask) => Promise<Result<void>>) | undefined;
}

export interface ProgramTask {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

export interface StartTask extends ProgramTask {
  readonly spec: ClusterSpec;
  readonly record: ClusterRecord;
  /** Writes down what `remove` will need, before it is made. */
  remember(state: Readonly<Record<string, string>>): Promise<void>;
  /** Writes down the program that is at work, so that a later boot can end it. */
  readonly started: (group: number) => Promise<void>;
}
