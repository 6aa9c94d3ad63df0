import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, err, fault, formatGoDuration, type Ids, ok, type Result } from "../../core/index.ts";
import type { JsonObject } from "../../jobs/index.ts";
import {
  carryPerl,
  createOutputPipes,
  homeMark,
  isolationCapability,
  startEgressProxy,
  watchLimits,
} from "../host/index.ts";
import type { Capability, ContainerWish, Execution, ExecutionSpec, Executor, Outcome } from "../model.ts";
import { createArguments, variablesFile } from "./container-arguments.ts";
import { askEngine, engineEnvironment, saidBy } from "./engine.ts";
import { type FoundEngine, findEngine } from "./find-engine.ts";
import { readHardLimits } from "./hard-limits.ts";
import { createImages } from "./images.ts";
import { initScript } from "./init-script.ts";
import { ignoredInContainer } from "./pod-fields.ts";

export interface ContainerExecutorOptions {
  /** A folder of our own, mode 0700, kept between starts. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** `host:port` that runs may reach though not public, as the family file lists them. */
  readonly reachable: () => readonly string[];
  readonly engine: "podman" | "docker" | undefined;
  /** Options before every command of the engine; `undefined`: what works here is found. */
  readonly options: readonly string[] | undefined;
  /** What the family file says about clusters. */
  readonly cluster: () => string;
}

const askTimeoutMs = 120_000;
const homeLabel = "fairlead.home";

/**
 * Runs jobs in containers of their own images, by podman or docker. Containers outlive whoever started them, so they
 * carry the mark of the home and are removed at start, at a run's end, on time-out and on abort. Fault `missing-need`
 * when no engine works here.
 */
