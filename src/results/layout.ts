import type { ResultKey } from "./model.ts";

/**
 * Where folders of pull requests lie (Prow 4.6, `path_strategy`): `explicit` always names `org_repo`; `single` names nothing
 * for the default repository; `legacy` names nothing for it and only the repository within the default organisation.
 */
export interface Layout {
  readonly strategy: "explicit" | "single" | "legacy";
  readonly defaultOrg: string;
  readonly defaultRepo: string;
  /** Before the run's folder only: pointers stay at the root (Prow 4.6). */
  readonly pathPrefix: string;
}

export const explicitLayout: Layout = { strategy: "explicit", defaultOrg: "", defaultRepo: "", pathPrefix: "" };

/** Prow 4.6. Relative to the root of results, `/`-separated. */
export function runFolderOf(key: ResultKey, layout = explicitLayout): string {
  const prefix = layout.pathPrefix.split("/").filter((name) => name !== "");
  return joined(...prefix, ...parentOf(key, layout), segment(key.job), segment(key.buildId));
}

/** Files that hold the newest build id, and for presubmits the alias that leads to the run's folder. */
export function pointersOf(
  key: ResultKey,
  layout = explicitLayout,
): { readonly latest: readonly string[]; readonly alias: string | undefined } {
  const job = segment(key.job);
  const directory = `pr-logs/directory/${job}`;
  if (key.type === "batch") return { latest: [`${directory}/latest-build.txt`], alias: undefined };
  const beside = joined(...parentOf(key, layout), job, "latest-build.txt");
  if (key.pull === undefined) return { latest: [beside], alias: undefined };
  return { latest: [`${directory}/latest-build.txt`, beside], alias: `${directory}/${segment(key.buildId)}.txt` };
}

function parentOf(key: ResultKey, layout: Layout): readonly string[] {
  if (key.type === "batch") return ["pr-logs", "pull", "batch"];
  if (key.pull === undefined) return ["logs"];
  return ["pr-logs", "pull", repositorySegment(key, layout), String(key.pull)];
}

function repositorySegment({ org, repo }: ResultKey, layout: Layout): string {
  const inDefault = org === layout.defaultOrg;
  const whole = segment(`${org}_${repo}`.replaceAll("/", "_"));
  if (layout.strategy === "explicit") return whole;
  if (inDefault && repo === layout.defaultRepo) return "";
  return layout.strategy === "legacy" && inDefault ? segment(repo.replaceAll("/", "_")) : whole;
}

/** Empty names vanish, as in Prow. */
function joined(...names: readonly string[]): string {
  return names.filter((name) => name !== "").join("/");
}

/** One name of a path; anything else is a bug of the caller, since names are checked where they are read. */
function segment(name: string): string {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
    throw new Error(`not a path segment: ${JSON.stringify(name)}`);
  return name;
}
