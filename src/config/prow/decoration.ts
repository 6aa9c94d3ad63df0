import { formatGoDuration } from "../../core/index.ts";
import type { Json, JsonObject } from "../../jobs/index.ts";
import { type Complaints, jsonOf, type Path, type Struct, structOf } from "./struct.ts";
import type { Yaml } from "./yaml-scalars.ts";

const members: ReadonlySet<string> = new Set([
  "timeout",
  "grace_period",
  "utility_images",
  "resources",
  "gcs_configuration",
  "gcs_credentials_secret",
  "s3_credentials_secret",
  "default_service_account_name",
  "ssh_key_secrets",
  "ssh_host_fingerprints",
  "oauth_token_secret",
  "github_api_endpoints",
  "github_app_id",
  "github_app_private_key_secret",
  "cookiefile_secret",
  "skip_cloning",
  "blobless_fetch",
  "sparse_checkout_files",
  "censor_secrets",
  "censoring_options",
  "upload_ignores_interrupts",
  "set_limit_equals_memory_request",
  "default_memory_request",
  "scheduling_options",
  "pod_pending_timeout",
  "pod_running_timeout",
  "pod_unscheduled_timeout",
  "run_as_user",
  "run_as_group",
  "fs_group",
]);
const durations = ["timeout", "grace_period", "pod_pending_timeout", "pod_running_timeout", "pod_unscheduled_timeout"];
const nested = new Set(["gcs_configuration", "utility_images", "resources", "censoring_options", "scheduling_options"]);

/** Prow 1.4: a `decoration_config`, durations as Go writes them. */
export function decorationOf(value: Yaml | undefined, path: Path, complaints: Complaints): JsonObject {
  if (value === undefined) return {};
  const read = structOf(value, path, members, complaints);
  const made: Record<string, Json> = {};
  for (const name of members) {
    const raw = read.raw(name);
    if (raw === undefined) continue;
    if (durations.includes(name)) {
      const ms = read.duration(name, name === "timeout" || name === "grace_period");
      if (ms !== undefined) made[name] = formatGoDuration(ms);
    } else made[name] = jsonOf(raw);
  }
  checkDecoration(read, complaints);
  return made;
}

function checkDecoration(read: Struct, complaints: Complaints): void {
  const gcs = read.has("gcs_configuration")
    ? structOf(read.raw("gcs_configuration"), read.at("gcs_configuration"), undefined, complaints)
    : undefined;
  const strategy = gcs?.text("path_strategy");
  if (gcs && strategy !== undefined && !["legacy", "single", "explicit"].includes(strategy))
    gcs.wrong("path_strategy", "bad-path-strategy", `path_strategy is legacy, single or explicit, not ${strategy}`);
  if (gcs && (strategy === "legacy" || strategy === "single") && !(gcs.text("default_org") && gcs.text("default_repo")))
    gcs.wrong("path_strategy", "bad-path-strategy", `path_strategy ${strategy} needs default_org and default_repo`);
  if (read.has("oauth_token_secret") && read.texts("ssh_key_secrets").length > 0)
    read.wrong("oauth_token_secret", "two-ways-to-clone", "oauth_token_secret and ssh_key_secrets exclude each other");
}

/** One entry of `plank.default_decoration_config_entries`. */
export interface DecorationDefault {
  /** `*`, an organisation or `org/repo`; empty is `*`. */
  readonly repo: string;
  /** `*` or a build cluster; empty is `*`. */
  readonly cluster: string;
  readonly config: JsonObject;
}

/** Prow 1.4: the job's own value, then the last entry that matches, down to the first. */
export function resolveDecoration(
  own: JsonObject,
  defaults: readonly DecorationDefault[],
  job: { readonly repository: string; readonly cluster: string },
): JsonObject {
  const org = job.repository.split("/")[0] ?? "";
  const matching = defaults.filter(({ repo, cluster }) => {
    const clusterFits = cluster === "" || cluster === "*" || cluster === job.cluster;
    return clusterFits && (repo === "" || repo === "*" || repo === job.repository || repo === org);
  });
  return matching.reduceRight((config, entry) => filledFrom(config, entry.config), own);
}

function filledFrom(config: JsonObject, defaults: JsonObject): JsonObject {
  const made: Record<string, Json> = { ...config };
  for (const [name, value] of Object.entries(defaults)) {
    const mine = made[name];
    if (mine === undefined) made[name] = value;
    else if (nested.has(name) && isObject(mine) && isObject(value)) made[name] = filledDeep(mine, value);
  }
  return made;
}

function filledDeep(mine: JsonObject, defaults: JsonObject): JsonObject {
  const made: Record<string, Json> = { ...mine };
  for (const [name, value] of Object.entries(defaults)) if (made[name] === undefined) made[name] = value;
  return made;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
