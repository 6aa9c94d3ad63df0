import type { Json, JsonObject } from "../../jobs/index.ts";
import type { Complaints, Struct } from "./struct.ts";

/** Fields of a job that are kept and shown but not acted on. */
const ofJobs: Readonly<Record<string, string>> = {
  error_on_eviction: "nothing is evicted here",
  reporter_config: "reports to Slack are not sent",
  rerun_auth_config: "roles of tokens decide who may run a job again",
  hidden: "every page shows every job",
  retry: "failed periodics are not started again before their time",
  prowjob_defaults: "there are no tenants",
  jenkins_spec: "there is no Jenkins",
};

const noPods = "nothing waits for a pod here";
const noCredentials = "repositories are read without credentials of jobs";
const ofDecoration: Readonly<Record<string, string>> = {
  pod_pending_timeout: noPods,
  pod_running_timeout: noPods,
  pod_unscheduled_timeout: noPods,
  upload_ignores_interrupts: "results are stored whatever ends a run",
  set_limit_equals_memory_request: "of resources only limits count",
  default_memory_request: "of resources only limits count",
  scheduling_options: "the server alone places runs",
  run_as_user: "the executor decides as whom a job runs",
  run_as_group: "the executor decides as whom a job runs",
  fs_group: "the executor decides as whom a job runs",
  default_service_account_name: "there are no service accounts",
  s3_credentials_secret: "where results are mirrored stands in the family file",
  ssh_key_secrets: noCredentials,
  ssh_host_fingerprints: noCredentials,
  oauth_token_secret: noCredentials,
  github_api_endpoints: noCredentials,
  github_app_id: noCredentials,
  github_app_private_key_secret: noCredentials,
  cookiefile_secret: noCredentials,
};

const notInCluster = "jobs run where Fairlead runs";
/** Of a pod, whatever runs it; what else one executor ignores stands at the head of a run's log. */
const ofPods: Readonly<Record<string, string>> = {
  initContainers: "they are not run",
  nodeSelector: notInCluster,
  nodeName: notInCluster,
  affinity: notInCluster,
  tolerations: notInCluster,
  topologySpreadConstraints: notInCluster,
  priorityClassName: notInCluster,
  runtimeClassName: notInCluster,
  schedulerName: notInCluster,
  serviceAccountName: "there are no service accounts",
  serviceAccount: "there are no service accounts",
  hostNetwork: "a job has a network of its own",
  hostPID: "a job sees its own processes only",
  hostIPC: "a job sees its own processes only",
  securityContext: "the executor decides as whom a job runs",
  hostAliases: "names are resolved by the way out of the cage",
  dnsConfig: "names are resolved by the way out of the cage",
  imagePullSecrets: "images are read without credentials of jobs",
};

/** Nothing is dropped silently: every field of a job that changes nothing here is told, each with its reason. */
export function tellNotActedOn(read: Struct, decoration: JsonObject, complaints: Complaints): void {
  for (const [field, why] of Object.entries(ofJobs))
    if (read.has(field)) complaints.ignored(read.at(field), field, why);
  const at = read.at("decoration_config");
  for (const field of Object.keys(decoration)) {
    const why = ofDecoration[field];
    if (why !== undefined) complaints.ignored([...at, field], `decoration_config.${field}`, why);
  }
  if (objectOf(decoration.gcs_configuration).local_output_dir !== undefined)
    complaints.ignored(
      [...at, "gcs_configuration", "local_output_dir"],
      "decoration_config.gcs_configuration.local_output_dir",
      "results keep the layout of the bucket; results.mirror of the family file copies them to a directory",
    );
}

/** The same of a job's pod as the file has it, before presets. */
export function tellPodNotActedOn(pod: JsonObject, read: Struct, complaints: Complaints): void {
  for (const field of Object.keys(pod)) {
    const why = ofPods[field];
    if (why !== undefined) complaints.ignored([...read.at("spec"), field], `spec.${field}`, why);
  }
  const { containers } = pod;
  if (Array.isArray(containers) && containers.length > 1)
    complaints.ignored([...read.at("spec"), "containers", 1], "containers after the first", "only the first is run");
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
