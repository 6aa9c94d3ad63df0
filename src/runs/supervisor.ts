import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { ClusterTests, TestScript } from "../combine/index.ts";
import { type Clock, forOneLine, type Result } from "../core/index.ts";
import type { Capability, Execution, Executor, Mount, Toolchains } from "../execute/index.ts";
import type { Component, Family, ReleaseConfiguration } from "../family/index.ts";
import { announceBranches, type Git, hideOtherTags, type JobCheckout } from "../git/index.ts";
import type { Assembler, ImageInspector, LeftImages } from "../images/index.ts";
import { type Container, containersOf, expandArguments, jobEnvironment, withSecretsGiven } from "../jobs/index.ts";
import type { Platform as OciPlatform } from "../oci/index.ts";
import type { LogWriter, ResultKey, ResultStore } from "../results/index.ts";
import { beginClusterStep, type ClusterStep, finishClusterStep } from "./cluster-step.ts";
import { createConclusions, endOf, type Progress } from "./conclusion.ts";
import { containerWish, machineLines, mayBePrivileged } from "./container.ts";
import { buildImages, foreignName, type InForce, imageLabels } from "./image-step.ts";
import { insideUser, type WithCopy } from "./inside.ts";
import { collectLeft } from "./left-step.ts";
import type { Run, RunEnd } from "./model.ts";
import {
  defaultPath,
  emptyVolumes,
  memoryLimit,
  podLines,
  podWish,
  startFolder,
  toolsInside,
  toolsMount,
} from "./pod.ts";
import { collectPushed, type PushDoor, type PushSurroundings, preparePush } from "./push-step.ts";
import { removeTree } from "./remove-tree.ts";
import {
  componentFor,
  describeRefs,
  isCloned,
  mainTree,
  refsOfRun,
  resultKeyOf,
  startedOf,
  testedBranch,
} from "./run-refs.ts";
import type { Supervisor } from "./scheduler.ts";
import type { Secrets } from "./secret-sources.ts";
import { type GivenSecrets, secretMounts, secretsFor } from "./secrets.ts";
import { aborted, checkoutStop, notRun, type Stop, stopOf } from "./stops.ts";
import { provideTools } from "./toolchain-step.ts";
import { checkVersion } from "./version-check.ts";

/** Reads what a revision says about how it is built; from git objects, never from a tree that a job could change. */
export type ReadReleaseConfiguration = (
  files: { read(path: string): Promise<string | undefined>; list(prefix: string): Promise<readonly string[]> },
  component: Component,
) => Promise<Result<ReleaseConfiguration>>;

/** Where a person types, and sees what is written. */
export interface ShellTerminal {
  /** In the frames of the executor. */
  readonly typed: Readable;
  readonly show: (chunk: Uint8Array) => void;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly family: () => Family;
  readonly git: Git;
  readonly executor: Executor;
  readonly results: ResultStore;
  readonly secrets: Secrets;
  /** The run's page. */
  readonly runUrl: (id: string) => string;
  readonly assembler: Assembler;
  readonly inspector: ImageInspector;
  /** Takes over images that scripts leave under their artifacts. */
  readonly leftImages: LeftImages;
  /** Where binaries of images are started to say their version: the cage, whatever runs the jobs. */
  readonly cage: Executor;
  readonly readReleaseConfiguration: ReadReleaseConfiguration;
  readonly toolchains: Toolchains;
  /** A person opens the environment of a run instead of having it carried out. */
  readonly shell?: { open(): ShellTerminal; close(): void } | undefined;
  /** `undefined`: internal components are not tested inside others here. */
  readonly withCopy?: WithCopy | undefined;
  /** Where `push` scripts push to; `undefined`: they are not run here. */
  readonly pushDoor?: PushDoor | undefined;
  /** Tests of what is deployed; `undefined`: there are no clusters here. */
  readonly clusterTests?: ClusterTests | undefined;
  /** Folder for checkouts; tmpfs is welcome. */
  readonly workRoot: string;
  /** Folder of build caches, one below it for each tier but `release`. */
  readonly cacheRoot: string;
}

