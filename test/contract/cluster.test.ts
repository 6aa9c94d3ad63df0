import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { commandAdapter } from "../../src/combine/cluster/command/index.ts";
import { type ExistingOptions, existingAdapter } from "../../src/combine/cluster/existing/index.ts";
import { kindAdapter } from "../../src/combine/cluster/kind/index.ts";
import { createCluster, openClusterRecords, programRunner } from "../../src/combine/index.ts";
import { ManualClock } from "../../src/core/index.ts";
import { clusterContract } from "../fixtures/cluster-contract.ts";
import { type FakePrograms, fakeClusterPrograms } from "../fixtures/fake-cluster-programs.ts";
import { assembleLayout } from "../fixtures/layout-image.ts";
import { until } from "../fixtures/until.ts";

const nodeImage = `kindest/node:v1.36.1@sha256:${"a".repeat(64)}`;
const made: FakePrograms[] = [];
const images = await mkdtemp(join(tmpdir(), "fairlead-image-"));
await assembleLayout(images, "FROM scratch\nCOPY a /a\n", { a: "x" });

afterAll(async () => {
  for (const folder of [images, ...made.map((each) => each.folder)]) await rm(folder, { recursive: true, force: true });
});

async function fakes(): Promise<FakePrograms> {
  const fresh = await fakeClusterPrograms();
  made.push(fresh);
  return fresh;
}

const common = (programs: FakePrograms) => ({
  exists: programs.exists,
  version: "1.36",
  halfStarted: async (name: string) => until(() => programs.begun(name)),
  slow: () => programs.slow(true),
  image: images,
  ownLogs: true,
});

clusterContract("kind", false, async () => {
  const programs = await fakes();
  const options = { program: programs.kind, nodeImages: { "1.36": nodeImage }, config: undefined };
  return { ...common(programs), adapter: (run) => kindAdapter(options, run, programs.kubectl) };
});

clusterContract("command", false, async () => {
  const programs = await fakes();
  const options = { up: [programs.up], load: [programs.load], down: [programs.down], logs: [programs.logs], cwd: "/" };
  return { ...common(programs), adapter: (run) => commandAdapter(options, run, programs.kubectl) };
});

async function clusterOf(programs: FakePrograms, adapter: Parameters<typeof createCluster>[0]["adapter"]) {
  const clock = new ManualClock();
  const home = await mkdtemp(join(programs.folder, "home-"));
  const said: string[] = [];
  const cluster = createCluster({
    adapter,
    records: openClusterRecords(join(home, "clusters")),
    clock,
    run: programRunner(clock),
    log: (line) => said.push(line),
    answers: async () => false,
  });
  const spec = {
    runId: "1",
    version: "1.36",
    folder: home,
    readyWithinMs: 90_000,
    limitMs: 3_600_000,
    log: (line: string) => said.push(line),
  };
  return { cluster, clock, spec, said };
}

