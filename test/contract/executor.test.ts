import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must } from "../../src/core/index.ts";
import { createContainerExecutor } from "../../src/execute/container/index.ts";
import type { ExecutionSpec, Executor } from "../../src/execute/index.ts";
import { type ClusterSettings, createKubernetesExecutor } from "../../src/execute/kubernetes/index.ts";
import { createProcessExecutor } from "../../src/execute/process/index.ts";
import { type PrivatePodman, privatePodman } from "../fixtures/busybox-image.ts";
import { commonOptions, describeExecutor, type ExecutorKind } from "../fixtures/executor-suite.ts";
import { type FakeKubernetes, fakeKubernetes } from "../fixtures/kubernetes-server.ts";

const podman = await privatePodman();
const bubblewrap = await promisify(execFile)("bwrap", ["--version"]).then(
  () => undefined,
  () => "bubblewrap is not installed",
);
const fake: FakeKubernetes | undefined = bubblewrap === undefined ? await fakeKubernetes() : undefined;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "executors-"));
});
afterAll(async () => {
  await fake?.close();
  if (typeof podman !== "string") await podman.remove();
  await rm(root, { recursive: true, force: true });
});

const engineOf = (found: PrivatePodman) => ({ engine: "podman", options: found.options }) as const;
const kinds: readonly ExecutorKind[] = [
  {
    name: "process",
    kind: "process",
    lacks: undefined,
    open: (folder) => createProcessExecutor({ folder, ...commonOptions }),
    wish: {},
    fetch: (url) => `curl -s -m 5 --noproxy '' ${url}`,
    asked: {},
    boundsProcesses: true,
  },
  {
    name: "container",
    kind: "container",
    lacks: typeof podman === "string" ? podman : undefined,
    open: async (folder) => {
      if (typeof podman === "string") throw new Error(podman);
      return must(await createContainerExecutor({ folder, ...commonOptions, ...engineOf(podman) }));
    },
    wish:
      typeof podman === "string"
        ? {}
        : { container: { image: podman.image, pullPolicy: undefined, privileged: false, cpus: undefined } },
    fetch: (url) => `no_proxy= wget -q -O - ${url} 2>&1`,
    asked: { podman: typeof podman === "string" ? undefined : podman },
    boundsProcesses: true,
  },
  {
    name: "pods of a fake cluster",
    kind: "kubernetes",
    lacks: bubblewrap,
    open: (folder) => createKubernetesExecutor({ folder, ...commonOptions, clusters: { default: fakeCluster() } }),
    wish: { container: { image: "fake/job:1", pullPolicy: undefined, privileged: false, cpus: undefined } },
    fetch: () => "",
    get asked() {
      return { clusters: { default: fakeCluster() }, image: "fake/job:1" };
    },
    // Its containers are processes of this machine.
    boundsProcesses: false,
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

for (const kind of kinds) describeExecutor(kind);

describe("the executor container", () => {
  const test = typeof podman === "string" ? it.skip : it;
  const skipped = typeof podman === "string" ? ` (skipped: ${podman})` : "";

  async function opened(): Promise<{ executor: Executor; found: PrivatePodman }> {
    if (typeof podman === "string") throw new Error(podman);
    const folder = join(root, "container-own");
    return {
      executor: must(await createContainerExecutor({ folder, ...commonOptions, ...engineOf(podman) })),
      found: podman,
    };
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
