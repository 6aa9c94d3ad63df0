import { copyFile, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, describeFault, err, type Fault, fault, forOneLine, ok, type Result } from "../../core/index.ts";
import type { Capability } from "../../execute/index.ts";
import type { Repository } from "../../git/index.ts";
import { type BlobStore, largestManifest, parseManifest, writeLayout } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import type { Cluster, LoadedImage, RunningCluster } from "../cluster/model.ts";
import { findImage, type PinnedComponent, type PinSet } from "../pin-sets/model.ts";
import { imagesOfRun, pinnedImage, readPinRecord } from "../pin-sets/read-record.ts";
import { recordPinSet } from "../pin-sets/records.ts";
import { resolvePinSet, type WantedPin, withReplaced } from "../pin-sets/resolve.ts";
import { readCluster } from "./api-reader.ts";
import type { ClusterState } from "./cluster-state.ts";
import { deployEnvironment, loadedReference } from "./deploy-environment.ts";
import { writeManifests, writePrerequisites, writeRoles } from "./deployment-files.ts";
import { type ClusterAccess, kubeconfigFor, readKubeconfig } from "./kubeconfig.ts";
import type { ClusterScene, OwnImages, PreparedTest, TestEvidence, TestResult, TestStop, TestTree } from "./model.ts";
import { nameOf, type ReadBack, readBack } from "./read-back.ts";
import { readiness } from "./readiness.ts";
import { recordClusterTest } from "./records.ts";

export interface ClusterTestOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** `undefined`: the family file asks for none. */
  readonly cluster: () => Promise<Cluster | undefined>;
  readonly open: (component: string) => Promise<Repository>;
  /** What a deployment's folder pins at a commit, with the owners of the images. */
  readonly pinsIn: (tree: TestTree, folder: string | undefined) => Promise<Result<readonly WantedPin[]>>;
  /** Absolute path of `kubectl` on this machine. */
  readonly kubectl: () => Promise<string | undefined>;
  /** Platform of the cluster's nodes: `linux/amd64`. */
  readonly platform: string;
  /** Address, as code in the cage knows it, of the way out. */
  readonly proxy: string;
}

/** Tests of a deployment in a cluster (design 5): resolved once, loaded, deployed, read back, tested, read back again. */
export interface ClusterTests {
  /** Before the first step: what is tested is fixed from the record, or why it cannot be. */
  prepare(scene: ClusterScene): Promise<Result<PreparedTest>>;
  carryOut(prepared: PreparedTest, own: OwnImages | undefined): Promise<TestResult>;
  /** Can tests in clusters be carried out here, and what is missing? */
  capability(): Promise<Capability>;
}

const inside = "/cluster";
const toolsInside = "/opt/fairlead/bin";
const suiteInside = "/opt/fairlead/suite";
const lookEveryMs = 1000;
const longestStartMs = 15 * 60_000;

