import { join, relative } from "node:path";
import type { ClusterScene, ClusterTests, PreparedTest, TestScript } from "../combine/index.ts";
import { describeFault, type Result } from "../core/index.ts";
import type { Component, Family } from "../family/index.ts";
import type { JobCheckout } from "../git/index.ts";
import type { ClusterTest } from "../jobs/index.ts";
import type { LogWriter } from "../results/index.ts";
import type { Progress } from "./conclusion.ts";
import { versionLabel } from "./image-step.ts";
import type { Run } from "./model.ts";
import { componentFor } from "./run-refs.ts";
import { notRun, type Stop } from "./stops.ts";

export interface ClusterStep {
  readonly tests: ClusterTests | undefined;
  readonly run: Run;
  readonly buildId: string;
  readonly test: ClusterTest;
  readonly family: Family;
  readonly component: Component;
  readonly checkout: JobCheckout;
  /** Of the attempt, on the host. */
  readonly folder: string;
  /** GOPATH as code in the cage sees it. */
  readonly gopath: string;
  readonly deadline: number;
  readonly builds: boolean;
  /** What a component's revision says under `e2e`; `undefined`: nothing. */
  readonly suiteOf: (component: Component, tree: JobCheckout["trees"][number]) => Promise<string | undefined>;
  readonly log: LogWriter;
  readonly signal: AbortSignal;
  readonly script: (script: TestScript) => Promise<Stop>;
}

/** The test as it stands before the first step of the run. */
export type BegunTest = { readonly scene: ClusterScene; readonly prepared: Result<PreparedTest> } | undefined;

/** Fixes what is tested, from the record, before anything of the run is carried out. `undefined`: not on this machine. */
export async function beginClusterStep(step: ClusterStep): Promise<BegunTest> {
  const { tests, family, checkout } = step;
  if (!tests) return undefined;
  const trees = [];
  const suites: Record<string, string | undefined> = {};
  for (const tree of checkout.trees) {
    const name = componentFor(family, tree.refs)?.name;
    const component = family.components.find((each) => each.name === name);
    if (!component) continue;
    suites[component.name] = await step.suiteOf(component, tree);
    const inside = join(step.gopath, relative(join(step.folder, "go"), tree.directory));
    const { repository, directory, finalSha } = tree;
    trees.push({ component: component.name, repository, commit: finalSha, directory, inside });
  }
  const scene: ClusterScene = {
    runId: step.run.id,
    buildId: step.buildId,
    test: step.test,
    family,
    component: step.component,
    trees,
    folder: join(step.folder, "e2e"),
    artifacts: join(step.folder, "artifacts"),
    deadline: step.deadline,
    builds: step.builds,
    suites,
    log: (line) => step.log.line(`fairlead: ${line}`),
    signal: step.signal,
    script: step.script,
  };
  const prepared = await tests.prepare(scene);
  if (!prepared.ok) step.log.line(`fairlead: what is to be tested in the cluster: ${describeFault(prepared.error)}`);
  return { scene, prepared };
}

/** Deploys, reads back and tests. What was tested is kept in `progress` for the run's end. */
export async function finishClusterStep(step: ClusterStep, begun: BegunTest, progress: Progress): Promise<Stop> {
  if (!begun || !step.tests) return notRun("cluster", "a server tests in clusters", "push it, or ask with /test");
  const { prepared } = begun;
  if (!prepared.ok) {
    const own = ["unavailable", "timeout", "corrupt", "disk-full"].includes(prepared.error.code);
    return { state: own ? "error" : "failure", description: prepared.error.message };
  }
  if (step.builds && progress.images.length === 0)
    return {
      state: "failure",
      description: `the run built no image of ${step.component.name}, so nothing of it was tested`,
    };
  const commit = progress.testedCommit ?? step.run.head;
  const own = step.builds ? { commit, version: versionLabel(step.run), images: progress.images } : undefined;
  const { stop, set, evidence } = await step.tests.carryOut(prepared.value, own);
  progress.tested = {
    "pin-set": evidence.pinSet,
    kubernetes: evidence.cluster?.kubernetes ?? "",
    ...(evidence.cluster?.nodeImage === undefined ? {} : { "node-image": evidence.cluster.nodeImage }),
    ...(evidence.cluster?.sourceRevision === undefined
      ? {}
      : { "kubernetes-revision": evidence.cluster.sourceRevision }),
    ...(evidence.suite === undefined ? {} : { "test-suite": evidence.suite }),
    "read-back": evidence.readBack?.verdict ?? "not read",
    components: Object.fromEntries(
      set.components.map(({ component, version, commit: of, images }) => [
        component,
        { version, commit: of, images: Object.fromEntries(images.map((image) => [image.name, image.digest])) },
      ]),
    ),
  };
  return stop;
}
