import type { Generated } from "kysely";
import type { ReleaseState, Role, RunState, Tier } from "../family/index.ts";
import type { JobType } from "../jobs/index.ts";
import type { TrainStopState } from "../policy/index.ts";

/**
 * Rows as both databases hold them: ids are text, times integer milliseconds UTC, booleans 0 or 1, structures JSON text.
 * A feature reads and writes its rows in its own `records.ts`.
 */
export interface Database {
  meta: { key: string; value: string };
  components: ComponentRow;
  refs: RefRow;
  pushes: PushRow;
  events: EventRow;
  decisions: DecisionRow;
  feed: FeedRow;
  changes: ChangeRow;
  freezes: FreezeRow;
  runs: RunRow;
  attempts: AttemptRow;
  releases: ReleaseRow;
  release_notes: ReleaseNoteRow;
  built_images: BuiltImageRow;
  publications: PublicationRow;
  trains: TrainRow;
  train_stops: TrainStopRow;
  upkeep: UpkeepRow;
  canaries: CanaryRow;
  pin_sets: PinSetRow;
  pin_set_images: PinSetImageRow;
  cluster_tests: ClusterTestRow;
  release_lanes: ReleaseLaneRow;
  journal: JournalRow;
  audits: AuditRow;
  audit_findings: AuditFindingRow;
  tokens: TokenRow;
  record_chain: RecordChainRow;
  signing_keys: SigningKeyRow;
  proofs: ProofRow;
  release_files: ReleaseFileRow;
  registry_manifests: RegistryManifestRow;
  registry_tags: RegistryTagRow;
  registry_blobs: RegistryBlobRow;
  registry_repository_blobs: RegistryRepositoryBlobRow;
}

type Flag = 0 | 1;

export interface ComponentRow {
  name: string;
  repository: string;
  default_branch: string | null;
  /** `new`, `copying`, `adopted`, `unreachable`. */
  state: string;
  state_detail: string;
  commits: number;
  adopted_tags: number;
  /** Rises with every decision about the component: compared in the transaction that stores one. */
  facts_version: number;
  adopted_at: number | null;
}

/** What was last decided about each ref; the reconciler compares it with what the repository holds. */
export interface RefRow {
  component: string;
  name: string;
  object: string;
  commit_id: string | null;
  /** Present when the component was first seen: recorded, never built. */
  adopted: Flag;
  seen_at: number;
}

/** Written before a ref is moved, so that a crash between the two loses neither the actor nor the event. */
export interface PushRow {
  id: string;
  component: string;
  ref: string;
  before_id: string;
  after_id: string;
  actor: string;
  at: number;
}

export interface EventRow {
  seq: Generated<number>;
  id: string;
  component: string | null;
  kind: string;
  body: string;
  at: number;
  /** `new`, `done`. */
  state: string;
  decided_at: number | null;
}

export interface DecisionRow {
  seq: Generated<number>;
  event_id: string;
  component: string;
  /** `run`, `skip`, or an effect's kind. */
  kind: string;
  /** What it is about: a run id, release id, `component#7`, commit. */
  subject: string;
  /** The commit, where there is one. */
  commit_id: string | null;
  reason: string;
  body: string;
  config_hash: string;
  at: number;
}

/** Append-only: the sequence is the id of server-sent events. */
export interface FeedRow {
  seq: Generated<number>;
  at: number;
  /** `run`, `change`, `release`, `canary`, `component`. */
  topic: string;
  component: string;
  subject: string;
  state: string;
}

export interface ChangeRow {
  component: string;
  number: number;
  base: string;
  base_sha: string;
  head: string;
  title: string;
  author: string;
  author_role: Role | null;
  /** Head commit that a maintainer allowed; null: none. */
  allowed_head: string | null;
  /** `open`, `merged`, `closed`. */
  state: string;
  files: string;
  opened_at: number;
  updated_at: number;
  merged_at: number | null;
  merged_commit: string | null;
  merged_by: string | null;
  override_reason: string | null;
  /** Empty, or the files in conflict with the base, JSON. */
  conflicts: string;
  /** The release that it was marked for: it passes a freeze for that release. */
  for_release: string | null;
  /** Number of the change that this one brings to a maintenance branch. */
  backport_of: number | null;
  /** What Fairlead opened it for, once for each component and base: `shared:release-tools`; null: a person did. */
  purpose: string | null;
}

/** Over when it was thawed, its date came or its version was published: judged when looked at, never by a timer. */
export interface FreezeRow {
  id: string;
  component: string;
  branch: string;
  version: string;
  reason: string;
  by_user: string;
  from_at: number;
  until_at: number | null;
  ended_at: number | null;
  ended_by: string | null;
  ended_reason: string | null;
}

