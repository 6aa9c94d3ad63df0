import { hashOf, parseDuration } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import { type Diagnostic, didYouMean } from "./diagnostics.ts";
import { type FamilyDocument, familySchema } from "./family-schema.ts";
import { checkPolicy, type KnownRules, policyOf } from "./policy-file.ts";
import { repositoryNames } from "./repository-url.ts";
import { readYaml } from "./yaml-document.ts";

export interface FamilyReading {
  /** `undefined` when there is an error. */
  readonly family: Family | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Where something stands in the file; for what is found wrong later. */
  placeOf(path: readonly PropertyKey[]): { readonly line: number; readonly column: number };
}

const hour = 3_600_000;
const minute = 60_000;

/** Reads a family file. Every error has its position; warnings say what is accepted but not acted on. */
export function readFamilyFile(file: string, text: string, rules: KnownRules): FamilyReading {
  const read = readYaml(file, text, familySchema);
  if (read.value === undefined) return { family: undefined, diagnostics: read.diagnostics, placeOf: read.placeOf };
  const document = read.value;
  const diagnostics: Diagnostic[] = [];
  const say =
    (severity: Diagnostic["severity"]) =>
    (code: string, path: readonly PropertyKey[], message: string, hint?: string) =>
      diagnostics.push({ severity, code, file, ...read.placeOf(path), message, hint });
  const error = say("error");
  const warning = say("warning");

  checkForge(document, error);
  checkComponents(document, error);
  checkInRepo(document, error);
  checkExecute(document, error, warning);
  checkPolicy(document.release.policy, Object.keys(document.components), rules, ["release", "policy"], error);
  const checkVersion = (version: string, path: readonly PropertyKey[]) => {
    if (document.kubernetes.versions.includes(version)) return;
    const message = `${version} is not among kubernetes.versions`;
    error("unknown-version", path, message, didYouMean(version, document.kubernetes.versions));
  };
  for (const version of document.kubernetes.experimental) checkVersion(version, ["kubernetes", "experimental"]);
  checkClusters(document, error, warning);
  if (document.kubernetes.cluster !== "none" && !document.kubernetes.e2e)
    warning(
      "no-clusters",
      ["kubernetes", "cluster"],
      "without kubernetes.e2e jobs on Kubernetes run the components' own scripts, which start clusters themselves: such jobs are shown as not run here, and never count as green",
      "say under kubernetes.e2e what is deployed and tested, or set kubernetes.cluster to none; every page then shows it",
    );
  if (document.lanes) {
    if (!document.kubernetes.e2e || document.kubernetes.cluster === "none")
      warning(
        "no-lanes",
        ["lanes"],
        "without kubernetes.e2e and a cluster lanes are listed and planned, and shown as not run here",
      );
    if (!Object.values(document.components).some((component) => component.kind === "deployment"))
      error(
        "no-deployment",
        ["lanes"],
        "lanes test a deployment, and no component is one",
        "set kind: deployment on it",
      );
  }
  for (const [name, component] of Object.entries(document.components)) {
    for (const version of component.jobs.versions ?? [])
      checkVersion(version, ["components", name, "jobs", "versions"]);
  }
  for (const version of document.kubernetes.alpha.versions) checkVersion(version, ["kubernetes", "alpha", "versions"]);
  const failed = diagnostics.some((diagnostic) => diagnostic.severity === "error");
  return { family: failed ? undefined : familyOf(document), diagnostics, placeOf: read.placeOf };
}

/** What starts clusters, what is deployed in them, and versions that get no fixes any more. */
function checkClusters(document: FamilyDocument, error: Say, warning: Say): void {
  const { cluster, e2e, versions, experimental } = document.kubernetes;
  if (e2e && cluster === "none")
    warning("no-cluster", ["kubernetes", "e2e"], "kubernetes.cluster is none, so nothing is deployed or tested");
  if (e2e && (cluster === "command" || cluster === "existing") && !document.kubernetes[cluster])
    error(
      "no-cluster",
      ["kubernetes", "cluster"],
      `the cluster is ${cluster}, and kubernetes.${cluster} does not say which`,
      cluster === "command"
        ? "command: {up: [./up.sh], load: [./load.sh], down: [./down.sh]}"
        : "existing: {kubeconfig: FILE}",
    );
  const deployment = e2e?.deployment;
  const names = Object.keys(document.components);
  if (deployment !== undefined && !names.includes(deployment))
    error(
      "unknown-component",
      ["kubernetes", "e2e", "deployment"],
      `there is no component ${deployment}`,
      didYouMean(deployment, names),
    );
  // Kubernetes gives fixes to its last three minors.
  const minors = versions
    .filter((version) => !experimental.includes(version))
    .map((version) => Number(version.split(".")[1]));
  const newest = Math.max(...minors);
  for (const [index, version] of versions.entries()) {
    if (Number(version.split(".")[1]) > newest - 3) continue;
    warning(
      "past-support",
      ["kubernetes", "versions", index],
      `Kubernetes ${version} is past its support: 1.${newest} is tested too, and the last three get fixes`,
      "leave it out, unless users still run it",
    );
  }
}

