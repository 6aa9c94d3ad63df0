import type { Family } from "../family/index.ts";

/** Prow's jobs say which version to test on; the family file may say more. */
export function clusterEnv(env: Readonly<Record<string, string>>, version: string): Record<string, string> {
  return { CSI_PROW_KUBERNETES_VERSION: version, ...substituted(env, version) };
}

export function substituted(env: Readonly<Record<string, string>>, version: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replaceAll("${version}", version)]),
  );
}

/** What TestGrid and Prow's pages read. */
export function annotationsFor(
  family: Family,
  component: string,
  tab: string,
  description: string,
): Record<string, string> {
  const { dashboard, alertEmail } = family.generated;
  return {
    "testgrid-dashboards": dashboard.replaceAll("${component}", component),
    "testgrid-tab-name": tab,
    description,
    ...(alertEmail === undefined ? {} : { "testgrid-alert-email": alertEmail }),
  };
}

export function dashed(version: string): string {
  return version.replaceAll(".", "-");
}

/** What a port of clusters is asked for: Prow's jobs call the version under development `latest`. */
export function clusterVersion(version: string): string {
  return version === "latest" ? "development" : version;
}

/** A path that may name the version. */
export function withVersion(path: string | undefined, version: string): string | undefined {
  return path?.split("${version}").join(version);
}
