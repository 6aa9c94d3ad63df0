import type { Command } from "commander";
import type { FamilyReading, ProwReading, RepositoryFinding } from "../config/index.ts";
import { type Clock, exitCodeOf, type Fault, type Ids, type Result } from "../core/index.ts";
import type { Capability } from "../execute/index.ts";
import type { Component, Family } from "../family/index.ts";
import type { Reproduction, TrainRequest } from "../intake/index.ts";
import type { Job } from "../jobs/index.ts";
import type { Policy, PreflightFacts } from "../policy/index.ts";
import type { RecordWitness, TrustedKey, Verification } from "../proof/index.ts";
import type { TestSummary } from "../results/index.ts";
import type { ApiClient, Fetch } from "./api-client.ts";
import type { Output, Sink } from "./output.ts";

export interface ServeRequest {
  readonly config: string;
  readonly home: string;
  readonly database: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly behindProxy: boolean;
  readonly places: number | undefined;
  readonly work: string | undefined;
}

/** A run to be done here. */
export interface LocalRunRequest {
  readonly reproduction: Reproduction;
  readonly gitUrl: string;
  /** Value of the header, where the server wants one. */
  readonly authorization: string | undefined;
  /** Folder of the results; a new one among temporary files unless given. */
  readonly output: string | undefined;
  readonly unconfined: boolean;
  /** Opens the environment on this terminal instead of carrying the run out. */
  readonly shell: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly progress: (line: string) => void;
  /** The log, while it is written. */
  readonly print: (bytes: Uint8Array) => void;
}

export interface LocalRunResult {
  readonly state: string;
  readonly description: string;
  readonly testedCommit: string | undefined;
  readonly tests: TestSummary;
  /** Folder of this run's results. */
  readonly results: string;
}

/** Tags of a repository to be read with the facts of their time. */
export interface PastRequest {
  readonly subject: string;
  readonly cwd: string;
  readonly config: string;
  readonly home: string;
  readonly deployment: boolean;
  readonly progress: (line: string) => void;
}

/** The family file with the job files it names, checked. */
export interface ConfigurationAnswer extends FamilyReading {
  readonly loaded: readonly Job[];
  readonly counts: ProwReading["counts"];
  /** Whether the repository of a component may bring jobs itself. */
  bringsJobs(component: Component): boolean;
}

/** Whoever sits there. */
export interface Terminal {
  /** False where the answers come from a program or a file. */
  readonly present: boolean;
  /** One line that is typed; `undefined` at the end of input and on Ctrl-C. */
  ask(question: string): Promise<string | undefined>;
  /** Calls `act` on Ctrl-C instead of ending; the answer undoes that. */
  onInterrupt(act: () => void): () => void;
}

/** What commands need of the rest of the program and of the world; supplied by `main.ts`. */
export interface CliDependencies {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly version: string;
  readonly fetch: Fetch;
  /** Serves until told to stop by a signal; answers the exit code. */
  readonly serve: (request: ServeRequest, output: Output) => Promise<Result<void>>;
  /** The API of a home without a server. */
  readonly readHome: (config: string, home: string) => Promise<Result<{ fetch: Fetch; close(): Promise<void> }>>;
  /** Everything users wrote. `home`: where readings of unchanged job files are kept, where there is one. */
  readonly readConfiguration: (file: string, home: string | undefined) => Promise<Result<ConfigurationAnswer>>;
  readonly capabilities: (asked: {
    readonly family: Family | undefined;
    readonly containers: boolean;
  }) => Promise<readonly Capability[]>;
  /** Clones a repository to look at it; nothing of it is run. */
  readonly inspect: (
    url: string,
    progress: (line: string) => void,
  ) => Promise<Result<{ finding: RepositoryFinding; close(): Promise<void> }>>;
  /** Does a run on this machine; Ctrl-C aborts it as the server would. */
  readonly runHere: (request: LocalRunRequest) => Promise<Result<LocalRunResult>>;
  readonly readPast: (request: PastRequest) => Promise<
    Result<{
      readonly repository: string;
      readonly tags: number;
      readonly facts: readonly PreflightFacts[];
      readonly policy: Policy;
    }>
  >;
  readonly terminal: Terminal;
  /** A train in a file, checked. */
  readonly readTrain: (
    file: string,
  ) => Promise<Result<{ readonly request: TrainRequest; readonly placed: (error: Fault) => Fault }>>;
  readonly writeFile: (file: string, text: string) => Promise<Result<void>>;
  readonly readPolicy: (file: string, component: string) => Promise<Result<Policy>>;
  /** Makes the image of the containers beside jobs in pods. */
  readonly podImage: (
    to: { readonly folder: string } | { readonly reference: string },
  ) => Promise<Result<{ digest: string; platform: string }>>;
  readonly pull: (image: string, folder: string) => Promise<Result<{ digest: string; blobs: number; bytes: number }>>;
  /** Checks an image at its registry against its proof. */
  readonly verify: (
    image: string,
    keys: readonly TrustedKey[],
    witness: RecordWitness | undefined,
  ) => Promise<Result<Verification>>;
  readonly backupHome: (config: string, home: string, file: string) => Promise<Result<{ bytes: number }>>;
  readonly restoreHome: (file: string, home: string) => Promise<Result<{ files: number }>>;
  /** Starts this very program in the background; for the demo. */
  readonly spawnSelf: (args: readonly string[], log: string) => { readonly pid: number; stop(): Promise<void> };
}

/** Given with every command. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly server: string | undefined;
  readonly home: string;
  /** As named on the command line or by FAIRLEAD_HOME. */
  readonly homeGiven: string | undefined;
  readonly config: string;
}

export interface CommandContext {
  readonly deps: CliDependencies;
  readonly output: Output;
  globals(): GlobalOptions;
  /** The server to talk to, or the home itself where none runs. */
  client(): Promise<Result<ApiClient>>;
  /** Ends what `client` opened, early. */
  close(): Promise<void>;
  /** Registers what a command does; its answer is the exit code. */
  action<Args extends readonly unknown[]>(command: Command, act: (...args: Args) => Promise<number>): void;
  /** Tells a fault and answers its exit code. */
  fail(fault: Fault): number;
}

export function exitOf(fault: Fault): number {
  return exitCodeOf(fault.code);
}