type Say = (code: string, path: readonly PropertyKey[], message: string, hint?: string) => void;

function checkForge(document: FamilyDocument, error: Say): void {
  const chosen = Object.keys(document.forge);
  if (chosen.length > 1) error("one-forge", ["forge"], `only one forge can be chosen, not ${chosen.join(" and ")}`);
  for (const kind of ["git", "github"] as const) {
    if (document.forge[kind])
      error(
        "no-such-forge",
        ["forge", kind],
        `the forge ${kind} is not part of this version`,
        "use local: {}; repositories are then read once from their URLs and hosted by Fairlead",
      );
  }
}

function checkComponents(document: FamilyDocument, error: Say): void {
  const owners = new Map<string, string>();
  const places = new Map<string, string>();
  for (const [name, component] of Object.entries(document.components)) {
    const path = ["components", name];
    const names = repositoryNames(component.repository);
    if (!names.ok) error("bad-url", [...path, "repository"], names.error.message, names.error.hint);
    const place = component.repository.replace(/\/+$|\.git$/g, "");
    const twin = places.get(place);
    if (twin) error("duplicate-repository", [...path, "repository"], `${twin} has the same repository`);
    places.set(place, name);
    if (component.kind === "internal" && (component.images?.length ?? 0) > 0)
      error("internal-images", [...path, "images"], `${name} is internal: it is never tagged, so it has no images`);
    for (const [index, user] of component.testedIn.entries()) {
      const at = [...path, "testedIn", index];
      if (component.kind !== "internal")
        error(
          "tested-in",
          at,
          `${name} is not internal: nobody has a copy of it`,
          "set kind: internal, or leave it out",
        );
      else if (user === name || !Object.hasOwn(document.components, user))
        error(
          "unknown-component",
          at,
          `there is no other component ${user}`,
          didYouMean(user, Object.keys(document.components)),
        );
    }
    for (const [index, image] of (component.images ?? []).entries()) {
      const owner = owners.get(image);
      if (owner)
        error(
          "image-owner",
          [...path, "images", index],
          `the image name ${image} belongs to ${owner} already`,
          "an image name belongs to one component",
        );
      else owners.set(image, name);
    }
  }
}

/** Keys of Prow's `in_repo_config.enabled`, and the names of components. */
function checkExecute(document: FamilyDocument, error: Say, warning: Say): void {
  const { kind, clusters = {}, engine } = document.execute;
  if (kind === "kubernetes" && Object.keys(clusters).length === 0)
    error(
      "no-build-cluster",
      ["execute", "kind"],
      "jobs are to run as pods, and execute.clusters names no cluster",
      "clusters: {default: {kubeconfig: FILE, namespace: NAME, image: REFERENCE}}",
    );
  else if (kind === "kubernetes" && !Object.hasOwn(clusters, "default"))
    warning(
      "no-build-cluster",
      ["execute", "clusters"],
      "no cluster is called `default`: jobs that name none, and generated ones, end in an error",
    );
  if (kind !== "kubernetes" && Object.keys(clusters).length > 0)
    warning("unused", ["execute", "clusters"], `they are not used: execute.kind is ${kind}`);
  if (kind !== "container" && engine !== undefined)
    warning("unused", ["execute", "engine"], `it is not used: execute.kind is ${kind}`);
}

function checkInRepo(document: FamilyDocument, error: Say): void {
  const known = new Set(["*"]);
  for (const [name, component] of Object.entries(document.components)) {
    const names = repositoryNames(component.repository);
    const org = component.org ?? (names.ok ? names.value.org : name);
    for (const key of [name, org, `${org}/${component.repo ?? (names.ok ? names.value.repo : name)}`]) known.add(key);
  }
  for (const key of Object.keys(document.prow?.inRepo.enabled ?? {}))
    if (!known.has(key))
      error(
        "unknown-component",
        ["prow", "inRepo", "enabled", key],
        `${key} is no component, organisation or repository of the family`,
        didYouMean(key, [...known]) ?? "`*`, an organisation, org/repo or a component",
      );
  for (const [index, secret] of (document.prow?.inRepo.secrets ?? []).entries())
    if (!Object.hasOwn(document.secrets, secret))
      error(
        "unknown-secret",
        ["prow", "inRepo", "secrets", index],
        `there is no secret ${secret}`,
        didYouMean(secret, Object.keys(document.secrets)) ?? "name it under secrets",
      );
}

