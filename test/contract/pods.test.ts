import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemIds } from "../../src/core/index.ts";
import type { Execution, ExecutionSpec, Executor } from "../../src/execute/index.ts";
import { createKubernetesExecutor } from "../../src/execute/kubernetes/index.ts";
import type { JsonObject } from "../../src/jobs/index.ts";
import { type FakeKubernetes, fakeKubernetes } from "../fixtures/kubernetes-server.ts";
import { type PodClock, podClock } from "../fixtures/pod-clock.ts";
import { until } from "../fixtures/until.ts";

const lacks = await promisify(execFile)("bwrap", ["--version"]).then(
  () => "",
  () => " (skipped: bubblewrap is not installed)",
);
const test = lacks === "" ? it : it.skip;
const unscheduledMs = 5 * 60_000;
const pendingMs = 10 * 60_000;
const failed = { phase: "Failed" };

function nameOf(pod: JsonObject | undefined): string {
  const metadata = pod?.["metadata"];
  const name = typeof metadata === "object" && metadata !== null && "name" in metadata ? metadata["name"] : undefined;
  if (typeof name !== "string") throw new Error("there is no pod");
  return name;
}

interface Started extends Execution {
  readonly tree: string;
  output(): string;
  /** Until the job has written this. */
  wrote(text: string): Promise<void>;
}

