import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Clock, type Fault, forOneLine, type Result } from "../core/index.ts";
import type { Capability, Executor, Mount, Outcome, Toolchain, Toolchains } from "../execute/index.ts";
import type { Component, Family, ReleaseConfiguration } from "../family/index.ts";
import { announceBranches, type Git, type JobCheckout } from "../git/index.ts";
import type { Assembler } from "../images/index.ts";
import {
  type Container,
  containersOf,
  expandArguments,
  extraRefsOf,
  type Job,
  jobEnvironment,
  prowJobOf,
  type Refs,
  withSecretsGiven,
} from "../jobs/index.ts";
import type { ArtifactMasking, LogWriter, ResultKey, ResultStore, Started } from "../results/index.ts";
import { containerWish, machineLines, mayBePrivileged } from "./container.ts";
import { buildImages, foreignName, type InForce, imageLabels } from "./image-step.ts";
import type { BuiltImage, Run, RunEnd } from "./model.ts";
import { emptyVolumes, memoryLimit, pathWithTools, podLines, startFolder, toolsMount } from "./pod.ts";
import { collectPushed, type PushDoor, type PushSurroundings, preparePush } from "./push-step.ts";
import { removeTree } from "./remove-tree.ts";
import type { Supervisor } from "./scheduler.ts";
import type { Secrets } from "./secret-sources.ts";
import { type GivenSecrets, secretMounts, secretsFor } from "./secrets.ts";
import { provideTools } from "./toolchain-step.ts";

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
  readonly readReleaseConfiguration: ReadReleaseConfiguration;
  readonly toolchains: Toolchains;
  /** A person opens the environment of a run instead of having it carried out. */
  readonly shell?: { open(): ShellTerminal; close(): void } | undefined;
  /** Where `push` scripts push to; `undefined`: they are not run here. */
  readonly pushDoor?: PushDoor | undefined;
  /** Folder for checkouts; tmpfs is welcome. */
  readonly workRoot: string;
  /** Folder of build caches, one below it for each tier but `release`. */
  readonly cacheRoot: string;
}

const longestShellMs = 24 * 3_600_000;
const logBound = 64 * 1024 * 1024;
const treeLimits = { files: 500_000, bytes: 8 * 1024 ** 3 };
const artifactBounds = { files: 5_000, bytes: 1024 ** 3 };
const executionLimits = {
  logBytes: logBound,
  diskBytes: 20 * 1024 ** 3,
  processes: 4096,
  memoryBytes: 12 * 1024 ** 3,
};
const insideGopath = "/home/prow/go";
const insideArtifacts = "/logs/artifacts";

/** Where an attempt stands while it is carried out: what its end will say. */
interface Progress {
  testedCommit: string | undefined;
  testedTree: string | undefined;
  images: readonly BuiltImage[];
  exitCode: number | undefined;
  /** Tools of exact versions that its steps stand on. */
  tools: readonly Toolchain[];
  /** The image that the job ran in, `name@digest`; `undefined` for a process. */
  ranIn: string | undefined;
}

/** A run ended early: its state and the sentence. */
interface Stop {
  readonly state: RunEnd["state"];
  readonly description: string;
  readonly notRunNeed?: string | undefined;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const folderOf = (buildId: string) => join(options.workRoot, buildId);

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
    const component = options.family().components.find((candidate) => candidate.name === run.component);
    if (!component) return { state: "error", description: `${run.component} is no component of the family any more` };
    const isolation = await options.executor.isolation();
    if (run.tier === "stranger" && !isolation.full) {
      return notRun("full isolation", `strangers' changes need ${isolation.missing.join(", ")}`, "fairlead doctor");
    }
    const missing = await missingNeed(run.job.needs);
    if (missing) return missing;
    const folder = folderOf(scene.attempt.buildId);
    await mkdir(join(folder, "go", "src"), { recursive: true });
    await mkdir(join(folder, "artifacts"), { recursive: true });
    const refs = isCloned(run.job) ? refsOfRun(run) : [];
    const checkedOut = await options.git.checkoutJob({
      root: join(folder, "go"),
      refs,
      // What is tested is the component that the run was decided for, whatever its repository is called by now.
      componentOf: (each) =>
        each === run.refs ? { name: component.name, url: component.repository } : componentFor(options.family(), each),
      limits: treeLimits,
    });
    const records = checkedOut.ok ? checkedOut.value.records : checkedOut.error.records;
    const cloned = { ...startedOf(run, scene.attempt.startedAt), finalSha: mainTree(checkedOut)?.finalSha };
    const kept = await options.results.cloned(scene.key, cloned, records);
    if (!kept.ok) return { state: "error", description: kept.error.message };
    if (!checkedOut.ok) return checkoutStop(checkedOut.error, log);
    const { trees, lent } = checkedOut.value;
    const main = mainTree(checkedOut);
    progress.testedCommit = main?.finalSha;
    progress.testedTree = main?.tree;
    for (const tree of trees) log.line(`fairlead: checked out ${describeRefs(tree.refs)} as ${tree.finalSha}`);
    if (scene.signal.aborted) return aborted(scene.signal);
    const cwd = startFolder(insideGopath, refs);
    return await carryOutBody(scene, { component, main, folder, cwd, lent });
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

