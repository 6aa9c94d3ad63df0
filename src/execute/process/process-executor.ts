import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { type Clock, err, fault, formatGoDuration, type Ids, ok, type Result } from "../../core/index.ts";
import {
  childrenOf,
  createOutputPipes,
  type EgressProxy,
  findOnPath,
  hasEnded,
  homeMark,
  ignoredPodFields,
  kill,
  killMarked,
  startEgressProxy,
  watchLimits,
} from "../host/index.ts";
import type { Execution, ExecutionSpec, Executor, Outcome } from "../model.ts";
import { cageArguments, cagedCommand } from "./cage.ts";
import { openCgroups } from "./cgroups.ts";
import { type IdRange, openIdRange } from "./id-range.ts";
import { limitsCapability } from "./limits.ts";
import { readCapabilities, readMachine } from "./machine.ts";
import { terminalScript } from "./terminal.ts";

export interface ProcessExecutorOptions {
  /** A folder of our own, mode 0700, kept between starts. */
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** `host:port` that runs may reach though not public, as the family file lists them. */
  readonly reachable: () => readonly string[];
  /** What the family file says about clusters. */
  readonly cluster: () => string;
  /** `false` behaves as on a machine without bubblewrap. */
  readonly allowCage?: boolean;
}

const marker = "FAIRLEAD_CAGE";

