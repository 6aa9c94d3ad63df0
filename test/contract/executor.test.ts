import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock, systemIds } from "../../src/core/index.ts";
import { createContainerExecutor } from "../../src/execute/container/index.ts";
import type { ExecutionSpec, Executor, Outcome } from "../../src/execute/index.ts";
import { type ClusterSettings, createKubernetesExecutor } from "../../src/execute/kubernetes/index.ts";
import { createProcessExecutor } from "../../src/execute/process/index.ts";
import { type PrivatePodman, privatePodman } from "../fixtures/busybox-image.ts";
import { type FakeKubernetes, fakeKubernetes } from "../fixtures/kubernetes-server.ts";
import { until } from "../fixtures/until.ts";

const podman = await privatePodman();
const bubblewrap = await promisify(execFile)("bwrap", ["--version"]).then(
  () => undefined,
  () => "bubblewrap is not installed",
);
const fake: FakeKubernetes | undefined = bubblewrap === undefined ? await fakeKubernetes() : undefined;
const reachable: string[] = [];
const inside = createServer((_request, response) => response.end("from inside"));
let root: string;
let port: number;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "executors-"));
  await new Promise<void>((done) => inside.listen(0, "127.0.0.1", done));
  const address = inside.address();
  port = typeof address === "object" && address ? address.port : 0;
});
afterAll(async () => {
  inside.close();
  await fake?.close();
  if (typeof podman !== "string") await podman.remove();
  await rm(root, { recursive: true, force: true });
});

const common = { clock: systemClock, ids: systemIds, reachable: () => reachable, cluster: () => "none" };

interface Kind {
  readonly name: "process" | "container" | "pods of a fake cluster";
  readonly kind: Executor["name"];
  readonly lacks: string | undefined;
  open(folder: string): Promise<Executor>;
  /** What the job wants beside its arguments. */
  readonly wish: Pick<ExecutionSpec, "container">;
  /** A command line that asks for an address through the proxy. */
  fetch(url: string): string;
}

const engineOf = (found: PrivatePodman) => ({ engine: "podman", options: found.options }) as const;
const kinds: readonly Kind[] = [
  {
    name: "process",
    kind: "process",
    lacks: undefined,
    open: (folder) => createProcessExecutor({ folder, ...common }),
    wish: {},
    fetch: (url) => `curl -s -m 5 --noproxy '' ${url}`,
  },
  {
    name: "container",
    kind: "container",
    lacks: typeof podman === "string" ? podman : undefined,
    open: async (folder) => {
      if (typeof podman === "string") throw new Error(podman);
      return must(await createContainerExecutor({ folder, ...common, ...engineOf(podman) }));
    },
    wish:
      typeof podman === "string"
        ? {}
        : { container: { image: podman.image, pullPolicy: undefined, privileged: false, cpus: undefined } },
    fetch: (url) => `no_proxy= wget -q -O - ${url} 2>&1`,
  },
  {
    name: "pods of a fake cluster",
    kind: "kubernetes",
    lacks: bubblewrap,
    open: (folder) => createKubernetesExecutor({ folder, ...common, clusters: { default: fakeCluster() } }),
    wish: { container: { image: "fake/job:1", pullPolicy: undefined, privileged: false, cpus: undefined } },
    fetch: () => "",
  },
];

function fakeCluster(): ClusterSettings {
  return {
    kubeconfig: fake?.kubeconfig,
    context: undefined,
    namespace: "runs",
    image: "fake/carrier:1",
    serviceAccounts: [],
    networkPolicies: true,
    userNamespaces: true,
  };
}

/** The fixture that is killed, as one file that Node runs. */
async function builtServer(): Promise<string> {
  const outfile = join(root, "executor-server.mjs");
  const entry = fileURLToPath(new URL("../fixtures/executor-server.ts", import.meta.url));
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner,
    logLevel: "error",
  });
  return outfile;
}

