import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { Result } from "../core/index.ts";
import type { Tier } from "../family/index.ts";
import type { JsonObject } from "../jobs/index.ts";

/** A folder of the host made visible to the job. */
export interface Mount {
  readonly host: string;
  readonly inside: string;
  readonly writable: boolean;
  /**
   * What an executor on another machine may leave out. `cache`: filled by earlier runs, and as well empty; `scratch`: begins
   * empty, and nobody reads afterwards what the job left; `input`: writable, but nobody reads it afterwards.
   */
  readonly purpose?: "cache" | "scratch" | "input" | undefined;
}

export interface Limits {
  /** Log bytes kept; the rest is counted and said. */
  readonly logBytes: number;
  /** Bytes the run may leave in its tree, artifacts and temporary folders. */
  readonly diskBytes: number;
  readonly processes: number;
  readonly memoryBytes: number;
}

/** What a job wants of the container it runs in. */
export interface ContainerWish {
  /** As the job names it; resolved to a digest before it is run. */
  readonly image: string;
  /** Kubernetes: `Always`, `IfNotPresent`, `Never`; `undefined`: by the tag. */
  readonly pullPolicy: string | undefined;
  /** Only where the family file allows it for this job. */
  readonly privileged: boolean;
  /** Limit in processors. */
  readonly cpus: number | undefined;
}

/** What a job wants of the cluster that its pod runs in. */
export interface PodWish {
  /** Prow's alias of a build cluster. */
  readonly cluster: string;
  /** As Prow's pods have them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The job's own pod spec; empty for a generated job. */
  readonly spec: JsonObject;
  /** Until it must have a node, and until it must run, from its creation. */
  readonly unscheduledMs: number;
  readonly pendingMs: number;
}

/** Answers one request of code in the cage, whose URL is absolute. */
export type Service = (request: IncomingMessage, response: ServerResponse) => void;

/** One process tree to be run in the cage. Design 9: an allow-list, an environment built from empty. */
export interface ExecutionSpec {
  readonly runId: string;
  readonly buildId: string;
  readonly tier: Tier;
  /** Argument vector; never a shell line of ours. */
  readonly argv: readonly string[];
  /** As the job sees it. */
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders, as the job sees them, to stand before its PATH. */
  readonly pathPrefix?: readonly string[] | undefined;
  /** Checkout, artifacts and read-only toolchains; system folders are the executor's own business. */
  readonly mounts: readonly Mount[];
  readonly timeoutMs: number;
  /** Between SIGINT and SIGKILL. */
  readonly graceMs: number;
  readonly limits: Limits;
  /** `egress`: HTTP(S) through the proxy, never loopback, link-local or private addresses unless listed. */
  readonly network: "none" | "egress";
  /** `host:port` targets that this run alone may reach though they are not public; needs the cage. */
  readonly reachable?: readonly string[] | undefined;
  /** For executors that run images; the others do without. */
  readonly container?: ContainerWish | undefined;
  /** For executors that run pods. */
  readonly pod?: PodWish | undefined;
  /** Host names that are answered here when asked for over plain HTTP, and reach no network; needs the cage. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  /**
   * `range`: root of a user namespace of 65536 ids with the capabilities of a builder of images, none of which reaches
   * out of the cage; not every executor can. Otherwise one id and no capability.
   */
  readonly ids?: "one" | "range" | undefined;
  /** Folders that begin empty, are written by the job alone and are gone with it. */
  readonly scratch?: readonly { readonly inside: string; readonly bytes: number }[] | undefined;
  /** A person at a terminal: the payload gets one of its own, and what is typed here, in frames. Not every executor can. */
  readonly terminal?: { readonly typed: Readable } | undefined;
  /** Called with the bytes of stdout and stderr, in order. */
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** What the supervisor got from the process: the only source of a run's outcome. */
export interface Outcome {
  readonly kind:
    | "exited"
    | "timed-out"
    | "aborted"
    | "could-not-start"
    | "limit"
    /** Nobody saw how it ended: no verdict, never a success. */
    | "lost";
  /** Exit code of the payload, 128 and the signal where one ended it; 127 on timeout, 130 when aborted (Prow's codes). */
  readonly exitCode: number;
  /** One sentence for people: `exited with 2`, `did not finish within 2h0m0s`. */
  readonly description: string;
  /** `host:port` reached through the proxy, and what was refused. */
  readonly reached: readonly { readonly target: string; readonly allowed: boolean }[];
  /** Why it can be started again unchanged, where the surroundings ended it and not the job: `evicted by its node`. */
  readonly again?: "evicted" | "stopped" | undefined;
  /** What was run, where that is known only at the end. */
  readonly image?: { readonly name: string; readonly digest: string } | undefined;
  /** Pod, events and node, as Prow's `podinfo.json` has them. */
  readonly podInfo?: JsonObject | undefined;
}

export interface Execution {
  readonly pid: number | undefined;
  /** What is run, where it is an image. */
  readonly image?: { readonly name: string; readonly digest: string } | undefined;
  readonly outcome: Promise<Outcome>;
  /** SIGINT to the payload, SIGKILL to all of it after the grace period. */
  abort(reason: string): void;
}

/** A thing a job can need: `go`, `make`, `container-engine`, `cluster`, `bubblewrap`. */
export interface Capability {
  readonly need: string;
  readonly present: boolean;
  /** Version or path where present; what is missing where not. */
  readonly detail: string;
  /** A command or sentence that mends the lack on this machine. */
  readonly mend: string;
  /** What the lack switches off. */
  readonly switchesOff: string;
}

/** A field of a pod spec that runs do without. */
export interface IgnoredField {
  /** Path in the pod spec: `nodeSelector`, `containers[0].securityContext`. */
  readonly path: string;
  readonly consequence: string;
}

export interface Executor {
  readonly name: "process" | "container" | "kubernetes";
  start(spec: ExecutionSpec): Promise<Result<Execution>>;
  /** Kills whatever earlier boots of this home left running. Answers how many process trees were ended. */
  sweep(): Promise<number>;
  capabilities(): Promise<readonly Capability[]>;
  /** Full isolation as of design 9? If not, strangers' changes do not run, and why is said. */
  isolation(): Promise<{ readonly full: boolean; readonly missing: readonly string[] }>;
  /** What of a job's pod has no effect here, in the order of the file. `privileged`: the family file allows it the job. */
  ignored(
    spec: JsonObject,
    privileged?: boolean,
    where?: { readonly cluster: string; readonly tier: Tier },
  ): readonly IgnoredField[];
  close(): Promise<void>;
}