  async function carryOutBody(scene: Scene, place: Place): Promise<Stop> {
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
      const ignored = options.executor.ignored(withSecretsGiven(spec), privileged);
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
    const missing = await missingNeed(configuration.value.needs.filter((need) => !installed.has(need)));
    if (missing) {
      log.line(`fairlead: ${missing.description}`);
      return missing;
    }
    scene.progress.tools = provided.tools;
    if (options.shell) {
      const steps = run.job.body.steps.filter((name) => name !== "images");
      const scripts = steps.flatMap((name) => configuration.value[name] ?? []);
      return await openShell(scene, place, scripts.join("; "), undefined);
    }
    const until = options.clock.now() + run.job.timeoutMs;
    if (run.job.body.steps.includes("push") && configuration.value.push !== undefined)
      await announceBranches(main.repository, main.directory, testedBranch(run, main.finalSha));
    for (const name of run.job.body.steps) {
      if (scene.signal.aborted) return aborted(scene.signal);
      if (name === "images") {
        const stop = await imageStep(scene, place.component, main, configuration.value);
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
    return { state: "success", description: "succeeded" };
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
    around?: PushSurroundings,
    terminal?: ShellTerminal,
  ): Promise<Stop> {
    const { run, log } = scene;
    if (!terminal) log.line(`fairlead: step ${name}: ${argv.at(-1) ?? ""}`);
    const started = options.clock.now();
    const caches = run.tier === "release" ? undefined : join(options.cacheRoot, run.tier);
    if (caches) await mkdir(caches, { recursive: true });
    const mounts: Mount[] = [
      { host: join(place.folder, "go"), inside: insideGopath, writable: true },
      { host: join(place.folder, "artifacts"), inside: insideArtifacts, writable: true },
      ...place.lent.map((path) => ({ host: path, inside: path, writable: false })),
      ...(caches ? [{ host: caches, inside: "/cache", writable: true }] : []),
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
      pathPrefix: scene.progress.tools.flatMap((tool) => (tool.path === undefined ? [] : [tool.path])),
      mounts,
      timeoutMs: Math.max(timeoutMs, 1),
      graceMs: run.job.gracePeriodMs,
      limits: { ...executionLimits, memoryBytes: memoryLimit(container, executionLimits.memoryBytes) },
      network: "egress",
      container: containerWish(options.family(), run.job, container),
      services: around?.services,
      onOutput: terminal?.show ?? ((chunk) => log.append(chunk)),
    });
    if (!execution.ok) {
      return execution.error.code === "missing-need"
        ? notRun("isolation", execution.error.message, execution.error.hint ?? "fairlead doctor")
        : { state: "error", description: execution.error.message };
    }
    const { image } = execution.value;
    if (image && scene.progress.ranIn === undefined) {
      scene.progress.ranIn = `${image.name}@${image.digest}`;
      log.line(`fairlead: ${image.name} is ${image.digest}`);
    }
    const onAbort = () => execution.value.abort(String(scene.signal.reason));
    if (scene.signal.aborted) onAbort();
    scene.signal.addEventListener("abort", onAbort, { once: true });
    const outcome = await execution.value.outcome;
    scene.signal.removeEventListener("abort", onAbort);
    for (const { target, allowed } of outcome.reached.slice(0, 50)) {
      if (!allowed) log.line(`fairlead: ${target} was refused: runs reach no loopback, link-local or private address`);
    }
    scene.progress.exitCode = outcome.exitCode;
    log.line(
      `fairlead: step ${name} ${outcome.description} after ${((options.clock.now() - started) / 1000).toFixed(1)} s`,
    );
    return stopOf(name, outcome, scene.signal);
  }

  async function imageStep(
    scene: Scene,
    component: Component,
    main: JobCheckout["trees"][number],
    configuration: ReleaseConfiguration,
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
      log: scene.log,
    });
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
      const found = (await capabilities()).find((capability) => capability.need === need);
      if (found?.present) continue;
      return notRun(need, found?.detail ?? "not on this machine", found?.mend ?? "fairlead doctor");
    }
    return undefined;
  }

  /** Prow 5.1: readers of a bucket look for the object itself; one that cannot be written stops nothing. */
  async function writeProwJob(
    run: Run,
    key: ResultKey,
    attempt: { readonly buildId: string; readonly startedAt: number },
    now: { readonly state: RunEnd["state"] | "pending"; readonly reason?: string; readonly completedAt?: number },
  ): Promise<void> {
    const optional = run.type === "presubmit" ? { "prow.k8s.io/is-optional": String(run.job.optional) } : {};
    const document = prowJobOf({
      job: run.job,
      runId: run.id,
      buildId: attempt.buildId,
      refs: run.refs,
      createdAt: run.createdAt,
      pendingAt: attempt.startedAt,
      url: options.runUrl(run.id),
      triggerLabels: optional,
      ...now,
    });
    await options.results.writeDocument(key, "prowjob.json", document);
  }

  async function finish(
    run: Run,
    key: ResultKey,
    log: LogWriter,
    stop: Stop,
    progress: Progress,
    attempt: { readonly buildId: string; readonly startedAt: number },
    masking: ArtifactMasking | undefined,
  ): Promise<RunEnd> {
    const left = join(folderOf(attempt.buildId), "artifacts");
    const collected = await options.results.collect(key, left, artifactBounds, masking);
    const leftOut = collected.ok ? collected.value.leftOut : [collected.error.message];
    for (const line of leftOut.slice(0, 20)) log.line(`fairlead: artifact left out: ${line}`);
    const tests = await options.results.readTests(key);
    log.line(`fairlead: ${stop.state}: ${stop.description}`);
    const closed = await log.close();
    const dropped = closed.dropped > 0 ? ` (${closed.dropped} bytes of log were dropped over the bound)` : "";
    const passed = stop.state === "success";
    // Before the end is written, since mirroring starts there.
    const completedAt = options.clock.now();
    await writeProwJob(run, key, attempt, { state: stop.state, reason: stop.description, completedAt });
    const finished = await options.results.finish(key, {
      at: options.clock.now(),
      passed,
      result: passed ? "SUCCESS" : stop.state === "aborted" ? "ABORTED" : "FAILURE",
      revision: run.head,
      metadata: {
        "tested-commit": progress.testedCommit ?? "",
        job: run.job.name,
        description: stop.description,
        ...Object.fromEntries(progress.tools.map((tool) => [`toolchain-${tool.name}`, tool.version])),
        ...(progress.ranIn === undefined ? {} : { "job-image": progress.ranIn }),
      },
    });
    const known = tests.passed + tests.failed + tests.skipped > 0 || tests.problems.length > 0;
    const said = { ...stop, description: `${stop.description}${dropped}` };
    return endOf(
      finished.ok ? said : { state: "error", description: finished.error.message },
      progress,
      known ? JSON.stringify(tests) : undefined,
    );
  }

  return { run, tidy: (buildId) => removeTree(folderOf(buildId)) };
}