describe.each(kinds)("the executor $name", (kind) => {
  const skipped = kind.lacks === undefined ? "" : ` (skipped: ${kind.lacks})`;
  const test = kind.lacks === undefined ? it : it.skip;
  let executor: Executor;
  let count = 0;

  beforeAll(async () => {
    if (kind.lacks === undefined) executor = await kind.open(join(root, kind.kind));
  });
  afterAll(async () => {
    if (kind.lacks === undefined) await executor.close();
  });

  async function specOf(script: string, changes: Partial<ExecutionSpec> = {}): Promise<ExecutionSpec> {
    const tree = join(root, `${kind.kind}-${++count}`);
    await mkdir(tree);
    return {
      runId: "r",
      buildId: `b${count}`,
      tier: "change",
      argv: ["sh", "-c", script],
      cwd: "/home/prow/go",
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/home/prow/go" },
      mounts: [{ host: tree, inside: "/home/prow/go", writable: true }],
      timeoutMs: 30_000,
      graceMs: 500,
      limits: { logBytes: 1e6, diskBytes: 64 * 1024 ** 2, processes: 200, memoryBytes: 512 * 1024 ** 2 },
      network: "egress",
      onOutput: () => {},
      ...kind.wish,
      ...changes,
    };
  }

  async function run(
    script: string,
    changes: Partial<ExecutionSpec> = {},
    during?: (abort: (reason: string) => void, output: string) => void,
  ): Promise<Outcome & { readonly output: string }> {
    const chunks: Uint8Array[] = [];
    const output = () => Buffer.concat(chunks).toString();
    const spec = await specOf(script, {
      ...changes,
      onOutput: (chunk) => {
        chunks.push(chunk);
        during?.((reason) => execution?.abort(reason), output());
      },
    });
    const execution = must(await executor.start(spec));
    const outcome = await execution.outcome;
    return { ...outcome, output: output() };
  }

  test(`answers the exit code, and both streams in their order${skipped}`, async () => {
    const outcome = await run("echo one; echo two >&2; echo three; echo four >&2; exit 7");
    expect(outcome.output).toBe("one\ntwo\nthree\nfour\n");
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 7, description: "exited with 7" });
    expect(await run("exit 0")).toMatchObject({ kind: "exited", exitCode: 0 });
  });

  test(`answers 128 and the signal for a payload that a signal ended${skipped}`, async () => {
    expect(await run("kill -9 $$")).toMatchObject({ kind: "exited", exitCode: 137 });
  });

  test(`gives exactly the variables of the job, whatever they hold${skipped}`, async () => {
    const value = "a b\n\"c\" 'd' $HOME `x` \\ é=,";
    const env = { PATH: "/usr/bin:/bin", ODD: value, EMPTY: "" };
    const outcome = await run('printf %s "$ODD"; printf "[%s]" "${EMPTY-unset}" "${FAIRLEAD_PLANTED-unset}"', { env });
    expect(outcome.output).toBe(`${value}[][unset]`);
  });

  test(`starts where it is told, and mounts what may be written and what may not${skipped}`, async () => {
    const given = join(root, `${kind.kind}-given`);
    await mkdir(given, { recursive: true });
    await writeFile(join(given, "f"), "given");
    const tree = join(root, `${kind.kind}-tree`);
    await mkdir(join(tree, "src"), { recursive: true });
    const outcome = await run("pwd; cat /given/f; echo made > made; (echo x > /given/f) 2>/dev/null || echo refused", {
      cwd: "/home/prow/go/src",
      mounts: [
        { host: tree, inside: "/home/prow/go", writable: true },
        { host: given, inside: "/given", writable: false },
      ],
    });
    expect(outcome.output).toBe("/home/prow/go/src\ngivenrefused\n");
    expect(await readFile(join(tree, "src", "made"), "utf8")).toBe("made\n");
    expect(await readFile(join(given, "f"), "utf8")).toBe("given");
  });

  test(`sends SIGINT to the payload when it is aborted, and leaves it its grace${skipped}`, async () => {
    const script = "trap 'echo tidy; exit 3' INT; echo ready; while :; do sleep 0.05; done";
    const outcome = await run(script, { graceMs: 20_000 }, (abort, output) => {
      if (output.includes("ready")) abort("superseded");
    });
    expect(outcome.output).toContain("tidy");
    expect(outcome).toMatchObject({ kind: "aborted", exitCode: 130, description: "was aborted: superseded" });
  });

  test(`kills what does not end within its time and grace${skipped}`, async () => {
    const outcome = await run("trap '' INT; sleep 1000 & wait; sleep 1000", { timeoutMs: 300, graceMs: 200 });
    expect(outcome).toMatchObject({ kind: "timed-out", exitCode: 127, description: "did not finish within 300ms" });
  });

  test(`leaves nothing behind when the payload ends${skipped}`, async () => {
    const outcome = await run("setsid sh -c 'sleep 1000' >/dev/null 2>&1 & exit 0");
    expect(outcome.exitCode).toBe(0);
    expect(await executor.sweep()).toBe(0);
  });

  test(`says what could not be started${skipped}`, async () => {
    const outcome = await run("", { argv: ["/no/such/program"] });
    expect(outcome.exitCode).toBe(127);
    expect(outcome.output).toContain("/no/such/program");
  });

  test(`has no network but the way out, which refuses this machine${skipped}`, async (context) => {
    if (kind.kind === "kubernetes") return context.skip("a pod's network is the cluster's, closed by its policies");
    if (kind.kind === "process" && !(await executor.isolation()).full) return context.skip("no cage on this machine");
    const address = `http://127.0.0.1:${port}/`;
    const closed = await run(`${kind.fetch(address)}; ls /sys/class/net 2>/dev/null | tr '\\n' ' '`);
    expect(closed.output).not.toContain("from inside");
    expect(closed.output).not.toContain("eth");
    expect(closed.reached).toEqual([{ target: `127.0.0.1:${port}`, allowed: false }]);
    const local = await run(kind.fetch("http://169.254.169.254/"));
    expect(local.reached).toEqual([{ target: "169.254.169.254:80", allowed: false }]);
    reachable.push(`127.0.0.1:${port}`);
    const open = await run(kind.fetch(address));
    reachable.pop();
    expect(open.output).toContain("from inside");
    expect(open.reached).toEqual([{ target: `127.0.0.1:${port}`, allowed: true }]);
    const none = await run(kind.fetch(address), { network: "none" });
    expect(none.output).not.toContain("from inside");
    expect(none.reached).toEqual([]);
  });

  test(`shows nothing of the server: its variables, its files, its processes${skipped}`, async (context) => {
    if (kind.kind === "process" && !(await executor.isolation()).full) return context.skip("no cage on this machine");
    const secret = join(root, "admin.token");
    await writeFile(secret, "planted-secret");
    process.env["FAIRLEAD_PLANTED"] = "planted-secret";
    const outcome = await run(
      `env; cat ${secret} 2>/dev/null; for p in /proc/[0-9]*; do cat $p/environ $p/cmdline 2>/dev/null; done; echo; ls /proc | grep -c '^[0-9]'`,
    );
    delete process.env["FAIRLEAD_PLANTED"];
    expect(outcome.output).not.toContain("planted-secret");
    expect(Number(outcome.output.trim().split("\n").at(-1))).toBeLessThan(20);
  });

  test(`ends a run that fills its folders or forks without end${skipped}`, async (context) => {
    if (kind.kind === "process" && !(await executor.isolation()).full) return context.skip("no cage on this machine");
    const full = await run("i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > f$i || exit 5; done");
    expect(full.kind === "limit" || full.exitCode === 5).toBe(true);
    // Its containers are processes of this machine without a bound: a bomb would hit everybody.
    if (kind.name === "pods of a fake cluster") return;
    const forks = await run("f() { f | f & }; f; sleep 1000", { timeoutMs: 1500 });
    // At the bound the payload itself may be what cannot fork.
    expect(forks.kind === "limit" || forks.kind === "timed-out" || forks.exitCode !== 0).toBe(true);
    expect(await executor.sweep()).toBe(0);
  });

  test(`finds what a server that was killed left running, and nothing of another home${skipped}`, async () => {
    const folder = join(root, `${kind.kind}-killed`);
    const tree = join(root, `${kind.kind}-killed-tree`);
    await mkdir(tree, { recursive: true });
    const server = spawn(
      process.execPath,
      [
        await builtServer(),
        JSON.stringify({
          kind: kind.kind,
          clusters: { default: fakeCluster() },
          folder,
          tree,
          podman: typeof podman === "string" ? undefined : podman,
        }),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let said = "";
    server.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(async () => {
      await new Promise<void>((done) => server.stdout.once("data", () => done()));
      return said.includes("running");
    }, "the job of the other server");
    server.kill("SIGKILL");
    await new Promise((done) => server.once("exit", done));
    expect(await executor.sweep()).toBe(0);
    const next = await kind.open(folder);
    // bubblewrap's cage dies with the server; a container does not.
    const ended = await next.sweep();
    if (kind.kind === "container") expect(ended).toBe(1);
    expect(await next.sweep()).toBe(0);
    await next.close();
  });
});