export function createClusterTests(options: ClusterTestOptions): ClusterTests {
  const { store, blobs, clock } = options;

  async function prepare(scene: ClusterScene): Promise<Result<PreparedTest>> {
    const { test, family } = scene;
    const deployment = scene.trees.find((tree) => tree.component === test.deployment);
    if (!deployment) return err(fault("not-found", `${test.deployment} was not checked out`));
    const missing = await missingFolder(deployment, test.folder);
    if (missing) return err(missing);
    const pins = await options.pinsIn(deployment, test.folder);
    if (!pins.ok) return pins;
    const replaced = await replacedByRecord(scene);
    if (!replaced.ok) return replaced;
    const owners = new Set(pins.value.map((pin) => pin.owner));
    const record = await readPinRecord(store.db, blobs, {
      components: family.components.filter((component) => owners.has(component.name)),
      versions: [...new Set(pins.value.flatMap((pin) => [pin.tag ?? [], pin.digest ?? []].flat()))],
      canaries: [...new Set(["canary", ...pins.value.flatMap((pin) => pin.tag ?? [])])],
    });
    if (!record.ok) return record;
    const base = resolvePinSet(
      {
        family: family.name,
        deployment: { component: test.deployment, commit: deployment.commit, folder: test.folder ?? "" },
        pins: pins.value,
        others: test.others,
        replaced: replaced.value,
        later: scene.builds ? scene.component.name : undefined,
      },
      record.value,
    );
    if (!base.ok) return base;
    if (base.value.components.length > 0 && !scene.builds) await recordPinSet(store, base.value, clock.now());
    scene.log(`resolved from the record: ${test.deployment} at ${deployment.commit} ${test.folder ?? ""}`.trimEnd());
    for (const line of linesOf(base.value)) scene.log(line);
    if (scene.builds) scene.log(`  ${scene.component.name}: the images that this run builds`);
    return ok({ scene, deployment, base: base.value });
  }

  /** A missing deployment for a version is said, never replaced by another one. */
  async function missingFolder(tree: TestTree, folder: string | undefined): Promise<Fault | undefined> {
    if (folder === undefined) return undefined;
    const slash = folder.lastIndexOf("/");
    const [parent, name] = slash < 0 ? ["", folder] : [folder.slice(0, slash), folder.slice(slash + 1)];
    const beside = (await tree.repository.listFolder(tree.commit, parent)) ?? [];
    if (beside.some((entry) => entry.name === name && entry.kind !== "file")) return undefined;
    const others = beside.filter((entry) => entry.kind !== "file").map((entry) => entry.name);
    const has = others.length === 0 ? "nothing there" : others.slice(0, 20).join(", ");
    return fault("not-found", `${tree.component} at ${tree.commit.slice(0, 7)} has no ${folder}; it has ${has}`, {
      hint: "add the folder, or name one that is there; no other deployment is tested in its stead",
    });
  }

  async function replacedByRecord(scene: ClusterScene): Promise<Result<readonly PinnedComponent[]>> {
    const all: PinnedComponent[] = [];
    for (const each of scene.test.replaced) {
      const images = await imagesOfRun(store.db, blobs, each.run);
      if (!images.ok) return images;
      if (images.value.length === 0) return err(fault("not-found", `run ${each.run} left no images`));
      const repository = scene.family.components.find((one) => one.name === each.component)?.repository ?? "";
      all.push({ ...each, repository, from: "replaced", images: images.value });
    }
    return ok(all);
  }

  async function carryOut(prepared: PreparedTest, own: OwnImages | undefined): Promise<TestResult> {
    const { scene, base } = prepared;
    const built = own && (await takeIn(scene, own));
    if (built && !built.ok) {
      const nothing = { pinSet: "", cluster: undefined, suite: undefined, readBack: undefined };
      return { stop: stopOfFault(built.error), set: base, evidence: nothing };
    }
    const set = built ? withReplaced(base, built.value) : base;
    const id = await recordPinSet(store, set, clock.now());
    scene.log(`pin set ${id}`);
    const evidence: TestEvidence = { pinSet: id, cluster: undefined, suite: undefined, readBack: undefined };
    const keep = async (next: TestEvidence, state: "deploying" | "proven" | "differs") =>
      await recordClusterTest(store, { ...scene, evidence: next, state, at: clock.now() });
    await keep(evidence, "deploying");
    const stopped = (stop: TestStop, last: TestEvidence = evidence): TestResult => ({ stop, set, evidence: last });
    const cluster = await options.cluster();
    const kubectl = await options.kubectl();
    if (!cluster) return stopped(notHere("cluster", "the family file names no cluster", "kubernetes.cluster"));
    if (kubectl === undefined) return stopped(notHere("kubectl", "it is not on this machine", "put it on the PATH"));
    const folder = join(scene.folder, "cluster");
    const own1 = join(scene.folder, "cluster-own");
    await mkdir(folder, { recursive: true });
    await mkdir(own1, { recursive: true });
    const left = Math.max(1, scene.deadline - clock.now());
    const spec = {
      runId: scene.runId,
      version: scene.test.version,
      folder: own1,
      readyWithinMs: Math.min(longestStartMs, left),
      limitMs: left,
      log: (line: string) => scene.log(`cluster: ${forOneLine(line, 2000)}`),
    };
    const begun = clock.now();
    const up = await cluster.up(spec, scene.signal);
    if (!up.ok) return stopped(scene.signal.aborted ? abortedBy(scene.signal) : stopOfFault(up.error));
    scene.log(
      `cluster ${up.value.name} is up after ${seconds(clock.now() - begun)}: Kubernetes ${up.value.evidence.kubernetes}${up.value.evidence.nodeImage === undefined ? "" : `, nodes of ${up.value.evidence.nodeImage}`}`,
    );
    const ending = new AbortController();
    const onAbort = () => ending.abort(scene.signal.reason);
    scene.signal.addEventListener("abort", onAbort, { once: true });
    let lostBecause: string | undefined;
    void up.value.lost.then((reason) => {
      lostBecause = reason;
      ending.abort(`the cluster was lost: ${reason}`);
    });
    try {
      const result = await inCluster({
        prepared,
        set,
        evidence,
        cluster: up.value,
        kubectl,
        folder,
        keep,
        signal: ending.signal,
      });
      if (lostBecause === undefined) return result;
      return {
        ...result,
        stop: { state: "error", description: `the cluster was lost: ${forOneLine(lostBecause, 500)}` },
      };
    } finally {
      scene.signal.removeEventListener("abort", onAbort);
      const into = join(scene.artifacts, "cluster");
      await mkdir(into, { recursive: true });
      const collected = await up.value.collect(into);
      for (const { what, reason } of collected.missing.slice(0, 20)) scene.log(`not collected: ${what}: ${reason}`);
      const down = await up.value.down();
      if (!down.ok) scene.log(`the cluster was not removed: ${describeFault(down.error)}`);
    }
  }

  /** The images of the run itself, as sets have them. */
  async function takeIn(scene: ClusterScene, own: OwnImages): Promise<Result<PinnedComponent>> {
    const images = [];
    for (const { mediaType, ...image } of own.images) {
      const taken = await pinnedImage(blobs, { ...image, media_type: mediaType });
      if (!taken.ok) return taken;
      images.push(taken.value);
    }
    const { repository } = scene.component;
    return ok({ ...own, component: scene.component.name, repository, from: "replaced", run: scene.runId, images });
  }

  interface InCluster {
    readonly prepared: PreparedTest;
    readonly set: PinSet;
    readonly evidence: TestEvidence;
    readonly cluster: RunningCluster;
    readonly kubectl: string;
    readonly folder: string;
    readonly keep: (evidence: TestEvidence, state: "deploying" | "proven" | "differs") => Promise<void>;
    readonly signal: AbortSignal;
  }

  async function inCluster(given: InCluster): Promise<TestResult> {
    const { prepared, set, cluster, folder, signal } = given;
    const { scene, deployment } = prepared;
    const { e2e } = scene.family.kubernetes;
    const suite = e2e?.suites[scene.test.version];
    let evidence: TestEvidence = { ...given.evidence, cluster: cluster.evidence, suite: suite?.revision };
    const stopped = (stop: TestStop): TestResult => ({ stop, set, evidence });
    const registry = `localhost/${scene.family.name}`;
    const loaded = await load(given, registry);
    if (!loaded.ok) return stopped(signal.aborted ? abortedBy(signal) : stopOfFault(loaded.error));
    const access = await readKubeconfig(cluster.kubeconfig);
    if (!access.ok) return stopped(stopOfFault(access.error));
    await writeFile(
      join(folder, "kubeconfig"),
      kubeconfigFor({ ...access.value, namespace: cluster.namespace ?? access.value.namespace }, options.proxy),
    );
    const sources = {
      family: scene.family,
      folder,
      registry,
      repositoryOf: async (component: PinnedComponent) =>
        scene.trees.find((tree) => tree.component === component.component && tree.commit === component.commit)
          ?.repository ?? (await options.open(component.component)),
    };
    const roles = await writeRoles(sources, set, inside);
    if (!roles.ok) return stopped(stopOfFault(roles.error));
    const before = await writePrerequisites(sources, set);
    if (!before.ok) return stopped(stopOfFault(before.error));
    const environment = deployEnvironment({
      set,
      registry,
      rbac: roles.value,
      testDriver: join(inside, "test-driver.yaml"),
      kubeletFolder: "/var/lib/kubelet",
    });
    if (!environment.ok) return stopped(stopOfFault(environment.error));
    const chosen = await howToDeploy(given);
    if (chosen.kind === "manifests") {
      const written = await writeManifests(sources, set, deployment, scene.test.folder ?? "", e2e?.driver);
      if (!written.ok) return stopped(stopOfFault(written.error));
    }
    if (e2e?.driver !== undefined) {
      const from = join(deployment.directory, scene.test.folder ?? "", e2e.driver);
      await copyFile(from, join(folder, "test-driver.yaml")).catch(() => undefined);
    }
    const script = (
      name: string,
      argv: readonly string[],
      tree: TestTree,
      more: Readonly<Record<string, string>> = {},
    ) =>
      scene.script({
        name,
        argv,
        cwd: tree.inside,
        env: {
          ...e2e?.env,
          ...environment.value,
          ...more,
          KUBECONFIG: join(inside, "kubeconfig"),
          FAIRLEAD_PIN_SET: evidence.pinSet,
          FAIRLEAD_KUBERNETES: cluster.evidence.kubernetes,
        },
        mounts: [
          { host: folder, inside, writable: true },
          { host: given.kubectl, inside: join(toolsInside, "kubectl"), writable: false },
          ...(suite ? [{ host: suite.folder, inside: suiteInside, writable: false }] : []),
        ],
        pathPrefix: [toolsInside, ...(suite ? [suiteInside] : [])],
        reachable: [hostAndPort(access.value)],
        signal,
      });
    if (before.value > 0) {
      const stop = await script("before", ["/bin/sh", "-ec", applyBefore, "sh", join(inside, "before")], deployment);
      if (stop.state !== "success") return stopped(stop);
    }
    const deployed =
      chosen.kind === "script"
        ? await script("deploy", [chosen.path], deployment)
        : await script("deploy", ["kubectl", "apply", "-f", join(inside, "manifests")], deployment);
    // A script that gave up waiting says less than the cluster does.
    const state = await waitUntilReady(given, access.value, deployed.state === "success");
    if (signal.aborted) return stopped(abortedBy(signal));
    if (deployed.state !== "success")
      return stopped(
        state.kind === "failed" ? { ...deployed, description: `${deployed.description}: ${state.reason}` } : deployed,
      );
    if (state.kind !== "ready")
      return stopped({ state: state.unread ? "error" : "failure", description: state.reason });
    scene.log(state.reason);
    const first = readBack(state.state, set, options.platform);
    evidence = { ...evidence, readBack: first };
    await given.keep(evidence, first.verdict);
    for (const line of linesOfReadBack(first)) scene.log(line);
    if (first.verdict === "differs") return stopped(differs(first, "what runs is not what was meant"));
    const tested = await runTests(prepared, script);
    if (tested.state !== "success") return stopped(signal.aborted ? abortedBy(signal) : tested);
    const again = await readCluster(access.value, signal);
    if (!again.ok) return stopped(stopOfFault(again.error));
    const last = readBack(withoutNewPods(again.value, state.state), set, options.platform);
    if (last.verdict === "differs") {
      evidence = { ...evidence, readBack: last };
      await given.keep(evidence, "differs");
      return stopped(differs(last, "it changed while the tests ran"));
    }
    return stopped(tested);
  }

  async function load(given: InCluster, registry: string): Promise<Result<void>> {
    const { scene } = given.prepared;
    const images: LoadedImage[] = [];
    for (const component of given.set.components) {
      for (const image of component.images) {
        const here = image.platforms.find((each) => each.platform.split(" ")[0] === options.platform);
        if (!here) {
          const has = image.platforms.map((each) => each.platform).join(", ");
          return err(
            fault("not-found", `${image.name} ${component.version} has no image for ${options.platform}, only ${has}`, {
              hint: "clusters of this machine need that platform",
            }),
          );
        }
        const bytes = await blobs.readAll(here.manifest, largestManifest);
        if (!bytes.ok) return bytes;
        const parsed = parseManifest(bytes.value, undefined);
        if (!parsed.ok) return parsed;
        const reference = loadedReference(registry, component, image.name);
        const path = join(scene.folder, "images", image.name);
        const root = { mediaType: parsed.value.mediaType, digest: here.manifest, size: bytes.value.length };
        const written = await writeLayout(blobs, root, path, reference);
        if (!written.ok) return written;
        images.push({ reference, path });
      }
    }
    const done = await given.cluster.load(images, given.signal);
    if (done.ok) scene.log(`loaded ${images.length} images into the cluster`);
    return done;
  }

  async function howToDeploy(given: InCluster): Promise<{ kind: "script"; path: string } | { kind: "manifests" }> {
    const { scene, deployment } = given.prepared;
    const wanted = scene.family.kubernetes.e2e?.script;
    const folder = scene.test.folder ?? "";
    const name = wanted ?? "deploy.sh";
    const there = await stat(join(deployment.directory, folder, name)).catch(() => undefined);
    return there?.isFile() || wanted !== undefined
      ? { kind: "script", path: join(deployment.inside, folder, name) }
      : { kind: "manifests" };
  }

  type Awaited =
    | { readonly kind: "ready"; readonly reason: string; readonly state: ClusterState }
    | { readonly kind: "failed"; readonly reason: string; readonly unread: boolean };

  /** `patient`: it may still become ready; else only what is wrong now is looked for. */
  async function waitUntilReady(given: InCluster, access: ClusterAccess, patient: boolean): Promise<Awaited> {
    const { scene } = given.prepared;
    const limit = scene.family.kubernetes.e2e?.readyMs ?? 10 * 60_000;
    const until = Math.min(clock.now() + (patient ? limit : 0), scene.deadline);
    const sideLoaded = (image: string) => findImage(given.set, nameOf(image)) !== undefined;
    let said = "";
    for (;;) {
      const state = await readCluster(access, given.signal);
      if (given.signal.aborted) return { kind: "failed", reason: String(given.signal.reason), unread: false };
      const late = clock.now() >= until;
      if (!state.ok) {
        if (late) return { kind: "failed", reason: state.error.message, unread: true };
      } else {
        const judged = readiness(state.value, sideLoaded);
        if (judged.kind === "ready") return { ...judged, kind: "ready", state: state.value };
        if (judged.kind === "failed") return { kind: "failed", reason: judged.reason, unread: false };
        if (late)
          return {
            kind: "failed",
            reason: patient ? `not ready within ${seconds(limit)}: ${judged.reason}` : judged.reason,
            unread: false,
          };
        if (judged.reason !== said) scene.log(`waiting: ${judged.reason}`);
        said = judged.reason;
      }
      await new Promise<void>((done) => clock.after(lookEveryMs, done));
    }
  }

  async function capability(): Promise<Capability> {
    const cluster = await (await options.cluster())?.capability();
    const switchesOff = "tests on Kubernetes";
    if (!cluster) {
      const detail = "the family file names no cluster";
      return { need: "cluster", present: false, detail, mend: "set kubernetes.cluster in it", switchesOff };
    }
    if (!cluster.present || (await options.kubectl()) !== undefined) return { ...cluster, need: "cluster" };
    const detail = "there is no kubectl, by which what is tested is deployed";
    return { need: "cluster", present: false, detail, mend: "put kubectl on the server's PATH", switchesOff };
  }

  return { prepare, carryOut, capability };
}

