/**
 * What the family file says, checked and completed. Pure data: `src/config` makes it, everything else reads it.
 */

/** Design 1: `versioned` has a stable API; `internal` is never tagged; `deployment` is versioned and pins others. */
export type ComponentKind = "versioned" | "internal" | "deployment";

export interface Component {
  readonly name: string;
  /** Any git URL; for the local forge the place it was first read from. */
  readonly repository: string;
  /** Prow's names: the last two segments of the repository URL, unless set. */
  readonly org: string;
  readonly repo: string;
  readonly kind: ComponentKind;
  /** Runs in a cluster, so a Kubernetes test is required. */
  readonly deployed: boolean;
  /** Image names it owns; nobody else may use them. `undefined`: those its release configuration names. */
  readonly images: readonly string[] | undefined;
  /** User names who may merge, tag, freeze and approve here. */
  readonly maintainers: readonly string[];
  /** `undefined`: what the repository's HEAD names. */
  readonly defaultBranch: string | undefined;
  /** How many release lines, newest first, get fixes. */
  readonly supportedLines: number;
  /** Of an internal component: components in which its changes are tested before they merge. */
  readonly testedIn?: readonly string[] | undefined;
  readonly jobs: ComponentJobs;
  /** How it is tried in a cluster; nothing set when absent. */
  readonly e2e?: ComponentEndToEnd | undefined;
}

/** What of a component's own is used where it is deployed. Paths are of its repository, at the commit of its images. */
export interface ComponentEndToEnd {
  /** Its own manifests: it is tried alone instead of in the family's deployment. */
  readonly folder: string | undefined;
  /** Patterns of manifests that must be there before the deployment: CRDs, controllers. In this order. */
  readonly before: readonly string[];
  /** Files with roles, by the name that the deploy script's variable has; those not set are found by convention. */
  readonly rbac: Readonly<Record<string, string>>;
}

