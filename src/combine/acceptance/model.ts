import type { Component, Family } from "../../family/index.ts";
import type { Repository } from "../../git/index.ts";
import type { ClusterTest } from "../../jobs/index.ts";
import type { ClusterEvidence } from "../cluster/model.ts";
import type { PinSet } from "../pin-sets/model.ts";
import type { ReadBack } from "./read-back.ts";

/** A repository as the run checked it out. */
export interface TestTree {
  readonly component: string;
  readonly repository: Repository;
  /** What was checked out, merged where it is a change. */
  readonly commit: string;
  /** On the host, and as code in the cage sees it. */
  readonly directory: string;
  readonly inside: string;
}

/** A folder or file that a script sees besides its tree. */
export interface TestMount {
  readonly host: string;
  readonly inside: string;
  readonly writable: boolean;
}

/** Code of the repositories, to be run in the cage. */
export interface TestScript {
  /** Name of the step in the log. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly TestMount[];
  readonly pathPrefix: readonly string[];
  /** `host:port` of the cluster's API. */
  readonly reachable: readonly string[];
  readonly signal: AbortSignal;
}

/** How a step of a test ended; the same words as those of a run. */
export interface TestStop {
  readonly state: "success" | "failure" | "error" | "aborted";
  readonly description: string;
  readonly notRunNeed?: string | undefined;
}

/** What a run hands over for its test in a cluster. */
export interface ClusterScene {
  readonly runId: string;
  readonly buildId: string;
  readonly test: ClusterTest;
  readonly family: Family;
  readonly component: Component;
  readonly trees: readonly TestTree[];
  /** Folder of this attempt on the host, outside of everything a job writes. */
  readonly folder: string;
  /** Where artifacts go, on the host. */
  readonly artifacts: string;
  /** A moment of the clock at which all of it must have ended. */
  readonly deadline: number;
  /** Does the run build images of its component itself? */
  readonly builds: boolean;
  /** What the component's and the deployment's `.fairlead.yaml` say under `e2e`. */
  readonly suites: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  readonly script: (script: TestScript) => Promise<TestStop>;
}

/** A pin set that was resolved before the first step. */
export interface PreparedTest {
  readonly scene: ClusterScene;
  readonly deployment: TestTree;
  readonly base: PinSet;
}

/** What was tested, for the run's page and its `finished.json`. */
export interface TestEvidence {
  readonly pinSet: string;
  readonly cluster: ClusterEvidence | undefined;
  /** Revision of the prebuilt test suite; `undefined`: the tests come from the repositories. */
  readonly suite: string | undefined;
  readonly readBack: ReadBack | undefined;
}

export interface TestResult {
  readonly stop: TestStop;
  readonly set: PinSet;
  readonly evidence: TestEvidence;
}

/** Images that the run built, as it will record them. */
export interface OwnImages {
  readonly commit: string;
  /** Tag that they have in the cluster. */
  readonly version: string;
  readonly images: readonly {
    readonly name: string;
    readonly digest: string;
    readonly mediaType: string;
    readonly size: number;
    /** JSON: platform and digest for each. */
    readonly platforms: string;
  }[];
}