describe("the executor container", () => {
  const test = typeof podman === "string" ? it.skip : it;
  const skipped = typeof podman === "string" ? ` (skipped: ${podman})` : "";

  async function opened(): Promise<{ executor: Executor; found: PrivatePodman }> {
    if (typeof podman === "string") throw new Error(podman);
    const folder = join(root, "container-own");
    return { executor: must(await createContainerExecutor({ folder, ...common, ...engineOf(podman) })), found: podman };
  }

  function spec(changes: Partial<ExecutionSpec>): ExecutionSpec {
    return {
      runId: "r",
      buildId: "own",
      tier: "branch",
      argv: ["true"],
      cwd: "/",
      env: {},
      mounts: [],
      timeoutMs: 30_000,
      graceMs: 100,
      limits: { logBytes: 1e6, diskBytes: 1e8, processes: 100, memoryBytes: 64 * 1024 ** 2 },
      network: "none",
      onOutput: () => {},
      ...changes,
    };
  }

  test(`keeps the variables of the image, and says which bytes it ran${skipped}`, async () => {
    const { executor, found } = await opened();
    const chunks: Uint8Array[] = [];
    const execution = must(
      await executor.start(
        spec({
          argv: ["sh", "-c", "echo $MADE_BY; id -u; cat /proc/1/comm"],
          container: { image: found.image, pullPolicy: "IfNotPresent", privileged: false, cpus: 0.5 },
          onOutput: (chunk) => chunks.push(chunk),
        }),
      ),
    );
    expect((await execution.outcome).exitCode).toBe(0);
    expect(Buffer.concat(chunks).toString()).toMatch(/^the-image\n0\n/);
    expect(execution.image).toEqual({ name: found.image, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    await executor.close();
  });

  test(`takes a job whose engine was killed beside it for lost, not for green${skipped}`, async () => {
    const { executor, found } = await opened();
    const container = { image: found.image, pullPolicy: undefined, privileged: false, cpus: undefined };
    let seen = () => {};
    const ready = new Promise<void>((done) => {
      seen = done;
    });
    const argv = ["sh", "-c", "echo ready; sleep 1000; exit 1"];
    const execution = must(await executor.start(spec({ argv, container, onOutput: () => seen() })));
    await ready;
    if (execution.pid === undefined) throw new Error("the engine was not started");
    process.kill(execution.pid, "SIGKILL");
    expect(await execution.outcome).toMatchObject({
      kind: "lost",
      description: "podman lost it before its end was seen",
    });
    expect(await executor.sweep()).toBe(0);
    await executor.close();
  });

  test(`bounds memory, and gives privileges only where they are wished for${skipped}`, async () => {
    const { executor, found } = await opened();
    const container = { image: found.image, pullPolicy: undefined, privileged: false, cpus: undefined };
    const eater = must(await executor.start(spec({ argv: ["sh", "-c", "x=1; while :; do x=$x$x; done"], container })));
    const eaten = await eater.outcome;
    expect(eaten.kind === "limit" || eaten.exitCode !== 0).toBe(true);
    const mounts = ["sh", "-c", "mkdir -p /tmp/m; mount -t tmpfs none /tmp/m"];
    const plain = must(await executor.start(spec({ argv: mounts, container })));
    expect((await plain.outcome).exitCode).not.toBe(0);
    await executor.close();
  });

  test(`answers what cannot be pulled, is no name or is forbidden, before anything runs${skipped}`, async () => {
    const { executor, found } = await opened();
    const start = async (image: string, pullPolicy?: string) => {
      const container = { image, pullPolicy, privileged: false, cpus: undefined };
      const started = await executor.start(spec({ container }));
      return started.ok ? "started" : `${started.error.code}: ${started.error.message}`;
    };
    expect(await start("127.0.0.1:1/no/such:image")).toMatch(
      /^unavailable: 127.0.0.1:1\/no\/such:image cannot be pulled: /,
    );
    expect(await start("--privileged")).toMatch(/^bad-input: "--privileged" is no image name/);
    expect(await start("localhost/other:1", "Never")).toMatch(/is not here, and imagePullPolicy is Never$/);
    const nothing = await executor.start(spec({}));
    expect(nothing.ok).toBe(false);
    const isolation = await executor.isolation();
    const stranger = await executor.start(
      spec({
        tier: "stranger",
        container: { image: found.image, pullPolicy: undefined, privileged: false, cpus: undefined },
      }),
    );
    expect(stranger.ok).toBe(isolation.full);
    if (stranger.ok) await stranger.value.outcome;
    await executor.close();
  });
});