/** The shared test of what is deployed: the deployment's manifests with the images that are tested. */
export interface EndToEnd {
  /** The component whose manifests they are; `undefined`: the family's only deployment. */
  readonly deployment: string | undefined;
  /** Branch or tag of the deployment for tests of other components; `undefined`: that of the lanes. */
  readonly ref: string | undefined;
  /** Images of the components that a test does not replace: as the deployment pins them, or the newest canaries. */
  readonly others: "pinned" | "canary";
  /** Folder of its manifests; may name the version as `${version}`. */
  readonly folder: string | undefined;
  /** Script of that folder; `undefined`: its `deploy.sh`, else its manifests are applied. */
  readonly script: string | undefined;
  /** Command in the deployment's checkout; `undefined`: what its `.fairlead.yaml` says under `e2e`. */
  readonly test: string | undefined;
  /** File of the folder that describes the driver to a test suite. */
  readonly driver: string | undefined;
  /** Prebuilt test suites by Kubernetes version (`development` too): a folder of the server, and the revision it is of. */
  readonly suites: Readonly<Record<string, { readonly folder: string; readonly revision: string }>>;
  /** How long the deployment may take to get ready, milliseconds. */
  readonly readyMs: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Settings of the generated jobs of one component. */
export interface ComponentJobs {
  readonly env: Readonly<Record<string, string>>;
  /** Names of generated jobs that never block. */
  readonly optional: readonly string[];
  /** RE2 patterns of branches on which the generated jobs do not run. */
  readonly skipBranches: readonly string[];
  readonly timeoutMs: number;
  readonly gracePeriodMs: number;
  /** Kubernetes versions of its matrix; `undefined`: the family's. */
  readonly versions: readonly string[] | undefined;
  /** Without the variants for alpha features. */
  readonly withoutAlpha: boolean;
}

export type ClusterKind = "none" | "kind" | "existing" | "command";

export interface Registries {
  /** Where canaries go: `builtin` or `host/path`. */
  readonly canary: string;
  /** Every one gets the same digests. */
  readonly release: readonly string[];
  /** Origin host to mirror `host[:port][/path]`; a mirror serves by digest. */
  readonly mirrors: Readonly<Record<string, string>>;
  /** Mirrors may also answer what a tag means now. */
  readonly mirrorsMayResolve: boolean;
  /** Hosts from which changes may pull base images (anonymously). Empty: those of the default list. */
  readonly baseHosts: readonly string[];
  /** How often every release registry is compared with the record; `undefined`: when asked for only. */
  readonly auditEveryMs?: number | undefined;
  /** Bytes that the built-in registry takes for one repository, for all of the family, and from one run. */
  readonly quota?:
    | { readonly repository?: number | undefined; readonly family?: number | undefined; readonly run: number }
    | undefined;
}

/** Values may name the version as `${version}`. */
type VersionedEnv = Readonly<Record<string, string>>;

export interface Kubernetes {
  /** Released versions, `1.36`. */
  readonly versions: readonly string[];
  /** Those whose jobs never block. */
  readonly experimental: readonly string[];
  /** Name of the version under development: its jobs run when asked for. */
  readonly development: string;
  readonly cluster: ClusterKind;
  /** Variables of every job on a released version, and on the one under development. */
  readonly env: VersionedEnv;
  readonly developmentEnv: VersionedEnv;
  /** Alpha features: when asked for, on these versions, with variables of their own on top. */
  readonly alpha: { readonly versions: readonly string[]; readonly env: VersionedEnv };
  /** How clusters come up, where it is `command`: argument vectors, in the folder of the family file. */
  readonly command?:
    | {
        readonly up: readonly string[];
        readonly load?: readonly string[] | undefined;
        readonly down: readonly string[];
        readonly logs?: readonly string[] | undefined;
      }
    | undefined;
  /** Where it is `kind`: its program, node images by version, and a configuration file of kind. */
  readonly kind?:
    | {
        readonly program: string;
        readonly nodeImages: Readonly<Record<string, string>>;
        readonly config: string | undefined;
      }
    | undefined;
  /** Where it is `existing`: which cluster, and what of it may be used. */
  readonly existing?:
    | {
        readonly kubeconfig: string;
        readonly context: string | undefined;
        readonly namespace: string | undefined;
        readonly production: boolean;
        readonly load?: readonly string[] | undefined;
      }
    | undefined;
  /** `undefined`: jobs on Kubernetes run the components' own scripts, which bring a cluster themselves. */
  readonly e2e?: EndToEnd | undefined;
}

export interface Lanes {
  readonly everyMs: number;
  /** A new canary starts the lanes that use it, but not sooner after their last start; `undefined`: never. */
  readonly afterCanaryMs?: number | undefined;
  /** Branch of the deployment that is tested. */
  readonly ref: string;
  /** Folders of the deployment whose manifests are used; `undefined`: what its scripts choose. */
  readonly stable: string | undefined;
  readonly canary: string | undefined;
  /** Variables of all lanes; on top those with canary images, and `canary-dev`. */
  readonly env: VersionedEnv;
  readonly canaryEnv: VersionedEnv;
  readonly developmentEnv: VersionedEnv;
}

export interface GeneratedSettings {
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** TestGrid dashboard; `${component}` is the component's name. */
  readonly dashboard: string;
  readonly alertEmail: string | undefined;
}

/** A folder with a file for each key, or each key by itself. Paths are relative to the family file. */
export type SecretSource =
  | { readonly dir: string }
  | { readonly keys: Readonly<Record<string, { readonly file: string } | { readonly env: string }>> };

export type Severity = "refuse" | "warn" | "note" | "off";

/** Where tools come from that components ask for by version. */
export interface ToolchainSettings {
  /** Address of a GOPROXY; `undefined`: the server's own, else Go's. */
  readonly goproxy: string | undefined;
  /** Tools as archives with their sums. `bin`: folder of the programs inside. */
  readonly archives: readonly {
    readonly name: string;
    readonly version: string;
    readonly url: string;
    readonly sha256: string;
    readonly bin: string | undefined;
  }[];
}

/** How runs are carried out on this machine. */
export interface ExecuteSettings {
  /** `process`: in the cage, with the machine's tools. `container`: in the job's image. `kubernetes`: as pods. */
  readonly kind: "process" | "container" | "kubernetes";
  /** `undefined`: whichever works. */
  readonly engine: "podman" | "docker" | undefined;
  /** Options before every command of the engine; `undefined`: what works is found. */
  readonly options: readonly string[] | undefined;
  /** Names of jobs whose containers get the privileges that they ask for. */
  readonly privileged: readonly string[];
  /** Clusters for pods, by the alias that jobs give as their `cluster`. */
  readonly clusters?: Readonly<Record<string, BuildCluster>> | undefined;
}

/** A cluster whose pods carry out runs. */
export interface BuildCluster {
  /** File of kubectl; `undefined`: the cluster that the server itself runs in. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string;
  /** What `fairlead pod-image` makes, as the cluster pulls it. */
  readonly image: string;
  /** Accounts that jobs of the tiers `branch` and `release` may run as. */
  readonly serviceAccounts: readonly string[];
  /** The administrator's word that its network enforces policies, and that pods may have user namespaces. */
  readonly networkPolicies: boolean;
  readonly userNamespaces: boolean;
}

export interface Family {
  readonly name: string;
  readonly forge: { readonly kind: "local" } | { readonly kind: "git"; readonly pollMs: number };
  readonly components: readonly Component[];
  readonly registries: Registries;
  readonly kubernetes: Kubernetes;
  /** Combinations tested on a schedule; `undefined`: none. */
  readonly lanes: Lanes | undefined;
  /** What generated jobs look like as Prow's. */
  readonly generated: GeneratedSettings;
  /** Prow's main configuration and its job files or folders, relative to the family file. */
  readonly prow:
    | {
        readonly config: string | undefined;
        readonly jobs: readonly string[];
        /** Whether repositories bring jobs themselves (Prow: `in_repo_config`), and which secrets those may use. */
        readonly inRepo?: {
          readonly enabled: Readonly<Record<string, boolean>>;
          readonly secrets: readonly string[];
        };
      }
    | undefined;
  /** Where the secrets that jobs name are held, by name; none when absent. */
  readonly secrets?: Readonly<Record<string, SecretSource>> | undefined;
  /** `false`: only jobs of Prow files. */
  readonly generateJobs: boolean;
  /** Beyond loopback reading needs a token unless this is `read`. */
  readonly anonymous: "none" | "read";
  readonly execute: ExecuteSettings;
  readonly toolchains: ToolchainSettings;
  /** Private or loopback `host:port` targets that runs may reach through the egress proxy. */
  readonly reachable: readonly string[];
  /** Where finished results are put again: directories, `s3://…` or `gs://…`; none when absent. */
  readonly resultMirrors?:
    | readonly { readonly to: string; readonly endpoint?: string | undefined; readonly region?: string | undefined }[]
    | undefined;
  /** SSH public keys by user: a tag signed with one was made by that user, whoever pushed it. */
  readonly signers?: Readonly<Record<string, readonly string[]>> | undefined;
  /** How often the maintenance job looks for updates; `undefined`: when asked for only. */
  readonly maintenanceEveryMs?: number | undefined;
  /** Who signs releases instead of a key in the home: a program, and the public key (PEM) of what it signs with. */
  readonly signing?: { readonly command: readonly string[]; readonly publicKey: string } | undefined;
  /** Severities by rule id, for all components and per component. */
  readonly policy: {
    readonly all: Readonly<Record<string, Severity>>;
    readonly byComponent: Readonly<Record<string, Readonly<Record<string, Severity>>>>;
    /** Numbers of rules, where they are set. */
    readonly thresholds?: { readonly sharedBehind?: number | undefined; readonly clockSkewMs?: number | undefined };
  };
  /** Hash of the configuration as served; stored with every decision. */
  readonly configHash: string;
}

/** Roles in rising order (design 9). */
export type Role = "reader" | "contributor" | "maintainer" | "administrator";

/** Who acts: what a token says, never what a commit or tag says. */
export interface Principal {
  readonly user: string;
  readonly role: Role;
  /** For maintainers: the components; `undefined` means all. */
  readonly components: readonly string[] | undefined;
  /** The token's id, recorded with every act; `local` for the machine's own user, `anonymous` without one. */
  readonly tokenId: string;
}

/** Design 9: fixed by the server before a run starts. Rising order of trust. */
export type Tier = "stranger" | "change" | "branch" | "release";

/** Release states (design 5). */
export type ReleaseState =
  | "requested"
  | "quarantined"
  | "building"
  | "verifying"
  | "publishing"
  | "published"
  | "failed"
  | "closed"
  | "withdrawn";

/** Run states (Prow's). */
export type RunState = "triggered" | "pending" | "success" | "failure" | "aborted" | "error";