/** Runs jobs as processes of this machine: in bubblewrap's cage, or, where that cannot be had, trusted ones in less. */
export async function createProcessExecutor(options: ProcessExecutorOptions): Promise<Executor> {
  const { folder, clock } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const home = await homeMark(folder, options.ids);
  const { parts, forwarder } = await readMachine(folder);
  const bubblewrap = options.allowCage === false ? undefined : await findOnPath("bwrap");
  const prlimit = await findOnPath("prlimit");
  const perl = (await findOnPath("perl", "/usr/bin")) !== undefined;
  const scratch = join(folder, "runs");
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const pipes = createOutputPipes(scratch);
  const running = new Set<Execution>();
  const asRoot = process.getuid?.() === 0;
  const cgroups = asRoot ? await openCgroups(home) : undefined;
  const noCage = await whyNoCage();
  const missing =
    asRoot && !cgroups && noCage.length === 0
      ? ["no control group can be made, so that nothing bounds the number of processes of a run started by root"]
      : noCage;

  async function whyNoCage(): Promise<readonly string[]> {
    if (!bubblewrap) return ["bubblewrap is not installed"];
    if (!prlimit) return ["prlimit (util-linux) is not installed"];
    const output: Uint8Array[] = [];
    const probe = await caged(
      {
        ...emptySpec,
        buildId: `probe-${options.ids.hex(4)}`,
        onOutput: (chunk) => output.push(chunk),
      },
      bubblewrap,
      prlimit,
    );
    const outcome = await probe.outcome;
    if (outcome.exitCode === 0) return [];
    const said = Buffer.concat(output).toString().trim().split("\n")[0] ?? "";
    return [`bubblewrap cannot make a cage here: ${said || outcome.description}`];
  }

  async function caged(spec: ExecutionSpec, bwrap: string, limiter: string, range?: IdRange): Promise<Execution> {
    const egress = spec.network === "egress" && perl;
    const own = join(scratch, spec.buildId);
    await mkdir(own, { recursive: true, mode: 0o700 });
    const proxy = egress
      ? await startEgressProxy({
          socket: join(own, "egress.sock"),
          reachable: [...options.reachable(), ...(spec.reachable ?? [])],
          services: spec.services,
        })
      : undefined;
    const door = egress ? { socketFolder: own, forwarder } : undefined;
    const groups = cgroups ? await cgroups.enter(spec.buildId, spec.limits) : [];
    const argv = [
      ...(groups.length > 0 ? ["/bin/sh", "-c", enterGroups, "sh", String(groups.length), ...groups] : []),
      limiter,
      "--core=0",
      `--fsize=${spec.limits.diskBytes}`,
      ...(asRoot ? [] : [`--nproc=${spec.limits.processes}`]),
      "--",
      bwrap,
      "--args",
      "3",
      "--json-status-fd",
      "4",
      "--",
      ...cagedCommand(spec, egress),
    ];
    // The numbers that the descriptors have in bubblewrap.
    const cage = cageArguments(spec, parts, door, range && { outer: 5, inner: 6 });
    const passed = range ? [range.outer, range.inner] : [];
    return await launch(spec, { argv, arguments: cage, passed, env: {}, cwd: "/", proxy, own });
  }

  async function bare(spec: ExecutionSpec): Promise<Execution> {
    const own = join(scratch, spec.buildId);
    await mkdir(join(own, "home"), { recursive: true, mode: 0o700 });
    const translate = (value: string) =>
      [...spec.mounts]
        .sort((a, b) => b.inside.length - a.inside.length)
        .reduce((text, mount) => text.replaceAll(mount.inside, mount.host), value);
    const env = Object.fromEntries(Object.entries(spec.env).map(([name, value]) => [name, translate(value)]));
    env["HOME"] = join(own, "home");
    const argv = prlimit
      ? [prlimit, "--core=0", `--fsize=${spec.limits.diskBytes}`, "--", ...spec.argv]
      : [...spec.argv];
    return await launch(spec, {
      argv,
      arguments: undefined,
      passed: [],
      env,
      cwd: translate(spec.cwd),
      proxy: undefined,
      own,
    });
  }

  interface Launch {
    readonly argv: readonly string[];
    readonly arguments: readonly string[] | undefined;
    /** Descriptors handed to bubblewrap, from 5 on. */
    readonly passed: readonly number[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly proxy: EgressProxy | undefined;
    readonly own: string;
  }

  async function launch(spec: ExecutionSpec, how: Launch): Promise<Execution> {
    const output = await pipes.open(spec.onOutput);
    const [program = "", ...args] = how.argv;
    const nothing = openSync("/dev/null", "r");
    const caged = how.arguments !== undefined;
    const child = spawn(program, args, {
      cwd: how.cwd,
      env: { ...how.env, [marker]: `${home}/${spec.buildId}` },
      detached: true,
      stdio: [
        spec.terminal ? "pipe" : nothing,
        output.writeFd,
        output.writeFd,
        ...(caged ? (["pipe", "pipe"] satisfies readonly "pipe"[]) : []),
        ...how.passed,
      ],
    });
    closeSync(nothing);
    output.release();
    if (spec.terminal && child.stdin) {
      child.stdin.on("error", () => undefined);
      spec.terminal.typed.pipe(child.stdin);
    }
    const status = caged ? readStatus(child.stdio[4]) : undefined;
    if (caged) sendArguments(child.stdio[3], how.arguments ?? []);
    let ending: { readonly kind: "timed-out" | "aborted" | "limit"; readonly description: string } | undefined;
    let ended = false;
    let cancelGrace = () => {};

    const payload = async () => {
      if (!caged) return child.pid;
      const init = status?.childPid();
      return init === undefined ? undefined : (await childrenOf(init))[0];
    };
    const hangUp = () => {
      spec.terminal?.typed.unpipe();
      child.stdin?.end();
    };
    const killAll = () => {
      if (ended || child.pid === undefined) return;
      kill(caged ? child.pid : -child.pid, "SIGKILL");
    };
    const interrupt = (kind: "timed-out" | "aborted" | "limit", description: string) => {
      if (ended || ending) return;
      ending = { kind, description };
      if (kind === "limit") return killAll();
      cancelGrace = clock.after(spec.graceMs, killAll);
      if (spec.terminal) return hangUp();
      payload().then(
        (pid) => (pid === undefined ? killAll() : ended || kill(pid, "SIGINT")),
        () => killAll(),
      );
    };
    const cancelTimeout = clock.after(spec.timeoutMs, () =>
      interrupt("timed-out", `did not finish within ${formatGoDuration(spec.timeoutMs)}`),
    );
    const stopWatch = watchLimits(
      clock,
      spec,
      () => (caged ? status?.childPid() : child.pid),
      (what) => interrupt("limit", what),
    );

    const outcome = new Promise<{ code: number | null; error: Error | undefined }>((done) => {
      child.once("error", (error) => done({ code: null, error }));
      child.once("exit", (code) => done({ code, error: undefined }));
    }).then(async ({ code, error }): Promise<Outcome> => {
      ended = true;
      cancelTimeout();
      cancelGrace();
      stopWatch();
      if (!caged) {
        if (child.pid !== undefined) kill(-child.pid, "SIGKILL");
        await killMarked(marker, `${home}/${spec.buildId}`);
      }
      await status?.closed;
      const init = status?.childPid();
      while (init !== undefined && !(await hasEnded(init)));
      await output.drained;
      how.proxy?.close();
      running.delete(execution);
      if (caged) await cgroups?.leave(spec.buildId);
      await rm(how.own, { recursive: true, force: true });
      const reached = how.proxy?.reached() ?? [];
      if (error) return { kind: "could-not-start", exitCode: 127, description: error.message, reached };
      if (ending) return { ...ending, exitCode: ending.kind === "aborted" ? 130 : 127, reached };
      if (caged && init === undefined)
        return { kind: "could-not-start", exitCode: 127, description: "could not be started in its cage", reached };
      const exitCode = (caged ? status?.exitCode() : code) ?? -1;
      const description = exitCode === -1 ? "was killed by a signal" : `exited with ${exitCode}`;
      return { kind: "exited", exitCode, description, reached };
    });
    const execution: Execution = {
      pid: child.pid,
      outcome,
      abort: (reason) => interrupt("aborted", `was aborted: ${reason}`),
    };
    running.add(execution);
    return execution;
  }

  return {
    name: "process",
    start: async (asked): Promise<Result<Execution>> => {
      const spec = onTerminal({ ...asked, env: withPath(asked) });
      const refused = spec.tier === "stranger" && missing.length > 0;
      if (!refused && noCage.length === 0 && bubblewrap && prlimit) {
        if (spec.ids !== "range") return ok(await caged(spec, bubblewrap, prlimit));
        const range = await openIdRange();
        if (!range.ok) return range;
        const execution = await caged(spec, bubblewrap, prlimit, range.value);
        range.value.close();
        return ok(execution);
      }
      if (refused) {
        return err(
          fault("missing-need", `a stranger's change runs only in full isolation: ${missing.join("; ")}`, {
            hint: "apt-get install bubblewrap",
          }),
        );
      }
      if (spec.ids === "range") {
        return err(
          fault("missing-need", `a builder of images is started in the cage alone: ${noCage.join("; ")}`, {
            hint: "apt-get install bubblewrap",
          }),
        );
      }
      if (spec.services) {
        return err(
          fault("missing-need", `this step reaches our registry through the cage's way out: ${noCage.join("; ")}`, {
            hint: "apt-get install bubblewrap",
          }),
        );
      }
      return ok(await bare(spec));
    },
    sweep: () => killMarked(marker, `${home}/`),
    capabilities: () =>
      readCapabilities(
        { full: missing.length === 0, missing },
        limitsCapability({ asRoot, controlGroups: cgroups !== undefined, caged: noCage.length === 0 }),
        options.cluster(),
      ),
    ignored: ignoredPodFields,
    isolation: async () => ({ full: missing.length === 0, missing }),
    close: async () => {
      for (const execution of running) if (execution.pid !== undefined) kill(-execution.pid, "SIGKILL");
      await Promise.all([...running].map((execution) => execution.outcome));
    },
  };
}

/** Behind the program that gives it a terminal of its own, where a person looks on. */
function onTerminal(spec: ExecutionSpec): ExecutionSpec {
  if (!spec.terminal) return spec;
  return { ...spec, argv: ["/usr/bin/perl", "-e", terminalScript, "--", ...spec.argv] };
}

function withPath({ env, pathPrefix }: ExecutionSpec): Readonly<Record<string, string>> {
  if (pathPrefix === undefined || pathPrefix.length === 0) return env;
  return { ...env, PATH: [...pathPrefix, env["PATH"] ?? "/usr/bin:/bin"].join(":") };
}

/** Puts itself into N control groups, then becomes the rest of its arguments. */
const enterGroups =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 126; shift; n=$((n-1)); done; exec "$@"';

const emptySpec: ExecutionSpec = {
  runId: "probe",
  buildId: "probe",
  tier: "stranger",
  argv: ["/bin/true"],
  cwd: "/",
  env: {},
  mounts: [],
  timeoutMs: 10_000,
  graceMs: 0,
  limits: { logBytes: 4096, diskBytes: 1024 ** 2, processes: 64, memoryBytes: 1024 ** 3 },
  network: "none",
  onOutput: () => {},
};

function sendArguments(to: Readable | Writable | null | undefined, values: readonly string[]): void {
  if (!to || !("write" in to)) throw new Error("bubblewrap's argument descriptor is missing");
  to.on("error", () => {});
  to.end(values.map((value) => `${value.replaceAll("\0", "")}\0`).join(""));
}

/** bubblewrap's `--json-status-fd`: the pid of the cage's first process, then the payload's exit code. */
function readStatus(from: Readable | Writable | null | undefined) {
  if (!from || !("read" in from)) throw new Error("bubblewrap's status descriptor is missing");
  let text = "";
  from.on("data", (chunk: Uint8Array) => {
    if (text.length < 4096) text += Buffer.from(chunk).toString();
  });
  const number = (name: string) => {
    const found = text.match(name === "child-pid" ? /"child-pid":\s*(\d+)/ : /"exit-code":\s*(\d+)/)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return {
    childPid: () => number("child-pid"),
    exitCode: () => number("exit-code"),
    closed: new Promise<void>((done) => from.once("close", () => done())),
  };
}