export function resultKeyOf(run: Run, buildId: string): ResultKey {
  return {
    type: run.type,
    job: run.job.name,
    buildId,
    org: run.refs.org,
    repo: run.refs.repo,
    pull: run.change,
  };
}

function endOf(stop: Stop, progress: Progress, tests: string | undefined): RunEnd {
  return {
    state: stop.state,
    description: stop.description,
    exitCode: progress.exitCode,
    notRunNeed: stop.notRunNeed,
    testedCommit: progress.testedCommit,
    testedTree: progress.testedTree,
    tests,
    images: stop.state === "success" ? progress.images : [],
  };
}

function notRun(need: string, detail: string, mend: string): Stop {
  return { state: "error", description: `not run here: needs ${need} (${detail}); ${mend}`, notRunNeed: need };
}

function aborted(signal: AbortSignal): Stop {
  return { state: "aborted", description: String(signal.reason) };
}

function checkoutStop(error: Fault & { readonly conflicts?: readonly string[] | undefined }, log: LogWriter): Stop {
  log.line(`fairlead: ${forOneLine(error.message, 1000)}`);
  const conflicts = error.conflicts ?? [];
  if (conflicts.length > 0) {
    // A name of a file may hold a newline, which would begin a line that looks like ours.
    const shown = conflicts.slice(0, 100).map((path) => forOneLine(path, 200));
    for (const path of shown) log.line(`fairlead: conflict in ${path}`);
    const named = shown.slice(0, 5).join(", ");
    return {
      state: "failure",
      description: `conflicts with its base in ${named}${conflicts.length > 5 ? ` and ${conflicts.length - 5} more` : ""}`,
    };
  }
  return { state: error.code === "limit" ? "failure" : "error", description: error.message };
}