function familyOf(document: FamilyDocument): Family {
  return {
    name: document.family,
    forge: { kind: "local" },
    components: Object.entries(document.components).map(([name, component]) => componentOf(name, component)),
    registries: registriesOf(document.registries),
    kubernetes: {
      versions: document.kubernetes.versions,
      experimental: document.kubernetes.experimental,
      development: document.kubernetes.development,
      cluster: document.kubernetes.cluster,
      env: document.kubernetes.env,
      developmentEnv: document.kubernetes.developmentEnv,
      alpha: document.kubernetes.alpha,
      command: document.kubernetes.command,
      kind: document.kubernetes.kind,
      existing: document.kubernetes.existing,
      e2e: endToEndOf(document),
    },
    lanes: document.lanes && {
      everyMs: durationOr(document.lanes.every, 6 * hour),
      afterCanaryMs:
        document.lanes.afterCanary === "off" ? undefined : durationOr(document.lanes.afterCanary, 30 * minute),
      ref: document.lanes.ref,
      env: document.lanes.env,
      stable: document.lanes.stable,
      canary: document.lanes.canary,
      canaryEnv: document.lanes.canaryEnv,
      developmentEnv: document.lanes.developmentEnv,
    },
    generated: {
      image: document.jobs.image,
      labels: document.jobs.labels,
      dashboard: document.jobs.dashboard || `${document.family}-\${component}`,
      alertEmail: document.jobs.alertEmail,
    },
    generateJobs: document.jobs.generate,
    prow: document.prow && { ...document.prow, config: document.prow.config },
    secrets: document.secrets,
    anonymous: document.access.anonymous,
    execute: document.execute,
    toolchains: document.toolchains,
    reachable: document.reachable,
    resultMirrors: document.results.mirror,
    policy: policyOf(document.release.policy),
    signing: document.signing,
    signers: document.signers,
    maintenanceEveryMs:
      document.maintenance.every === "off" ? undefined : durationOr(document.maintenance.every, 24 * hour),
    configHash: hashOf(document),
  };
}

function endToEndOf(document: FamilyDocument): Family["kubernetes"]["e2e"] {
  const { e2e } = document.kubernetes;
  if (!e2e) return undefined;
  const { deployment, ref, others, folder, script, test, driver, suites, env } = e2e;
  return {
    deployment,
    ref,
    others,
    folder,
    script,
    test,
    driver,
    suites,
    env,
    readyMs: durationOr(e2e.ready, 10 * minute),
  };
}

function registriesOf({ audit, ...registries }: FamilyDocument["registries"]): Family["registries"] {
  return { ...registries, auditEveryMs: audit === "off" ? undefined : durationOr(audit, 6 * hour) };
}

function durationOr(value: string | undefined, otherwise: number): number {
  const parsed = value === undefined ? undefined : parseDuration(value);
  return parsed?.ok ? parsed.value : otherwise;
}

function componentOf(name: string, component: FamilyDocument["components"][string]): Component {
  const names = repositoryNames(component.repository);
  return {
    name,
    repository: component.repository,
    org: component.org ?? (names.ok ? names.value.org : name),
    repo: component.repo ?? (names.ok ? names.value.repo : name),
    kind: component.kind,
    deployed: component.deployed ?? (component.kind !== "internal" && component.images?.length !== 0),
    images: component.images,
    maintainers: component.maintainers,
    defaultBranch: component.branch,
    supportedLines: component.maintenance.lines,
    testedIn: component.testedIn,
    jobs: {
      env: component.jobs.env,
      optional: component.jobs.optional,
      skipBranches: component.jobs.skipBranches,
      timeoutMs: durationOr(component.jobs.timeout, 2 * hour),
      gracePeriodMs: durationOr(component.jobs.gracePeriod, 15 * minute),
      versions: component.jobs.versions,
      withoutAlpha: !component.jobs.alpha,
    },
    e2e: component.e2e && { ...component.e2e, folder: component.e2e.folder },
  };
}
