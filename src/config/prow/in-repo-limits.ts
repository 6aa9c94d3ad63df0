import type { Json, JsonObject } from "../../jobs/index.ts";
import { objects, textOf } from "./pod.ts";
import type { Preset } from "./presets.ts";
import type { Complaints, Path, Struct } from "./struct.ts";

/** What the family leaves to jobs that a repository brings itself. */
export interface InRepoLimits {
  /** Build clusters that such a job may name (Prow: `in_repo_config.allowed_clusters`). */
  readonly clusters: readonly string[];
  /** Secrets that such a job may use; it gets them from tier `branch` up, as every job. */
  readonly secrets: readonly string[];
  /** Names of all other jobs of the family, and contexts of those of the same component. */
  readonly names: readonly string[];
  readonly contexts: readonly string[];
}

const decorationAllowed = new Set([
  "timeout",
  "grace_period",
  "skip_cloning",
  "blobless_fetch",
  "sparse_checkout_files",
  "pod_pending_timeout",
  "pod_running_timeout",
  "pod_unscheduled_timeout",
  "set_limit_equals_memory_request",
  "default_memory_request",
]);
const volumesAllowed = new Set(["name", "emptyDir", "configMap", "downwardAPI", "secret"]);
const podRefused = [
  "hostNetwork",
  "hostPID",
  "hostIPC",
  "serviceAccountName",
  "serviceAccount",
  "automountServiceAccountToken",
  "imagePullSecrets",
  "nodeName",
  "priorityClassName",
];

/**
 * A job of a repository takes nothing that the family did not give it: no name or context of another job, no privileges,
 * secrets, host paths, service accounts, other clusters, nor the settings of decoration that reach beyond the run.
 */
export function checkInRepoJob(
  read: Struct,
  job: { readonly name: string; readonly context: string; readonly cluster: string; readonly own: JsonObject },
  pod: { readonly plain: JsonObject; readonly presets: readonly Preset[] },
  limits: InRepoLimits,
  complaints: Complaints,
): void {
  const say = (at: Path, message: string, hint?: string) => complaints.error(at, "not-in-repo", message, hint);
  if (limits.names.includes(job.name))
    say(read.at("name"), `the name ${job.name} belongs to a job of the family`, "choose another name");
  if (limits.contexts.includes(job.context))
    say(
      read.at(read.has("context") ? "context" : "name"),
      `the context ${job.context} belongs to a job of the family`,
      "choose another context",
    );
  if (!limits.clusters.includes(job.cluster))
    say(read.at("cluster"), `the cluster ${job.cluster} is not for jobs of a repository`);
  if ((read.text("agent") ?? "kubernetes") !== "kubernetes")
    say(read.at("agent"), "jobs of a repository have the agent kubernetes");
  for (const key of Object.keys(job.own).filter((each) => !decorationAllowed.has(each)))
    say([...read.at("decoration_config"), key], `${key} of decoration_config is the family's to set`);
  checkSpec(pod.plain, read.at("spec"), limits, say);
  for (const preset of pod.presets) checkPreset(preset, read.at("labels"), limits, say);
}

type Say = (at: Path, message: string, hint?: string) => void;

function checkSpec(pod: JsonObject, path: Path, limits: InRepoLimits, say: Say): void {
  for (const name of podRefused) {
    const value = pod[name];
    if (value !== undefined && value !== false && !isEmpty(value))
      say([...path, name], `${name} is not for jobs of a repository`);
  }
  const security = objectOf(pod.securityContext);
  if (!isEmpty(security.sysctls))
    say([...path, "securityContext", "sysctls"], "sysctls are not for jobs of a repository");
  for (const kind of ["containers", "initContainers", "ephemeralContainers"])
    for (const [index, container] of objects(pod[kind]).entries())
      checkContainer(container, [...path, kind, index], limits, say);
  for (const [index, volume] of objects(pod.volumes).entries())
    checkVolume(volume, [...path, "volumes", index], limits, (at, what, hint) =>
      say(at, `${what} is not for jobs of a repository`, hint),
    );
}

function checkContainer(container: JsonObject, path: Path, limits: InRepoLimits, say: Say): void {
  const security = objectOf(container.securityContext);
  const at = (name: string): Path => [...path, "securityContext", name];
  if (security.privileged === true) say(at("privileged"), "a job of a repository is never privileged");
  if (security.allowPrivilegeEscalation === true)
    say(at("allowPrivilegeEscalation"), "a job of a repository gains no privileges");
  if (!isEmpty(objectOf(security.capabilities).add))
    say([...at("capabilities"), "add"], "a job of a repository gets no capabilities");
  for (const [index, secret] of secretsOfVariables(container).entries())
    if (!limits.secrets.includes(secret))
      say([...path, "env", index], `the secret ${secret} is not for jobs of a repository`, allowIt(secret));
}

/** Names of secrets that variables of a container come from. */
function secretsOfVariables(container: JsonObject): readonly string[] {
  return [
    ...objects(container.env).flatMap((variable) => {
      const from = objectOf(objectOf(variable.valueFrom).secretKeyRef);
      return textOf(from.name) === "" ? [] : [textOf(from.name)];
    }),
    ...objects(container.envFrom).flatMap((source) => {
      const name = textOf(objectOf(source.secretRef).name);
      return name === "" ? [] : [name];
    }),
  ];
}

function checkVolume(volume: JsonObject, path: Path, limits: InRepoLimits, say: Say): void {
  const kind = Object.keys(volume).find((key) => !volumesAllowed.has(key));
  if (kind !== undefined) say([...path, kind], `a volume of kind ${kind}`);
  const secret = textOf(objectOf(volume.secret).secretName);
  if (volume.secret !== undefined && !limits.secrets.includes(secret))
    say([...path, "secret"], `the secret ${secret}`, allowIt(secret));
}

function checkPreset(preset: Preset, path: Path, limits: InRepoLimits, say: Say): void {
  const labels = Object.entries(preset.labels).map(([label, value]) => `${label}: ${value}`);
  const from = labels.length === 0 ? "a preset for every job" : `the preset ${labels.join(", ")}`;
  for (const volume of preset.volumes)
    checkVolume(volume, path, limits, (_at, what, hint) =>
      say(path, `${from} brings ${what}, which is not for jobs of a repository`, hint),
    );
  for (const secret of secretsOfVariables({ env: preset.env }))
    if (!limits.secrets.includes(secret))
      say(path, `${from} brings the secret ${secret}, which is not for jobs of a repository`, allowIt(secret));
}

function allowIt(secret: string): string {
  return `an administrator may list ${secret} under prow.inRepo.secrets of the family file`;
}

function objectOf(value: Json | undefined): JsonObject {
  return objects(value === undefined ? [] : [value])[0] ?? {};
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}