type RunScript = (
  name: string,
  argv: readonly string[],
  tree: TestTree,
  more?: Readonly<Record<string, string>>,
) => Promise<TestStop>;

/** The deployment's suite, then the component's own. Without any, being deployed and ready is what was tested. */
async function runTests({ scene, deployment }: PreparedTest, script: RunScript): Promise<TestStop> {
  const shared = scene.family.kubernetes.e2e?.test ?? scene.suites[deployment.component];
  if (shared !== undefined) {
    const stop = await script("e2e", ["/bin/sh", "-ec", shared], deployment);
    if (stop.state !== "success") return stop;
  }
  const own = scene.component.name === deployment.component ? undefined : scene.suites[scene.component.name];
  const tree = scene.trees.find((each) => each.component === scene.component.name);
  if (own !== undefined && tree) {
    const stop = await script("e2e", ["/bin/sh", "-ec", own], tree);
    if (stop.state !== "success") return stop;
  }
  if (shared === undefined && own === undefined)
    scene.log("no test is configured (kubernetes.e2e.test, `e2e` of a .fairlead.yaml): it was deployed until ready");
  return { state: "success", description: "succeeded" };
}

/** CRDs are used only once the API serves them. */
const applyBefore = `for file in "$1"/*; do kubectl apply --server-side -f "$file"; done
if [ -n "$(kubectl get crd -o name)" ]; then kubectl wait --for=condition=Established crd --all --timeout=120s; fi`;