describe("kind's command line", () => {
  it("names node images by digest, waits, loads archives, exports logs, deletes", async () => {
    const programs = await fakes();
    const run = programRunner(new ManualClock());
    const options = { program: programs.kind, nodeImages: { "1.36": nodeImage }, config: "/etc/kind.yaml" };
    const { cluster, spec } = await clusterOf(programs, kindAdapter(options, run, programs.kubectl));
    const signal = new AbortController().signal;
    const up = await cluster.up(spec, signal);
    if (!up.ok) throw new Error(up.error.message);
    expect(up.value.evidence).toEqual({ kubernetes: "v1.36.3", nodeImage, sourceRevision: undefined });
    await up.value.load([{ reference: "localhost/csi/a:1", path: images }], signal);
    await up.value.collect(join(spec.folder, "out"));
    await up.value.down();
    const calls = (await programs.calls()).filter((call) => call[0] !== "--kubeconfig");
    const kubeconfig = join(spec.folder, "kubeconfig");
    expect(calls).toEqual([
      [
        "create",
        "cluster",
        "--name",
        "fairlead-1",
        "--image",
        nodeImage,
        "--kubeconfig",
        kubeconfig,
        "--wait",
        "90s",
        "--config",
        "/etc/kind.yaml",
      ],
      ["load", "image-archive", join(spec.folder, "image.tar"), "--name", "fairlead-1"],
      ["export", "logs", join(spec.folder, "out/kubernetes"), "--name", "fairlead-1"],
      ["delete", "cluster", "--name", "fairlead-1", "--kubeconfig", kubeconfig],
    ]);
  });

  it("builds the nodes from source where asked, and says from which revision", async () => {
    const programs = await fakes();
    const run = programRunner(new ManualClock());
    const adapter = kindAdapter({ program: programs.kind, nodeImages: {}, config: undefined }, run, programs.kubectl);
    const { cluster, spec } = await clusterOf(programs, adapter);
    const source = { folder: programs.folder, revision: "c".repeat(40) };
    const up = await cluster.up({ ...spec, version: "development", source }, new AbortController().signal);
    if (!up.ok) throw new Error(up.error.message);
    expect(up.value.evidence.sourceRevision).toBe(source.revision);
    const image = `fairlead.invalid/node:${source.revision}`;
    expect((await programs.calls()).slice(0, 2)).toEqual([
      ["build", "node-image", programs.folder, "--image", image],
      expect.arrayContaining(["create", "cluster", "--image", image]),
    ]);
    await up.value.down();
  });

  it("is late: what was begun is removed, and the fault says how long was waited", async () => {
    const programs = await fakes();
    const clock = new ManualClock();
    const run = programRunner(clock);
    const adapter = kindAdapter(
      { program: programs.kind, nodeImages: { "1.36": nodeImage }, config: undefined },
      run,
      programs.kubectl,
    );
    const home = await mkdtemp(join(programs.folder, "home-"));
    const cluster = createCluster({
      adapter,
      records: openClusterRecords(join(home, "c")),
      clock,
      run,
      log: () => undefined,
    });
    await programs.slow(true);
    const spec = {
      runId: "2",
      version: "1.36",
      folder: home,
      readyWithinMs: 90_000,
      limitMs: 1e6,
      log: () => undefined,
    };
    const starting = cluster.up(spec, new AbortController().signal);
    await until(() => programs.begun("fairlead-2"));
    clock.advance(90_000);
    expect(await starting).toMatchObject({
      ok: false,
      error: { code: "timeout", message: expect.stringContaining("it was not ready within 1 min 30 s") },
    });
    expect(await programs.exists("fairlead-2")).toBe(false);
  });

  it("keeps the record of what could not be removed, says how to remove it, and tries again at the next start", async () => {
    const programs = await fakes();
    const run = programRunner(new ManualClock());
    const options = { program: programs.kind, nodeImages: { "1.36": nodeImage }, config: undefined };
    const { cluster, spec } = await clusterOf(programs, kindAdapter(options, run, programs.kubectl));
    const up = await cluster.up(spec, new AbortController().signal);
    if (!up.ok) throw new Error(up.error.message);
    await programs.refuseRemoval(true);
    expect(await up.value.down()).toMatchObject({
      ok: false,
      error: {
        message: expect.stringContaining("the daemon does not answer"),
        hint: `remove it: ${programs.kind} delete cluster --name fairlead-1`,
      },
    });
    const records = openClusterRecords(join(spec.folder, "clusters"));
    const next = createCluster({
      adapter: kindAdapter(options, run, programs.kubectl),
      records,
      clock: new ManualClock(),
      run,
      log: () => undefined,
    });
    expect(await next.sweep()).toBe(0);
    expect(await records.all()).toHaveLength(1);
    await programs.refuseRemoval(false);
    expect(await next.sweep()).toBe(1);
    expect(await records.all()).toEqual([]);
  });

  it("leaves a record alone that cannot be read, and says so", async () => {
    const programs = await fakes();
    const run = programRunner(new ManualClock());
    const options = { program: programs.kind, nodeImages: {}, config: undefined };
    const { cluster, spec, said } = await clusterOf(programs, kindAdapter(options, run, programs.kubectl));
    await mkdir(join(spec.folder, "clusters"));
    await writeFile(join(spec.folder, "clusters/x.json"), '{"kind": "ki');
    expect(await cluster.sweep()).toBe(0);
    expect(said.join("\n")).toContain("x.json is no record of a cluster");
  });

  it("is found dead, and removed", async () => {
    const programs = await fakes();
    const run = programRunner(new ManualClock());
    const adapter = kindAdapter(
      { program: programs.kind, nodeImages: { "1.36": nodeImage }, config: undefined },
      run,
      programs.kubectl,
    );
    const { cluster, clock, spec } = await clusterOf(programs, adapter);
    const up = await cluster.up(spec, new AbortController().signal);
    if (!up.ok) throw new Error(up.error.message);
    let why = "";
    void up.value.lost.then((said) => {
      why = said;
    });
    await until(() => {
      clock.advance(10_000);
      return why !== "";
    });
    expect(why).toBe("the cluster is dead: nothing answers at 127.0.0.1:36443");
    await until(async () => !(await programs.exists("fairlead-1")));
  });
});

describe("an existing cluster that looks like production", () => {
  async function refusal(change: Partial<ExistingOptions>, context: string, labels: Record<string, string> = {}) {
    const programs = await fakes();
    const file = join(programs.folder, "config.yaml");
    await writeFile(
      file,
      `current-context: ${context}\nclusters: [{name: c, cluster: {server: "https://10.0.0.1"}}]\ncontexts: [{name: ${context}, context: {cluster: c, user: u}}]\n`,
    );
    await writeFile(
      join(programs.folder, "nodes.json"),
      JSON.stringify({ items: [{ metadata: { name: "n1", labels } }] }),
    );
    const options = {
      kubeconfig: file,
      context: undefined,
      namespace: undefined,
      production: false,
      cwd: "/",
      ...change,
    };
    const run = programRunner(new ManualClock());
    const { cluster, spec } = await clusterOf(programs, existingAdapter(options, run, programs.kubectl));
    const up = await cluster.up(spec, new AbortController().signal);
    return up.ok ? "allowed" : up.error.message;
  }

  it.each([
    ["by the name of its context", "eu-prod-1", {}, "context eu-prod-1"],
    [
      "by a label of a node",
      "eu-1",
      { "example.com/environment": "production" },
      "n1 is labelled example.com/environment=production",
    ],
  ])("is refused, %s", async (_how, context, labels, sign) => {
    const programsSaid = await refusal({}, context, labels);
    expect(programsSaid).toMatch(/config\.yaml points at production: /);
    expect(programsSaid).toContain(sign);
    // Naming a namespace alone, or saying production alone, is not enough.
    expect(await refusal({ namespace: "tests" }, context, labels)).toContain(sign);
    expect(await refusal({ production: true }, context, labels)).toContain(sign);
    expect(await refusal({ namespace: "tests", production: true }, context, labels)).not.toContain("production");
  });

  it("is told from a name that only contains the letters", async () => {
    expect(await refusal({}, "product-tests")).not.toContain("production");
  });
});