export async function createContainerExecutor(options: ContainerExecutorOptions): Promise<Result<Executor>> {
  const { folder, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const mark = await homeMark(folder, options.ids);
  const scratch = join(folder, "runs");
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const authFile = join(folder, "no-credentials.json");
  await writeFile(authFile, "{}\n");
  const carried = await carryPerl(join(folder, "carried"), { "init.pl": initScript });
  if (!carried.ok) return carried;
  const hard = await readHardLimits();
  const found = await findEngine({
    wanted: options.engine,
    options: options.options,
    carried: carried.value,
    authFile,
    hard,
  });
  if (!found.ok) return found;
  const { engine, limits } = found.value;
  const images = createImages(engine, authFile);
  const pipes = createOutputPipes(scratch);
  const running = new Set<Execution>();
  const user = engine.name === "docker" ? userOfThisProcess() : undefined;
  const ask = (...args: readonly string[]) => askEngine(engine, args, { authFile, timeoutMs: askTimeoutMs });
  const missing = found.value.userNamespace
    ? []
    : [`root in a container of ${engine.name} is root of this machine: there is no user namespace`];

  async function sweep(): Promise<number> {
    const listed = await ask("ps", "--all", "--quiet", "--filter", `label=${homeLabel}=${mark}`);
    const ids = listed.ok ? listed.value.stdout.split(/\s+/).filter((id) => id !== "") : [];
    for (const id of ids) await ask("rm", "--force", "--volumes", id);
    return ids.length;
  }

  async function start(spec: ExecutionSpec): Promise<Result<Execution>> {
    const wish = spec.container;
    if (spec.terminal)
      return err(
        fault("refused", "a shell is opened in the cage, not in a container", {
          hint: `${engine.name} run -it ${wish?.image ?? "IMAGE"} sh, or execute.kind: process`,
        }),
      );
    if (!wish)
      return err(fault("bad-input", "the job names no image, and the family file names none for generated jobs"));
    if (spec.tier === "stranger" && missing.length > 0)
      return err(
        fault("missing-need", `a stranger's change runs only in full isolation: ${missing.join("; ")}`, {
          hint: "run the server as an ordinary user with rootless podman, or use execute.kind: process",
        }),
      );
    const image = await images.resolve(wish.image, wish.pullPolicy);
    if (!image.ok) return image;
    const own = join(scratch, spec.buildId);
    await mkdir(own, { recursive: true, mode: 0o755 });
    const egress = spec.network === "egress";
    const proxy = egress
      ? await startEgressProxy({
          socket: join(own, "egress.sock"),
          reachable: [...options.reachable(), ...(spec.reachable ?? [])],
          services: spec.services,
        })
      : undefined;
    await writeFile(join(own, "variables"), variablesFile(spec, egress), { mode: 0o644 });
    const name = `fairlead-${mark.slice(0, 8)}-${spec.buildId}-${options.ids.hex(4)}`;
    const made = await ask(
      ...createArguments(spec, wish, {
        name,
        image: image.value.id,
        labels: { [homeLabel]: mark, "fairlead.build": spec.buildId },
        carried: join(folder, "carried"),
        door: own,
        egress,
        user,
        limits,
        hard,
      }),
    );
    if (!made.ok || made.value.code !== 0) {
      proxy?.close();
      await ask("rm", "--force", name);
      await rm(own, { recursive: true, force: true });
      return made.ok ? err(fault("failed", `the container cannot be made: ${saidBy(made.value)}`)) : made;
    }
    return ok(await follow(spec, wish, { name, own, digest: image.value.digest, proxy }));
  }

  interface Made {
    readonly name: string;
    readonly own: string;
    readonly digest: string;
    readonly proxy: Awaited<ReturnType<typeof startEgressProxy>> | undefined;
  }

  async function follow(spec: ExecutionSpec, wish: ContainerWish, made: Made): Promise<Execution> {
    const output = await pipes.open(spec.onOutput);
    const nothing = openSync("/dev/null", "r");
    const child = spawn(engine.program, [...engine.options, "start", "--attach", "--sig-proxy=false", made.name], {
      // What watches the container leaves a file `oom` where it was started, when memory ran out.
      cwd: made.own,
      env: engineEnvironment(authFile),
      detached: true,
      stdio: [nothing, output.writeFd, output.writeFd],
    });
    closeSync(nothing);
    output.release();
    let ending: { readonly kind: "timed-out" | "aborted" | "limit"; readonly description: string } | undefined;
    let ended = false;
    let cancelGrace = () => {};
    const killAll = () => {
      if (!ended) void ask("kill", "--signal", "KILL", made.name);
    };
    const interrupt = (kind: "timed-out" | "aborted" | "limit", description: string) => {
      if (ended || ending) return;
      ending = { kind, description };
      if (kind === "limit") return killAll();
      cancelGrace = clock.after(spec.graceMs, killAll);
      void ask("kill", "--signal", "INT", made.name);
    };
    const cancelTimeout = clock.after(spec.timeoutMs, () =>
      interrupt("timed-out", `did not finish within ${formatGoDuration(spec.timeoutMs)}`),
    );
    const stopWatch = watchLimits(
      clock,
      spec,
      () => undefined,
      (what) => interrupt("limit", what),
    );
    const outcome = new Promise<Error | undefined>((done) => {
      child.once("error", done);
      child.once("exit", () => done(undefined));
    }).then(async (failure): Promise<Outcome> => {
      const state = await stateOf(made.name);
      ended = true;
      cancelTimeout();
      cancelGrace();
      stopWatch();
      await ask("rm", "--force", "--volumes", made.name);
      await output.drained;
      made.proxy?.close();
      await rm(made.own, { recursive: true, force: true });
      running.delete(execution);
      const reached = made.proxy?.reached() ?? [];
      if (failure) return { kind: "could-not-start", exitCode: 127, description: failure.message, reached };
      if (ending) return { ...ending, exitCode: ending.kind === "aborted" ? 130 : 127, reached };
      // An engine answers 0 for a container that still runs, as it does when only the one that follows it was killed.
      if (!state || state.running)
        return { kind: "lost", exitCode: -1, description: `${engine.name} lost it before its end was seen`, reached };
      if (!state.started)
        return { kind: "could-not-start", exitCode: 127, description: "its container could not be started", reached };
      if (state.outOfMemory)
        return { kind: "limit", exitCode: state.exitCode, description: "took more than its memory", reached };
      return { kind: "exited", exitCode: state.exitCode, description: `exited with ${state.exitCode}`, reached };
    });
    const execution: Execution = {
      pid: child.pid,
      image: { name: wish.image, digest: made.digest },
      outcome,
      abort: (reason) => interrupt("aborted", `was aborted: ${reason}`),
    };
    running.add(execution);
    return execution;
  }

  async function stateOf(name: string) {
    const format = "{{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Running}} {{.State.StartedAt}}";
    const asked = await ask("inspect", "--type", "container", "--format", format, name);
    const [code, outOfMemory, running, startedAt = ""] = asked.ok ? asked.value.stdout.trim().split(" ") : [];
    if (code === undefined || !/^\d+$/.test(code)) return undefined;
    const started = !startedAt.startsWith("0001");
    return { exitCode: Number(code), outOfMemory: outOfMemory === "true", running: running === "true", started };
  }

  function engineCapabilities(seen: FoundEngine): readonly Capability[] {
    const between = "what a job takes between two looks";
    return [
      isolationCapability(missing, "run the server as an ordinary user with rootless podman"),
      {
        need: "hard-limits",
        present: seen.limits,
        detail: seen.limits
          ? "memory, processes and processors by the engine; disk of the mounted folders is counted twice a second, that of the container's own files is not bounded"
          : "the engine bounds neither memory nor processes here; disk is counted twice a second",
        mend: seen.limits ? "" : "run the server where /sys/fs/cgroup can be written",
        switchesOff: seen.limits ? "" : between,
      },
      {
        need: "container-executor",
        present: true,
        detail: `${seen.version}${engine.options.length > 0 ? ` with ${engine.options.join(" ")}` : ""}`,
        mend: "",
        switchesOff: "",
      },
      ...["go", "make", "git", "bash", "curl"].map((need) => ({
        need,
        present: true,
        detail: "as the job's image has it",
        mend: "",
        switchesOff: "",
      })),
      {
        need: "container-engine",
        present: false,
        detail: "jobs in containers reach no container engine, unless they are privileged and start one themselves",
        mend: "have the job do without one, or list it under execute.privileged",
        switchesOff: "jobs that start containers",
      },
      {
        need: "cluster",
        present: false,
        detail: `kubernetes.cluster is ${options.cluster()}, and this version starts no clusters`,
        mend: "set kubernetes.cluster to none in the family file, which every page then shows",
        switchesOff: "tests on Kubernetes",
      },
    ];
  }

  return ok({
    name: "container",
    start,
    sweep,
    capabilities: async () => engineCapabilities(found.value),
    ignored: (spec: JsonObject, privileged?: boolean) => ignoredInContainer(spec, privileged === true),
    isolation: async () => ({ full: missing.length === 0, missing }),
    close: async () => {
      for (const execution of running) execution.abort("the server stops");
      await sweep();
      await Promise.all([...running].map((execution) => execution.outcome));
    },
  });
}

/** docker's daemon is root whoever asks: as root's, files of a run could not be removed by an ordinary user's server. */
function userOfThisProcess(): string | undefined {
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? undefined : `${uid}:${process.getgid?.() ?? uid}`;
}