/** Tests start pods of their own, also with our images under other digests; the deployment's are what was proven. */
function withoutNewPods(now: ClusterState, before: ClusterState): ClusterState {
  const known = new Set(before.pods.map((pod) => pod.namespace));
  return { ...now, pods: now.pods.filter((pod) => known.has(pod.namespace) && !pod.deleting) };
}

function linesOf(set: PinSet): readonly string[] {
  return set.components.map((component) => {
    const images = component.images.map((image) => `${image.name}@${image.digest}`).join(" ");
    const from = { release: "", canary: "", replaced: ", in the place of what is pinned" }[component.from];
    return `  ${component.component} ${component.version} of ${component.commit}${from}: ${images}`;
  });
}

function linesOfReadBack(read: ReadBack): readonly string[] {
  const count = (answer: string) => read.containers.filter((each) => each.answer === answer).length;
  return [
    `read back: ${count("as intended")} containers run what was meant, ${count("foreign")} are of no component`,
    ...read.differences.slice(0, 50).map((line) => `read back: ${line}`),
    ...(read.absent.length > 0 ? [`read back: not started by this deployment: ${read.absent.join(", ")}`] : []),
  ];
}

function differs(read: ReadBack, what: string): TestStop {
  const [first = ""] = read.differences;
  const more = read.differences.length > 1 ? `, and ${read.differences.length - 1} more` : "";
  return { state: "failure", description: `${what}: ${first}${more}` };
}

function stopOfFault(error: Fault): TestStop {
  if (error.code === "missing-need") return notHere("cluster", error.message, error.hint ?? "fairlead doctor");
  const mine = ["unavailable", "timeout", "corrupt", "disk-full"].includes(error.code);
  const hint = error.hint === undefined ? "" : `; ${error.hint}`;
  return { state: mine ? "error" : "failure", description: `${error.message}${hint}` };
}

function notHere(need: string, detail: string, mend: string): TestStop {
  return { state: "error", description: `not run here: needs ${need} (${detail}); ${mend}`, notRunNeed: need };
}

function abortedBy(signal: AbortSignal): TestStop {
  return { state: "aborted", description: String(signal.reason) };
}

function hostAndPort(access: ClusterAccess): string {
  const url = new URL(access.server);
  return `${url.hostname.replace(/^\[|\]$/g, "")}:${url.port || (url.protocol === "https:" ? "443" : "80")}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
