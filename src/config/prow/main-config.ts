import { type DecorationDefault, decorationOf } from "./decoration.ts";
import type { JobSurroundings } from "./job.ts";
import type { ParsedFile } from "./parsed-file.ts";
import { type Complaints, isMap, type Struct, structOf } from "./struct.ts";

/** What is taken from Prow's main configuration; all else in it is about parts of Prow that Fairlead replaces. */
export type MainConfig = Pick<JobSurroundings, "decorationDefaults" | "podNamespace" | "queues"> & {
  /** In-repo configuration by `*`, organisation or `org/repo`; the narrowest wins. */
  readonly inRepo: Readonly<Record<string, boolean>>;
  /** Clusters that jobs of a repository may name, by the same keys; empty: `default` alone. */
  readonly inRepoClusters: Readonly<Record<string, readonly string[]>>;
};

export const noMainConfig: MainConfig = {
  decorationDefaults: [],
  podNamespace: "default",
  queues: undefined,
  inRepo: {},
  inRepoClusters: {},
};

const actedOn = new Set([
  "plank",
  "presets",
  "presubmits",
  "postsubmits",
  "periodics",
  "prow_ignored",
  "decorate_all_jobs",
  "pod_namespace",
  "prowjob_namespace",
  "in_repo_config",
]);

export function mainConfigOf(file: ParsedFile): MainConfig {
  const { complaints } = file;
  const top = structOf(file.top, [], undefined, complaints);
  const others = isMap(file.top) ? Object.keys(file.top).filter((key) => !actedOn.has(key)) : [];
  for (const key of others) complaints.ignored([key], "main configuration", `not acted on: ${others.join(", ")}`);
  const plank = structOf(top.raw("plank"), top.at("plank"), undefined, complaints);
  return {
    podNamespace: top.text("pod_namespace") ?? "default",
    queues: queuesOf(plank, complaints),
    decorationDefaults: defaultsOf(plank, complaints),
    inRepo: inRepoOf(top, complaints),
    inRepoClusters: inRepoClustersOf(top, complaints),
  };
}

function queuesOf(plank: Struct, complaints: Complaints): Readonly<Record<string, number>> {
  const raw = plank.raw("job_queue_capacities");
  if (!isMap(raw)) return {};
  const queues = structOf(raw, plank.at("job_queue_capacities"), undefined, complaints);
  return Object.fromEntries(Object.keys(raw).map((name) => [name, queues.whole(name) ?? -1]));
}

/** Prow 1.4: a list of entries, or the older map of `*`, organisations and repositories, but not both. */
function defaultsOf(plank: Struct, complaints: Complaints): readonly DecorationDefault[] {
  const entries = plank.items("default_decoration_config_entries").map(({ value, path }) => {
    const entry = structOf(value, path, new Set(["repo", "cluster", "config"]), complaints);
    const config = decorationOf(entry.raw("config"), entry.at("config"), complaints);
    return { repo: entry.text("repo") ?? "", cluster: entry.text("cluster") ?? "", config };
  });
  const older = plank.raw("default_decoration_configs");
  if (older === undefined) return entries;
  if (entries.length > 0)
    plank.wrong(
      "default_decoration_configs",
      "two-defaults",
      "default_decoration_configs and default_decoration_config_entries exclude each other",
    );
  if (!isMap(older)) return entries;
  const breadth = (repo: string) => (repo === "*" ? 0 : repo.includes("/") ? 2 : 1);
  return Object.entries(older)
    .sort(([a], [b]) => breadth(a) - breadth(b))
    .map(([repo, value]) => ({
      repo,
      cluster: "*",
      config: decorationOf(value, [...plank.at("default_decoration_configs"), repo], complaints),
    }));
}

function inRepoOf(top: Struct, complaints: Complaints): Readonly<Record<string, boolean>> {
  const config = structOf(top.raw("in_repo_config"), top.at("in_repo_config"), undefined, complaints);
  const raw = config.raw("enabled");
  if (!isMap(raw)) return {};
  const enabled = structOf(raw, config.at("enabled"), undefined, complaints);
  return Object.fromEntries(Object.keys(raw).map((name) => [name, enabled.bool(name) ?? false]));
}

function inRepoClustersOf(top: Struct, complaints: Complaints): Readonly<Record<string, readonly string[]>> {
  const config = structOf(top.raw("in_repo_config"), top.at("in_repo_config"), undefined, complaints);
  const raw = config.raw("allowed_clusters");
  if (!isMap(raw)) return {};
  const allowed = structOf(raw, config.at("allowed_clusters"), undefined, complaints);
  return Object.fromEntries(Object.keys(raw).map((name) => [name, allowed.texts(name)]));
}