describe("pods of a cluster that misbehaves", () => {
  let root: string;
  let fake: FakeKubernetes;
  let clock: PodClock;
  let executor: Executor;
  let count = 0;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "pods-"));
    if (lacks !== "") return;
    fake = await fakeKubernetes();
    clock = podClock();
    executor = await createKubernetesExecutor({
      folder: join(root, "executor"),
      clock,
      ids: systemIds,
      reachable: () => [],
      cluster: () => "none",
      clusters: {
        default: {
          kubeconfig: fake.kubeconfig,
          context: undefined,
          namespace: "runs",
          image: "fake/carrier:1",
          serviceAccounts: [],
          networkPolicies: true,
          userNamespaces: true,
        },
      },
    });
  });
  afterEach(async () => {
    if (lacks === "") {
      fake.disturb = () => undefined;
      await executor.close();
      await fake.close();
    }
    await rm(root, { recursive: true, force: true });
  });

  async function start(script: string, changes: Partial<ExecutionSpec> = {}): Promise<Started> {
    const tree = join(root, `tree-${++count}`);
    await mkdir(tree);
    const chunks: Uint8Array[] = [];
    const output = () => Buffer.concat(chunks).toString();
    let look = () => {};
    const execution = must(
      await executor.start({
        runId: "r",
        buildId: `b${count}`,
        tier: "change",
        argv: ["sh", "-c", script],
        cwd: "/work",
        env: { PATH: "/usr/bin:/bin" },
        mounts: [{ host: tree, inside: "/work", writable: true }],
        timeoutMs: 3_600_000,
        graceMs: 20_000,
        limits: { logBytes: 1e6, diskBytes: 64 * 1024 ** 2, processes: 200, memoryBytes: 512 * 1024 ** 2 },
        network: "egress",
        onOutput: (chunk) => {
          chunks.push(chunk);
          look();
        },
        container: { image: "fake/job:1", pullPolicy: undefined, privileged: false, cpus: undefined },
        ...changes,
      }),
    );
    const wrote = (text: string) =>
      new Promise<void>((done) => {
        look = () => {
          if (output().includes(text)) done();
        };
        look();
      });
    return { ...execution, tree, output, wrote };
  }

  const podName = () => nameOf(fake.pods()[0]);

  const asked = (method: string, part: string) =>
    fake.requests.filter((each) => each.startsWith(`${method} `) && each.includes(part)).length;
  /** Disturbs the first so many requests that fit. */
  function disturb(times: number, fits: RegExp, how: ReturnType<FakeKubernetes["disturb"]>): void {
    let left = times;
    fake.disturb = ({ method, path }) => (fits.test(`${method} ${path}`) && left-- > 0 ? how : undefined);
  }
  /** Until all pods were listed again as they are now: a watch begins only after that. */
  async function listedAnew(): Promise<void> {
    const watches = () => asked("GET", "watch=true");
    const lists = () => asked("GET", "/pods?") - watches();
    await fake.when(() => watches() > 0);
    const listed = lists();
    fake.forget();
    fake.closeWatches();
    await fake.when(() => lists() > listed);
    const watched = watches();
    await fake.when(() => watches() > watched);
  }
  const removePods = () => {
    for (const each of fake.pods()) fake.remove(nameOf(each));
  };
  const good = { kind: "exited", exitCode: 0, description: "exited with 0" };
  const script = "echo made > made; echo ready";

  async function well(started: Started): Promise<void> {
    expect(await started.outcome).toMatchObject(good);
    expect(started.output()).toBe("ready\n");
    expect(await readFile(join(started.tree, "made"), "utf8")).toBe("made\n");
    await fake.when(() => fake.pods().length === 0);
  }

  test(`asks again as late as a busy server says${lacks}`, async () => {
    disturb(2, /^POST .*\/pods$/, { status: 429, retryAfter: "7" });
    await well(await start(script));
    expect(clock.pauses.filter((each) => each === 7000)).toHaveLength(2);
    expect(asked("POST", "/pods")).toBe(3);
  });

  test.each<[string, RegExp, NonNullable<ReturnType<FakeKubernetes["disturb"]>>]>([
    ["making answers 500", /^POST .*\/pods$/, { status: 500 }],
    ["making breaks", /^POST .*\/pods$/, { status: 0, close: true }],
    ["the list answers 503", /^GET .*\/pods\?(?!.*watch)/, { status: 503 }],
    ["the watch answers 500", /^GET .*watch=true/, { status: 500 }],
    ["the watch is too old", /^GET .*watch=true/, { status: 410 }],
    ["the watch is closed", /^GET .*watch=true/, { status: 0, close: true }],
    ["the way in is refused", /^EXEC /, { status: 500 }],
    ["the removal answers 500", /^DELETE /, { status: 500 }],
    ["the policies are there already", /^POST .*networkpolicies/, { status: 409 }],
  ])(`gets over trouble that passes: %s${lacks}`, async (_what, fits, how) => {
    disturb(3, fits, how);
    await well(await start(script));
  });

  test(`takes a pod for its own whose making was answered by nobody, and makes no second${lacks}`, async () => {
    disturb(1, /^POST .*\/pods$/, { status: 0, close: true, done: true });
    await well(await start(script));
    expect(asked("POST", "/pods")).toBe(2);
  });

  test(`says so when another pod has its name${lacks}`, async () => {
    fake.disturb = ({ method, path }) => (method === "POST" && path.endsWith("/pods") ? { status: 409 } : undefined);
    const outcome = await (await start(script)).outcome;
    expect(outcome).toMatchObject({
      kind: "could-not-start",
      exitCode: 127,
      description: "Pod can not be created: disturbed",
    });
  });

  test(`says what the server refuses, once${lacks}`, async () => {
    disturb(99, /^POST .*\/pods$/, { status: 422 });
    expect(await (await start(script)).outcome).toMatchObject({
      kind: "could-not-start",
      description: "Pod can not be created: the server answers 422: disturbed",
    });
    expect(asked("POST", "/pods")).toBe(1);
  });

  test(`makes no pod where its network cannot be closed first${lacks}`, async () => {
    disturb(99, /networkpolicies/, { status: 403 });
    const outcome = await (await start(script)).outcome;
    expect(outcome.kind).toBe("could-not-start");
    expect(outcome.description).toMatch(/the network policy fairlead-\w+-closed cannot be made in runs: disturbed \(/);
    expect(asked("POST", "/pods")).toBe(0);
  });

  test(`gives up a server that answers nothing for minutes while it makes the pod${lacks}`, async () => {
    disturb(Number.POSITIVE_INFINITY, /^POST .*\/pods$/, { status: 500 });
    expect(await (await start(script)).outcome).toMatchObject({
      kind: "could-not-start",
      description: expect.stringMatching(/^Pod can not be created: .* does not answer POST .*: 500 disturbed$/),
    });
  });

  test(`follows on after watches that are closed or forgotten while the job runs${lacks}`, async () => {
    const started = await start(
      "echo ready; until [ -e /tmp/go ]; do sleep 0.05; [ $((n+=1)) -lt 20 ] || break; done; echo made > made",
    );
    await started.wrote("ready");
    for (let round = 0; round < 3; round++) await listedAnew();
    await well(started);
  });

  test(`waits for a node, says why none has room, and leaves no pod${lacks}`, async () => {
    fake.full = true;
    const started = await start(script);
    await until(() => clock.holds(unscheduledMs), "the pod");
    await listedAnew();
    expect(clock.pass(unscheduledMs)).toBe(1);
    expect(await started.outcome).toMatchObject({
      kind: "could-not-start",
      exitCode: 127,
      description: "Pod scheduling timeout. 0/1 nodes are available: 1 Insufficient cpu.",
    });
    await fake.when(() => fake.pods().length === 0);
  });

  test(`waits for an image that cannot be pulled, and says which way it failed${lacks}`, async () => {
    fake.withoutImage = "ImagePullBackOff";
    const started = await start(script);
    await fake.when(() => JSON.stringify(fake.pods()).includes("ImagePullBackOff"));
    await listedAnew();
    expect(clock.pass(unscheduledMs)).toBe(1);
    expect(clock.pass(pendingMs)).toBe(1);
    expect(await started.outcome).toMatchObject({
      kind: "could-not-start",
      exitCode: 127,
      description: "Pod pending timeout. ImagePullBackOff: not here",
    });
    await fake.when(() => fake.pods().length === 0);
  });

  test.each(["ErrImageNeverPull", "InvalidImageName"])(
    `does not wait for an image that never comes: %s${lacks}`,
    async (reason) => {
      fake.withoutImage = reason;
      expect(await (await start(script)).outcome).toMatchObject({
        kind: "could-not-start",
        exitCode: 127,
        description: `Pod cannot run: ${reason}: not here`,
      });
    },
  );

  describe("that somebody removes", () => {
    const removed = /^Pod (vanished: somebody or something removed it from the cluster|got deleted unexpectedly)$/;

    test(`before it has a node${lacks}`, async () => {
      fake.full = true;
      const started = await start(script);
      await until(() => clock.holds(unscheduledMs), "the pod");
      fake.remove(podName());
      const outcome = await started.outcome;
      expect(outcome.kind).toBe("lost");
      expect(outcome.description).toMatch(removed);
    });

    test(`while it gets its files${lacks}`, async () => {
      fake.disturb = ({ method, path }) => {
        if (method !== "EXEC" || !path.includes("fairlead-receive")) return undefined;
        removePods();
        return { status: 500 };
      };
      const outcome = await (await start(script)).outcome;
      expect(outcome.kind).toBe("lost");
      expect(outcome.description).toMatch(removed);
    });

    test(`while its job runs: nobody knows what it would have come to${lacks}`, async () => {
      const started = await start("echo ready; sleep 1000");
      await started.wrote("ready");
      fake.remove(podName());
      const outcome = await started.outcome;
      expect(outcome).toMatchObject({
        kind: "lost",
        exitCode: -1,
        again: undefined,
        description: "Pod got deleted unexpectedly",
      });
    });

    test(`before what its green job left was brought back: it is no success${lacks}`, async () => {
      fake.disturb = ({ method, path }) => {
        if (method !== "EXEC" || !path.includes("command=finish")) return undefined;
        removePods();
        return { status: 500 };
      };
      const outcome = await (await start(script)).outcome;
      expect(outcome).toMatchObject({ kind: "lost", again: "stopped" });
      expect(outcome.description).toMatch(/^what it left could not be brought back: /);
    });

    test(`before what its red job left was brought back: it stays red and says so${lacks}`, async () => {
      fake.disturb = ({ method, path }) => {
        if (method !== "EXEC" || !path.includes("command=finish")) return undefined;
        removePods();
        return { status: 500 };
      };
      const started = await start("exit 4");
      expect(await started.outcome).toMatchObject({ kind: "exited", exitCode: 4 });
      expect(started.output()).toContain("fairlead: not all could be brought back: ");
    });
  });

  test.each<[string, JsonObject, JsonObject]>([
    [
      "an eviction is started again",
      { ...failed, reason: "Evicted", message: "The node was low on resource: memory." },
      {
        kind: "lost",
        again: "evicted",
        description: "Pod was evicted by the cluster: The node was low on resource: memory.",
      },
    ],
    [
      "a full disk of its own is the job's doing",
      { ...failed, reason: "Evicted", message: 'Usage of EmptyDir volume "w" exceeds the limit "1Gi".' },
      { kind: "limit", exitCode: 137, description: 'Usage of EmptyDir volume "w" exceeds the limit "1Gi".' },
    ],
    [
      "a lost node is another attempt",
      { phase: "Unknown", reason: "NodeLost", message: "unresponsive" },
      { kind: "lost", again: "stopped", description: "Pod was lost with its node: unresponsive" },
    ],
    [
      "a deadline is no success",
      { ...failed, reason: "DeadlineExceeded" },
      { kind: "lost", description: "Pod outlived its deadline" },
    ],
    [
      "too much memory is a limit",
      {
        containerStatuses: [{ name: "test", state: { terminated: { exitCode: 137, reason: "OOMKilled" } } }],
      },
      { kind: "limit", exitCode: 137, description: "took more than its memory" },
    ],
  ])(`tells how the cluster ended a running job: %s${lacks}`, async (_what, status, expected) => {
    const started = await start("echo ready; sleep 1000");
    await started.wrote("ready");
    fake.setStatus(podName(), status);
    expect(await started.outcome).toMatchObject(expected);
    await fake.when(() => fake.pods().length === 0);
  });

  test(`gives up a cluster that is silent for minutes, and removes the pod when it is back${lacks}`, async () => {
    const started = await start("echo ready; sleep 1000");
    await started.wrote("ready");
    fake.disturb = ({ method }) => (method === "EXEC" ? undefined : { status: 0, close: true });
    fake.closeWatches();
    expect(await started.outcome).toMatchObject({
      kind: "lost",
      again: "stopped",
      description: "the cluster did not answer for 5m0s",
    });
    expect(fake.pods()).toHaveLength(1);
    fake.disturb = () => undefined;
    await fake.when(() => fake.pods().length === 0);
  });

  test(`keeps what the cluster knows of a pod${lacks}`, async () => {
    const outcome = await (await start(script)).outcome;
    expect(outcome.podInfo).toMatchObject({
      pod: { metadata: { labels: { "fairlead.build": `b${count}` } } },
      events: [{ reason: "Scheduled" }],
    });
    expect(JSON.stringify(outcome.podInfo)).not.toContain("planted-secret");
  });

  test(`leaves nothing in a cluster that was only looked at${lacks}`, async () => {
    const found = (await executor.capabilities()).find((each) => each.need === "kubernetes-executor");
    expect(found).toMatchObject({ present: true, detail: "default: Kubernetes v1.36.0-fake, namespace runs" });
    expect(fake.requests.filter((each) => !each.startsWith("GET "))).toEqual([]);
  });
});