/** What a step finds around it besides what every step does. */
type Surroundings = PushSurroundings & {
  readonly pathPrefix?: readonly string[];
  readonly reachable?: readonly string[];
};

const longestShellMs = 24 * 3_600_000;
const logBound = 64 * 1024 * 1024;
const treeLimits = { files: 500_000, bytes: 8 * 1024 ** 3 };
const executionLimits = {
  logBytes: logBound,
  diskBytes: 20 * 1024 ** 3,
  processes: 4096,
  memoryBytes: 12 * 1024 ** 3,
};
const insideGopath = "/home/prow/go";
const insideArtifacts = "/logs/artifacts";

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const folderOf = (buildId: string) => join(options.workRoot, buildId);
  const { writeProwJob, finish } = createConclusions({
    ...options,
    artifactsOf: (buildId) => join(folderOf(buildId), "artifacts"),
  });

  async function run(
    run: Run,
    attempt: { readonly buildId: string; readonly startedAt: number },
    signal: AbortSignal,
  ): Promise<RunEnd> {
    const key = resultKeyOf(run, attempt.buildId);
    const progress: Progress = {
      testedCommit: undefined,
      testedTree: undefined,
      images: [],
      exitCode: undefined,
      ranIn: undefined,
      tools: [],
      tested: undefined,
    };
    const begun = await options.results.begin(key, startedOf(run, attempt.startedAt));
    // Beside the checkout; done before the end is written over it.
    const announced = begun.ok ? writeProwJob(run, key, attempt, { state: "pending" }) : Promise.resolve();
    if (!begun.ok) return endOf({ state: "error", description: begun.error.message }, progress, undefined);
    const secrets = await secretsFor(run, options.secrets);
    const log = await options.results.openLog(key, logBound, secrets.masking);
    if (!log.ok) return endOf({ state: "error", description: log.error.message }, progress, undefined);
    const stop = await attemptRun({ run, attempt, key, log: log.value, signal, progress, secrets });
    await announced;
    const end = await finish(run, key, log.value, stop, progress, attempt, secrets.artifacts);
    return end;
  }

  interface Scene {
    readonly run: Run;
    readonly attempt: { readonly buildId: string; readonly startedAt: number };
    readonly key: ResultKey;
    readonly log: LogWriter;
    readonly signal: AbortSignal;
    readonly progress: Progress;
    readonly secrets: GivenSecrets;
  }

  async function attemptRun(scene: Scene): Promise<Stop> {
    const { run, log, progress } = scene;
    log.line(`fairlead: ${run.job.name}, attempt ${run.attempt + 1}, tier ${run.tier}: ${run.job.origin}`);
    const tested = options.family().components.find((candidate) => candidate.name === run.component);
    if (!tested) return { state: "error", description: `${run.component} is no component of the family any more` };
    const isolation = await options.executor.isolation();
    if (run.tier === "stranger" && !isolation.full) {
      return notRun("full isolation", `strangers' changes need ${isolation.missing.join(", ")}`, "fairlead doctor");
    }
    const missing = await missingNeed(run.job.needs);
    if (missing) return missing;
    const folder = folderOf(scene.attempt.buildId);
    await mkdir(join(folder, "go", "src"), { recursive: true });
    await mkdir(join(folder, "artifacts"), { recursive: true });
    const inside = run.job.body.kind === "release-configuration" ? run.job.body.inside : undefined;
    const user = inside === undefined ? undefined : await insideUser(options, run, tested, inside);
    if (user && !user.ok) {
      log.line(`fairlead: ${user.error.message}${user.error.hint ? `; ${user.error.hint}` : ""}`);
      return { state: "failure", description: user.error.message };
    }
    const component = user?.value.component ?? tested;
    const refs = user ? [user.value.refs] : isCloned(run.job) ? refsOfRun(run) : [];
    const checkedOut = await options.git.checkoutJob({
      root: join(folder, "go"),
      refs,
      // What is tested is the component that the run was decided for, whatever its repository is called by now.
      componentOf: (each) =>
        each === run.refs || each === user?.value.refs
          ? { name: component.name, url: component.repository }
          : componentFor(options.family(), each),
      limits: treeLimits,
    });
    const records = checkedOut.ok ? checkedOut.value.records : checkedOut.error.records;
    const cloned = { ...startedOf(run, scene.attempt.startedAt), finalSha: mainTree(checkedOut)?.finalSha };
    const kept = await options.results.cloned(scene.key, cloned, records);
    if (!kept.ok) return { state: "error", description: kept.error.message };
    if (!checkedOut.ok) return checkoutStop(checkedOut.error, log);
    const { trees, lent } = checkedOut.value;
    const main = mainTree(checkedOut);
    progress.testedCommit = user?.value.tested ?? main?.finalSha;
    progress.testedTree = user ? undefined : main?.tree;
    const tag = /^refs\/tags\/(.+)$/.exec(run.ref)?.[1];
    const hidden = main && tag !== undefined ? await hideOtherTags(main.directory, tag, main.finalSha) : [];
    if (hidden.length > 0) log.line(`fairlead: other tags on this commit are left out: ${hidden.join(", ")}`);
    for (const tree of trees) log.line(`fairlead: checked out ${describeRefs(tree.refs)} as ${tree.finalSha}`);
    if (scene.signal.aborted) return aborted(scene.signal);
    const cwd = startFolder(insideGopath, refs);
    return await carryOutBody(scene, { component, main, folder, cwd, lent }, checkedOut.value);
  }

  interface Place {
    readonly component: Component;
    /** The repository that is tested; `undefined` for a job that clones nothing. */
    readonly main: JobCheckout["trees"][number] | undefined;
    readonly folder: string;
    readonly cwd: string;
    readonly lent: readonly string[];
  }

  /** The machine does not change while we run. */
  let known: Promise<readonly Capability[]> | undefined;
  const capabilities = () => {
    known ??= options.executor.capabilities();
    return known;
  };

  async function carryOutBody(scene: Scene, place: Place, checkout: JobCheckout): Promise<Stop> {
    const { run, log } = scene;
    const image = run.job.body.kind === "pod" ? (containersOf(run.job.body.spec)[0]?.image ?? "") : "";
    for (const line of machineLines(await capabilities(), run.job, image)) log.line(line);
    if (run.job.body.kind === "pod") {
      const { spec } = run.job.body;
      const container = containersOf(spec)[0];
      if (!container) return { state: "error", description: "the job's pod has no container" };
      const { fault, lines } = scene.secrets;
      if (fault) return { state: "error", description: fault.message };
      const privileged = mayBePrivileged(options.family(), run.job);
      const where = { cluster: run.job.prow.cluster, tier: run.tier };
      const ignored = options.executor.ignored(withSecretsGiven(spec), privileged, where);
      for (const line of [...podLines(run.job, ignored), ...lines]) log.line(line);
      if (options.shell) return await openShell(scene, place, container.argv.join(" "), container);
      return await step(scene, place, "command", container.argv, run.job.timeoutMs, container);
    }
    const { main } = place;
    if (!main) return { state: "error", description: "there is nothing to test: no repository was checked out" };
    // From git objects of the commit that was checked out, so that what a job wrote into its tree decides nothing.
    const configuration = await options.readReleaseConfiguration(
      {
        read: (path) => main.repository.readFile(main.finalSha, path),
        list: (prefix) => main.repository.listFiles(main.finalSha, prefix),
      },
      place.component,
    );
    if (!configuration.ok) {
      log.line(
        `fairlead: ${configuration.error.message}${configuration.error.hint ? `; ${configuration.error.hint}` : ""}`,
      );
      return { state: "failure", description: configuration.error.message };
    }
    log.line(`fairlead: what to do was read from ${configuration.value.origin}`);
    const provided = await provideTools(options.toolchains, configuration.value, log);
    if (!provided.ok) return notRun(provided.need, provided.message, provided.hint);
    const installed = new Set(provided.tools.map((tool) => tool.name));
    // A lane builds nothing: what its deployment needs to be built is not needed here.
    const { body } = run.job;
    const inClusterAlone = body.kind === "release-configuration" && body.steps.every((name) => name === "cluster");
    const needed = inClusterAlone ? [] : configuration.value.needs.filter((need) => !installed.has(need));
    const missing = await missingNeed(needed);
    if (missing) {
      log.line(`fairlead: ${missing.description}`);
      return missing;
    }
    scene.progress.tools = provided.tools;
    if (run.job.body.kind === "script") {
      const { script, args } = run.job.body;
      if (options.shell) return await openShell(scene, place, script, undefined);
      return await step(scene, place, "script", ["/bin/sh", "-ec", script, "sh", ...args], run.job.timeoutMs);
    }
    if (options.shell) {
      const { build, test, push } = configuration.value;
      const byName = { build, test, push };
      const scripts = run.job.body.steps.flatMap((name) =>
        name === "images" || name === "cluster" ? [] : (byName[name] ?? []),
      );
      return await openShell(scene, place, scripts.join("; "), undefined);
    }
    const until = options.clock.now() + run.job.timeoutMs;
    if (run.job.body.steps.includes("push") && configuration.value.push !== undefined)
      await announceBranches(main.repository, main.directory, testedBranch(run, main.finalSha));
    const inCluster = clusterStep(scene, { ...place, main }, checkout, configuration.value, until);
    const begun = inCluster && (await beginClusterStep(inCluster));
    // Of a run that builds nothing all else would be for nothing.
    if (inCluster && begun && !begun.prepared.ok && inClusterAlone)
      return await finishClusterStep(inCluster, begun, scene.progress);
    for (const name of run.job.body.steps) {
      if (scene.signal.aborted) return aborted(scene.signal);
      if (name === "cluster") {
        if (!inCluster) continue;
        const stop = (await missingNeed(["cluster"])) ?? (await finishClusterStep(inCluster, begun, scene.progress));
        if (stop.state !== "success") return stop;
        continue;
      }
      if (name === "images") {
        const stop = await imageStep(scene, { ...place, main }, configuration.value, until);
        if (stop) return stop;
        continue;
      }
      const script = configuration.value[name];
      if (script === undefined) continue;
      if (name === "push") {
        const stop = await pushStep(scene, { ...place, main }, script, until);
        if (stop) return stop;
        continue;
      }
      const stop = await step(scene, place, name, ["/bin/sh", "-ec", script], until - options.clock.now());
      if (stop.state !== "success") return stop;
    }
    return (
      (await leftStep(scene, { ...place, main })) ??
      (await versionStep(scene, place.folder, configuration.value)) ?? { state: "success", description: "succeeded" }
    );
  }

  async function leftStep(
    scene: Scene,
    { component, main, folder }: Place & { readonly main: JobCheckout["trees"][number] },
  ): Promise<Stop | undefined> {
    const { run, log, progress } = scene;
    const left = await collectLeft({
      artifacts: join(folder, "artifacts"),
      images: options.leftImages,
      foreign: (image) => foreignName(component, image, ownerOf(image)),
      labels: imageLabels(run, component, run.change === undefined ? run.head : main.finalSha),
      made: progress.images,
      inForce: await inForce(scene),
      log,
    });
    if (left.ok) progress.images = [...progress.images, ...left.value];
    else log.line(`fairlead: ${left.error.message}${left.error.hint ? `; ${left.error.hint}` : ""}`);
    return left.ok ? undefined : { state: "failure", description: left.error.message };
  }

  /** Of a release: what its binaries print is the tag, wherever they can be started here. */
  async function versionStep(
    { run, attempt, log, progress }: Scene,
    folder: string,
    configuration: ReleaseConfiguration,
  ): Promise<Stop | undefined> {
    const tag = /^refs\/tags\/(.+)$/.exec(run.ref)?.[1];
    if (run.tier !== "release" || tag === undefined) return undefined;
    for (const image of progress.images) {
      const platforms: { readonly platform: OciPlatform; readonly digest: string }[] = JSON.parse(image.platforms);
      const verdict = await checkVersion({
        executor: options.cage,
        inspector: options.inspector,
        platforms,
        asked: configuration.images.find((each) => each.name === image.name)?.version,
        tag,
        place: { runId: run.id, buildId: attempt.buildId, tier: run.tier, folder },
      });
      if (verdict.kind === "agrees") log.line(`fairlead: image ${image.name}: its binary prints ${tag}`);
      if (verdict.kind === "unchecked")
        log.line(`fairlead: image ${image.name}: what its binary prints was not checked: ${verdict.why}`);
      if (verdict.kind !== "differs") continue;
      log.line(`fairlead: image ${image.name}: ${verdict.why}; \`version:\` of .fairlead.yaml says how it is asked`);
      return { state: "failure", description: `image ${image.name} is not of version ${tag}: ${verdict.why}` };
    }
    return undefined;
  }

  /** `undefined`: the job tests in no cluster. */
  function clusterStep(
    scene: Scene,
    place: Place & { readonly main: JobCheckout["trees"][number] },
    checkout: JobCheckout,
    configuration: ReleaseConfiguration,
    deadline: number,
  ): ClusterStep | undefined {
    const { body } = scene.run.job;
    if (body.kind !== "release-configuration" || !body.cluster) return undefined;
    const builds =
      body.steps.includes("images") && (configuration.images.length > 0 || configuration.push !== undefined);
    return {
      tests: options.clusterTests,
      run: scene.run,
      buildId: scene.attempt.buildId,
      test: body.cluster,
      family: options.family(),
      component: place.component,
      checkout,
      folder: place.folder,
      gopath: insideGopath,
      deadline,
      builds,
      suiteOf: async (component, tree) => {
        const files = {
          read: (path: string) => tree.repository.readFile(tree.finalSha, path),
          list: (prefix: string) => tree.repository.listFiles(tree.finalSha, prefix),
        };
        const read = await options.readReleaseConfiguration(files, component);
        return read.ok ? read.value.e2e : undefined;
      },
      log: scene.log,
      signal: scene.signal,
      script: (script) => clusterScript(scene, place, script, deadline),
    };
  }

  async function clusterScript(scene: Scene, place: Place, script: TestScript, deadline: number): Promise<Stop> {
    const { name, argv, env, mounts, pathPrefix, reachable, cwd, signal } = script;
    const around = { env, mounts, services: {}, pathPrefix, reachable };
    const left = deadline - options.clock.now();
    return await step({ ...scene, signal }, { ...place, cwd }, name, argv, left, undefined, around);
  }

  /** The component's own script pushes; what it pushed is the run's from then on, checked as what is assembled. */
  async function pushStep(
    scene: Scene,
    place: Place & { readonly main: JobCheckout["trees"][number] },
    script: string,
    until: number,
  ): Promise<Stop | undefined> {
    const { run, log, progress } = scene;
    const { component, main } = place;
    const door = options.pushDoor;
    if (!door) return notRun("registry", "`push` scripts push to a server's registry", "run it on a server");
    try {
      const around = await preparePush(door, run, place.folder);
      const left = until - options.clock.now();
      const stop = await step(scene, place, "push", ["/bin/sh", "-ec", script], left, undefined, around);
      if (stop.state !== "success") return stop;
      const collected = await collectPushed({
        door,
        run,
        component,
        foreign: (image) => foreignName(component, image, ownerOf(image)),
        labels: imageLabels(run, component, run.change === undefined ? run.head : main.finalSha),
        assembled: progress.images,
        inForce: await inForce(scene),
        log,
      });
      if (!collected.ok) {
        const { message, hint } = collected.error;
        log.line(`fairlead: ${message}${hint ? `; ${hint}` : ""}`);
        return { state: "failure", description: message };
      }
      progress.images = [...progress.images, ...collected.value];
      return undefined;
    } finally {
      await door.close(run.id);
    }
  }

  function ownerOf(image: string): string | undefined {
    return options.family().components.find((each) => each.images?.includes(image))?.name;
  }

  /** The environment of the run, with a person in it: what it would have done is said, and left to them. */
  async function openShell(scene: Scene, place: Place, would: string, container: Container | undefined): Promise<Stop> {
    scene.log.line(`fairlead: the run itself would do: ${forOneLine(would, 2000)}`);
    scene.log.line("fairlead: leave with exit or Ctrl-D");
    const shell = ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash -i; exec sh -i"];
    const terminal = options.shell?.open();
    const stop = await step(scene, place, "shell", shell, longestShellMs, container, undefined, terminal);
    options.shell?.close();
    return stop.state === "failure" ? { state: "success", description: "the shell was left" } : stop;
  }

  async function step(
    scene: Scene,
    place: Place,
    name: string,
    argv: readonly string[],
    timeoutMs: number,
    container?: Container,
    around?: Surroundings,
    terminal?: ShellTerminal,
  ): Promise<Stop> {
    const { run, log } = scene;
    if (!terminal) log.line(`fairlead: step ${name}: ${argv.at(-1) ?? ""}`);
    const started = options.clock.now();
    const caches = run.tier === "release" ? undefined : join(options.cacheRoot, run.tier);
    if (caches) await mkdir(caches, { recursive: true });
    const mounts: Mount[] = [
      // The steps of a generated job follow one another in one tree; a pod is all there is of its job.
      {
        host: join(place.folder, "go"),
        inside: insideGopath,
        writable: true,
        purpose: container ? "input" : undefined,
      },
      { host: join(place.folder, "artifacts"), inside: insideArtifacts, writable: true },
      ...place.lent.map((path) => ({ host: path, inside: path, writable: false })),
      ...(caches ? [{ host: caches, inside: "/cache", writable: true, purpose: "cache" as const }] : []),
      await toolsMount(place.folder),
      ...scene.progress.tools.flatMap((tool) => (tool.mount ? [tool.mount] : [])),
      ...(container && run.job.body.kind === "pod"
        ? await emptyVolumes(run.job.body.spec, container, place.folder)
        : []),
      ...(await secretMounts(scene.secrets, place.folder)),
      ...(around?.mounts ?? []),
    ];
    const facts = {
      job: run.job,
      runId: run.id,
      buildId: scene.attempt.buildId,
      refs: run.refs,
      artifacts: insideArtifacts,
      gopath: insideGopath,
    };
    const env = {
      ...baseEnvironment(options.executor.name, caches !== undefined),
      ...Object.fromEntries((container?.env ?? []).map((variable) => [variable.name, variable.value])),
      ...scene.secrets.env,
      ...jobEnvironment(facts),
      ...around?.env,
    };
    const execution = await options.executor.start({
      runId: run.id,
      buildId: scene.attempt.buildId,
      tier: run.tier,
      argv: container && !terminal ? expandArguments(argv, env) : argv,
      terminal: terminal && { typed: terminal.typed },
      cwd: place.cwd,
      env,
      // Before whatever PATH the job sets; an image brings its own `runner.sh`.
      pathPrefix: [
        ...scene.progress.tools.flatMap((tool) => (tool.path === undefined ? [] : [tool.path])),
        ...(options.executor.name === "container" ? [] : [toolsInside]),
        ...(around?.pathPrefix ?? []),
      ],
      mounts,
      timeoutMs: Math.max(timeoutMs, 1),
      graceMs: run.job.gracePeriodMs,
      limits: { ...executionLimits, memoryBytes: memoryLimit(container, executionLimits.memoryBytes) },
      network: "egress",
      container: containerWish(options.family(), run.job, container),
      pod: podWish(run, scene.attempt),
      services: around && Object.keys(around.services).length > 0 ? around.services : undefined,
      reachable: around?.reachable,
      onOutput: terminal?.show ?? ((chunk) => log.append(chunk)),
    });
    if (!execution.ok) {
      return execution.error.code === "missing-need"
        ? notRun("isolation", execution.error.message, execution.error.hint ?? "fairlead doctor")
        : { state: "error", description: execution.error.message };
    }
    const ranIn = (image: Execution["image"]) => {
      if (!image || scene.progress.ranIn !== undefined) return;
      scene.progress.ranIn = `${image.name}@${image.digest}`;
      log.line(`fairlead: ${image.name} is ${image.digest}`);
    };
    ranIn(execution.value.image);
    const onAbort = () => execution.value.abort(String(scene.signal.reason));
    if (scene.signal.aborted) onAbort();
    scene.signal.addEventListener("abort", onAbort, { once: true });
    const outcome = await execution.value.outcome;
    scene.signal.removeEventListener("abort", onAbort);
    ranIn(outcome.image);
    if (outcome.podInfo) await options.results.writeDocument(scene.key, "podinfo.json", outcome.podInfo);
    for (const { target, allowed } of outcome.reached.slice(0, 50)) {
      if (!allowed) log.line(`fairlead: ${target} was refused: runs reach no loopback, link-local or private address`);
    }
    scene.progress.exitCode = outcome.exitCode;
    log.line(
      `fairlead: step ${name} ${outcome.description} after ${((options.clock.now() - started) / 1000).toFixed(1)} s`,
    );
    return stopOf(name, outcome, scene.signal, run.job.prow.errorOnEviction);
  }

  async function imageStep(
    scene: Scene,
    { component, main, folder }: Place & { readonly main: JobCheckout["trees"][number] },
    configuration: ReleaseConfiguration,
    until: number,
  ): Promise<Stop | undefined> {
    if (configuration.images.length === 0) return undefined;
    const built = await buildImages({
      run: scene.run,
      component,
      ownerOf,
      configuration,
      context: main.directory,
      commit: scene.run.change === undefined ? scene.run.head : main.finalSha,
      epoch: (await main.repository.describeCommit(scene.run.head)).committedAt,
      assembler: options.assembler,
      inForce: await inForce(scene),
      place: {
        runId: scene.run.id,
        buildId: scene.attempt.buildId,
        tier: scene.run.tier,
        folder,
        timeoutMs: until - options.clock.now(),
        signal: scene.signal,
      },
      log: scene.log,
    });
    if (scene.signal.aborted) return aborted(scene.signal);
    if (!built.ok) return { state: "failure", description: built.error.message };
    scene.progress.images = built.value;
    return undefined;
  }

  /** Without full isolation nobody says what could be reached: the weakest is claimed. */
  async function inForce({ run, progress }: Scene): Promise<InForce> {
    const isolation = await options.executor.isolation();
    return {
      isolation: isolation.full ? "full" : `partial, without ${isolation.missing.join(", ")}`,
      network: isolation.full ? "egress-proxy" : "open",
      caches: run.tier === "release" ? "none" : run.tier,
      container: progress.ranIn,
    };
  }

  async function missingNeed(needs: readonly string[]): Promise<Stop | undefined> {
    if (needs.length === 0) return undefined;
    for (const need of needs) {
      const found =
        need === "cluster" && options.clusterTests
          ? await options.clusterTests.capability()
          : (await capabilities()).find((capability) => capability.need === need);
      if (found?.present) continue;
      return notRun(need, found?.detail ?? "not on this machine", found?.mend ?? "fairlead doctor");
    }
    return undefined;
  }

  return { run, tidy: (buildId) => removeTree(folderOf(buildId)) };
}

/** An image has its own PATH and HOME; a process of this machine gets ours. */
function baseEnvironment(executor: Executor["name"], cached: boolean): Record<string, string> {
  return {
    ...(executor !== "process" ? {} : { PATH: defaultPath, HOME: "/home/prow", LANG: "C.UTF-8", TMPDIR: "/tmp" }),
    ...(cached
      ? { GOCACHE: "/cache/go-build", GOMODCACHE: "/cache/go-mod" }
      : { GOCACHE: "/tmp/go-build", GOMODCACHE: "/tmp/go-mod" }),
  };
}