function stopOf(name: string, outcome: Outcome, signal: AbortSignal): Stop {
  if (outcome.kind === "aborted")
    return { state: "aborted", description: signal.aborted ? String(signal.reason) : outcome.description };
  if (outcome.kind === "could-not-start" || outcome.kind === "lost")
    return { state: "error", description: outcome.description };
  if (outcome.kind === "exited" && outcome.exitCode === 0) return { state: "success", description: "succeeded" };
  return { state: "failure", description: `${name} ${outcome.description}` };
}

function startedOf(run: Run, at: number): Started {
  const extra = extraRefsOf(run.job);
  const refs = run.type === "periodic" ? (extra.find((each) => each.auxiliary !== true) ?? run.refs) : run.refs;
  return { at, refs, extraRefs: extra.filter((each) => each !== refs), runId: run.id };
}

/** Prow 4.5: the primary repository, else the first extra one that is not auxiliary. */
function mainTree(checkedOut: Result<JobCheckout, unknown>): JobCheckout["trees"][number] | undefined {
  if (!checkedOut.ok) return undefined;
  return checkedOut.value.trees.find((tree) => tree.refs.auxiliary !== true) ?? checkedOut.value.trees[0];
}

/** Prow 1.2, 1.4: undecorated jobs get no checkout, nor do those that say so. */
function isCloned(job: Job): boolean {
  return job.decoration !== undefined && job.decoration.skip_cloning !== true;
}

/** Primary refs first; periodics have extra refs alone (Prow 3.4). */
function refsOfRun(run: Run): readonly Refs[] {
  const extra = extraRefsOf(run.job);
  return run.type === "periodic" ? extra : [run.refs, ...extra];
}

function componentFor(family: Family, refs: Refs): { readonly name: string; readonly url: string } | undefined {
  const found = family.components.find((each) => each.org === refs.org && each.repo === refs.repo);
  return found && { name: found.name, url: found.repository };
}

/** Where `origin/<branch>` stands for the run: at what it tests. */
function testedBranch(run: Run, commit: string): { readonly branch: string; readonly commit: string } | undefined {
  const branch = /^refs\/heads\/(.+)$/.exec(run.ref)?.[1];
  return branch === undefined ? undefined : { branch, commit };
}

function describeRefs(refs: Refs): string {
  const base = `${refs.base_ref} at ${refs.base_sha.slice(0, 7)}`;
  const pulls = (refs.pulls ?? []).map((pull) => `#${pull.number} at ${pull.sha.slice(0, 7)}`);
  return pulls.length === 0 ? base : `${base} merged with ${pulls.join(", ")}`;
}

/** An image has its own PATH and HOME; a process of this machine gets ours. */
function baseEnvironment(executor: Executor["name"], cached: boolean): Record<string, string> {
  return {
    ...(executor === "container" ? {} : { PATH: pathWithTools, HOME: "/home/prow", LANG: "C.UTF-8", TMPDIR: "/tmp" }),
    ...(cached
      ? { GOCACHE: "/cache/go-build", GOMODCACHE: "/cache/go-mod" }
      : { GOCACHE: "/tmp/go-build", GOMODCACHE: "/tmp/go-mod" }),
  };
}