export interface RunRow {
  id: string;
  job: string;
  type: JobType;
  component: string;
  context: string;
  optional: Flag;
  /** Whether a merge waits for it. */
  required: Flag;
  tier: Tier;
  state: RunState;
  /** Set when a need was missing: `go`; such a run is state `error` and never green. */
  not_run_need: string | null;
  description: string;
  reason: string;
  refs: string;
  /** Full ref of the event. */
  ref: string;
  change_number: number | null;
  /** Head of the change, or the commit. */
  head: string;
  base_sha: string;
  /** Merged commit that was tested; null until checked out. */
  tested_commit: string | null;
  tested_tree: string | null;
  job_body: string;
  config_hash: string;
  release_id: string | null;
  event_id: string;
  build_id: string | null;
  attempt: number;
  rerun_of: string | null;
  abort_reason: string | null;
  /** Test summary, JSON; null: none read. */
  tests: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  lease_owner: string | null;
  lease_until: number | null;
  fencing: number;
}

export interface AttemptRow {
  build_id: string;
  run_id: string;
  attempt: number;
  started_at: number;
  finished_at: number | null;
  exit_code: number | null;
  outcome: string | null;
}

export interface ReleaseRow {
  id: string;
  component: string;
  version: string;
  tag_object: string;
  commit_id: string;
  tree: string | null;
  state: ReleaseState;
  prerelease: Flag;
  /** Findings and unchecked rules of preflight, JSON. */
  findings: string;
  unchecked: string;
  findings_hash: string;
  config_hash: string;
  /** Sentence that stands on top of its page. */
  reason: string;
  requested_by: string;
  run_id: string | null;
  approved_by: string | null;
  approved_reason: string | null;
  requested_at: number;
  quarantined_at: number | null;
  building_at: number | null;
  verifying_at: number | null;
  publishing_at: number | null;
  published_at: number | null;
  ended_at: number | null;
  withdrawn_at: number | null;
  withdrawn_by: string | null;
  withdrawn_reason: string | null;
}

/** The result of a test that a person did; the newest one of a release is what counts. */
export interface ReleaseNoteRow {
  seq: Generated<number>;
  release_id: string;
  /** `pass`, `fail`. */
  result: string;
  text: string;
  by_user: string;
  at: number;
}

/** An image assembled by a run; its bytes are in the blob store and kept as long as this row. */
export interface BuiltImageRow {
  run_id: string;
  name: string;
  digest: string;
  media_type: string;
  size: number;
  /** JSON: platform, digest, diff ids for each. */
  platforms: string;
  warnings: string;
  /** How it was made and what was in force, JSON; `{}`: not written down. */
  making: Generated<string>;
  at: number;
}

/** The record as a chain: each link hashes a row of an append-only table together with the link before it. */
export interface RecordChainRow {
  seq: Generated<number>;
  /** `events`, `decisions`, `feed`, `proofs`. */
  source: string;
  row_seq: number;
  hash: string;
}

/** A key that signs or signed releases. The private half is a file of the home, or with an outside signer. */
export interface SigningKeyRow {
  /** SHA-256 of the public key in DER, hex. */
  id: string;
  /** PEM. */
  public_key: string;
  /** `file`, `command`. */
  custody: string;
  created_at: number;
  created_by: string;
  retired_at: number | null;
  /** What it signed from then on is not trusted. */
  revoked_from: number | null;
  revoked_by: string | null;
}

/** A signed statement about one digest of a release, stored before it is pushed anywhere. */
export interface ProofRow {
  seq: Generated<number>;
  release_id: string;
  /** Name of the image; empty for the release itself, where it has no images. */
  image: string;
  subject_digest: string;
  /** `signature`, `provenance`, `sbom`. */
  kind: string;
  /** Manifest of the artifact that carries it. */
  digest: string;
  media_type: string;
  size: number;
  key_id: string;
  /** Head of the record that the provenance names. */
  record_head: string;
  at: number;
}

/** An auxiliary file of a release; its bytes are in the blob store. */
export interface ReleaseFileRow {
  release_id: string;
  path: string;
  digest: string;
  size: number;
}

/** One image at one registry under one tag: wanted, then done, never twice. */
export interface PublicationRow {
  id: string;
  release_id: string;
  component: string;
  image: string;
  tag: string;
  registry: string;
  digest: string;
  /**
   * `wanted` (its bytes are to be pushed), `pushed` (its tag is to be written), `copy` (asked for later, by hand),
   * `refused` (other bytes are there), `published`.
   */
  state: string;
  detail: string;
  published_at: number | null;
}

