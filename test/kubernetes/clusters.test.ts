import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { commandAdapter } from "../../src/combine/cluster/command/index.ts";
import { existingAdapter } from "../../src/combine/cluster/existing/index.ts";
import { createCluster, openClusterRecords, programRunner, type RunningCluster } from "../../src/combine/index.ts";
import { ManualClock } from "../../src/core/index.ts";
import { clusterContract } from "../fixtures/cluster-contract.ts";
import { assembleLayout } from "../fixtures/layout-image.ts";
import { programPath, run } from "../fixtures/programs.ts";
import { until } from "../fixtures/until.ts";
import { tracesOf } from "./traces.ts";

const shared = inject("cluster");
const here = "reason" in shared ? { kubeconfig: "", parts: "", name: "" } : shared;
const skipped = "reason" in shared;
const why = "reason" in shared ? ` (${shared.reason})` : "";
const scripts = fileURLToPath(new URL("../cluster/command", import.meta.url));
const script = (name: string) => [join(scripts, name)];
const kubectl = join(here.parts, "kubectl");
const ask = (...args: string[]) => run(kubectl, ["--kubeconfig", here.kubeconfig, ...args]);
let image = "";

beforeAll(async () => {
  image = await mkdtemp(join(tmpdir(), "fairlead-image-"));
  const dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox"]\n';
  await assembleLayout(image, dockerfile, { busybox: { copy: programPath("busybox") ?? "" } });
});
afterAll(() => rm(image, { recursive: true, force: true }));

/** Runs a pod to its end in the cluster's own namespace. */
async function runPod(cluster: RunningCluster, name: string): Promise<void> {
  const on = (...args: string[]) => run(kubectl, ["--kubeconfig", cluster.kubeconfig, ...args]);
  const options = ["--image=localhost/test/busybox:1", "--image-pull-policy=Never", "--restart=Never"];
  expect((await on("run", name, ...options, "--", "echo", "ran here")).stderr).toBe("");
  const ended = await on("wait", `pod/${name}`, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=100s");
  expect(ended.stdout).toContain("condition met");
  expect((await on("logs", name)).stdout).toBe("ran here\n");
}

clusterContract(`command, with the test cluster${why}`, skipped, async () => ({
  adapter: (program) =>
    commandAdapter(
      { up: script("up"), load: script("load"), down: script("down"), logs: script("logs"), cwd: "/" },
      program,
      kubectl,
    ),
  exists: async (name) => {
    const { processes, cgroups, records } = await tracesOf(name, "/nowhere");
    return [...processes, ...cgroups, ...records].length > 0;
  },
  version: "1.36",
  halfStarted: (name) => until(async () => (await tracesOf(name, "/nowhere")).cgroups.length > 0),
  image,
  ownLogs: true,
  use: (cluster) => runPod(cluster, "probe"),
}));

clusterContract(`existing, a namespace for each run${why}`, skipped, async () => ({
  adapter: (program) =>
    existingAdapter(
      { kubeconfig: here.kubeconfig, context: undefined, namespace: undefined, production: false, cwd: "/" },
      program,
      kubectl,
    ),
  exists: async (name) => (await ask("get", "namespace", name, "--ignore-not-found", "-o", "name")).stdout !== "",
  version: "1.36",
  halfStarted: undefined,
  image: undefined,
  ownLogs: false,
}));

describe.skipIf(skipped)(`a namespace of the user's in an existing cluster${why}`, () => {
  it("is one run's at a time, and gets back to what it was", async () => {
    const namespace = `team-${process.pid}`;
    const home = await mkdtemp(join(tmpdir(), "fairlead-existing-"));
    const clock = new ManualClock();
    const program = programRunner(clock);
    const said: string[] = [];
    const options = { kubeconfig: here.kubeconfig, context: undefined, namespace, production: true, cwd: "/" };
    const boot = () =>
      createCluster({
        adapter: existingAdapter(options, program, kubectl),
        records: openClusterRecords(join(home, "clusters")),
        clock,
        run: program,
        log: (line) => said.push(line),
      });
    const specOf = async (runId: string) => ({
      runId,
      version: "1.36",
      folder: await mkdtemp(join(home, "run-")),
      readyWithinMs: 60_000,
      limitMs: 3_600_000,
      log: (line: string) => said.push(line),
    });
    const signal = new AbortController().signal;
    try {
      expect(await boot().up(await specOf("0"), signal)).toMatchObject({ ok: false, error: { code: "failed" } });
      await ask("create", "namespace", namespace);
      await ask("create", "configmap", "theirs", "--namespace", namespace, "--from-literal=a=b");
      const cluster = boot();
      const first = await cluster.up(await specOf("1"), signal);
      if (!first.ok) throw new Error(first.error.message);
      expect(first.value.namespace).toBe(namespace);
      expect(await cluster.up(await specOf("2"), signal)).toMatchObject({
        ok: false,
        error: { code: "refused", message: `the namespace ${namespace} is in use by fairlead-1` },
      });
      const manifest = join(home, "ours.yaml");
      await writeFile(
        manifest,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: ours}\n",
      );
      await run(kubectl, ["--kubeconfig", first.value.kubeconfig, "apply", "-f", manifest]);
      expect((await ask("get", "configmap,secret", "ours", "--namespace", namespace, "-o", "name")).stdout).toContain(
        "secret/ours",
      );
      // The server dies; the next one puts it right.
      expect(await boot().sweep()).toBe(1);
      const left = await ask("get", "configmap,secret", "--namespace", namespace, "-o", "name");
      expect(left.stdout.split("\n").filter((line) => line !== "" && !line.endsWith("kube-root-ca.crt"))).toEqual([
        "configmap/theirs",
      ]);
    } finally {
      await ask("delete", "namespace", namespace);
      await rm(home, { recursive: true, force: true });
    }
  });
});