/** Several releases that one request asked for. */
export interface TrainRow {
  /** `t1`. */
  id: string;
  /** JSON of who started it: acts are theirs. */
  actor: string;
  /** `going`, then `ended` or `stopped`. */
  state: string;
  reason: string;
  started_at: number;
  ended_at: number | null;
}

/** One release of a train. */
export interface TrainStopRow {
  train_id: string;
  /** Order in the train, from 0. */
  place: number;
  component: string;
  version: string;
  /** Commit to be tagged; null: the head of its branch when its turn comes. */
  commit_id: string | null;
  /** JSON: stops `component@v1.0.0` that are published first. */
  after_stops: string;
  /** `waiting`, `pins`, `checks`, `releasing`, `published`, `failed`, `held`, `stopped`. */
  state: TrainStopState;
  reason: string;
  release_id: string | null;
  /** The change that updates its pins. */
  change_number: number | null;
  began_at: number | null;
  ended_at: number | null;
}

/** What the maintenance job last did for one kind of update of one component. */
export interface UpkeepRow {
  component: string;
  /** `go-modules`, `go`, `bases`, `shared`, `pins`. */
  kind: string;
  /** `current`, `running`, `opened`, `updated`, `unchanged`, `left` (with the reason), `failed`. */
  outcome: string;
  detail: string;
  change_number: number | null;
  /** The run that makes the update, where one is needed. */
  run_id: string | null;
  /** Head that was looked at. */
  base_commit: string;
  /** JSON of what it should become. */
  wanted: string;
  at: number;
}

/** History of canary tags: the newest row of a tag is what it means now. */
export interface CanaryRow {
  seq: Generated<number>;
  component: string;
  image: string;
  tag: string;
  digest: string;
  commit_id: string;
  run_id: string;
  at: number;
}

/** An exact map from components to image digests, kept for ever. */
export interface PinSetRow {
  /** SHA-256 of its canonical JSON. */
  id: string;
  deployment: string;
  /** The set, JSON. */
  body: string;
  at: number;
}

/** The images of pin sets, to be found by digest. */
export interface PinSetImageRow {
  pin_set_id: string;
  component: string;
  commit_id: string;
  version: string;
  image: string;
  digest: string;
}

/** What one attempt of a run tested in a cluster. */
export interface ClusterTestRow {
  build_id: string;
  run_id: string;
  pin_set_id: string;
  /** `deploying` until the cluster was read; `proven`, `differs`. */
  state: string;
  /** What the cluster said it ran, JSON. */
  evidence: string;
  at: number;
}

/** A run of a lane that judges a release. */
export interface ReleaseLaneRow {
  release_id: string;
  run_id: string;
  job: string;
  at: number;
}

export interface JournalRow {
  id: string;
  seq: Generated<number>;
  /** `land-change`, `publish-canary`, `publish-release`, … */
  kind: string;
  subject: string;
  body: string;
  /** `written`, `done`, `failed`. */
  state: string;
  tries: number;
  not_before: number;
  last_error: string;
  written_at: number;
  done_at: number | null;
  lease_owner: string | null;
  lease_until: number | null;
  fencing: number;
}

/** One comparison of all registries with the record. */
export interface AuditRow {
  seq: Generated<number>;
  started_at: number;
  finished_at: number;
  /** Tags that were compared. */
  compared: number;
  /** JSON: `[{registry, reason}]`, those that could not be read. */
  unread: string;
}

/** A difference between a registry and the record; kept when it is gone. */
export interface AuditFindingRow {
  /** `kind|registry|image|tag`. */
  id: string;
  /** `moved`, `deleted`, `unexpected`, `missing`, `unsigned`. */
  kind: string;
  registry: string;
  component: string;
  image: string;
  tag: string;
  release_id: string | null;
  expected: string | null;
  found: string | null;
  first_seen: number;
  last_seen: number;
  resolved_at: number | null;
}

export interface TokenRow {
  id: string;
  hash: string;
  user_name: string;
  role: Role;
  /** JSON list, or null for all. */
  components: string | null;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

export interface RegistryManifestRow {
  repository: string;
  digest: string;
  media_type: string;
  size: number;
  /** Digest of the subject, where the manifest has one. */
  subject: string | null;
  artifact_type: string | null;
  annotations: string | null;
  pushed_at: number;
}

export interface RegistryTagRow {
  repository: string;
  tag: string;
  digest: string;
  updated_at: number;
}

export interface RegistryBlobRow {
  digest: string;
  size: number;
  /** HEAD 200, mount, upload and reference touch it. */
  touched_at: number;
  condemned_at: number | null;
}

export interface RegistryRepositoryBlobRow {
  repository: string;
  digest: string;
}
