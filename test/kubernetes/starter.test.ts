import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, inject, it } from "vitest";
import { assembleLayout } from "../fixtures/layout-image.ts";
import { programPath, run } from "../fixtures/programs.ts";
import { starter } from "../fixtures/test-cluster.ts";
import { until } from "../fixtures/until.ts";
import { type Traces, tracesOf } from "./traces.ts";

const cluster = inject("cluster");
const reason = "reason" in cluster ? cluster.reason : undefined;
const parts = "parts" in cluster ? cluster.parts : "";
const name = `starter-${process.pid}`;
const folders: string[] = [];

afterEach(async () => {
  if (reason === undefined) await starter(parts, ["down", "--name", name]);
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-starter-"));
  folders.push(folder);
  return folder;
}

const none = (before: Traces): Traces => ({
  ...before,
  processes: [],
  cgroups: [],
  mounts: [],
  sockets: [],
  records: [],
});

async function up(folder: string, more: readonly string[] = []) {
  const ended = await starter(parts, ["up", "--name", name, "--folder", folder, "--parts", parts, ...more]);
  expect(ended.stderr).toBe("");
  const said: { kubeconfig: string; seconds: number } = JSON.parse(ended.stdout);
  return {
    ...said,
    kubectl: (...args: string[]) => run(join(parts, "kubectl"), ["--kubeconfig", said.kubeconfig, ...args]),
  };
}

/** The record goes last but for the process that removes it. */
async function isGone(folder: string): Promise<boolean> {
  const { records, processes } = await tracesOf(name, folder);
  return records.length === 0 && processes.length === 0;
}

/** The keeper and the cleaner, from the process table. */
async function processOf(command: string, folder: string): Promise<number> {
  const { processes } = await tracesOf(name, folder);
  const found = processes.find((line) => line.includes(`starter ${command} `));
  if (found === undefined) throw new Error(`no starter ${command} runs: ${processes.join("\n")}`);
  return Number(found.split(" ")[0]);
}

describe.skipIf(reason !== undefined)(`the test cluster${reason === undefined ? "" : ` (${reason})`}`, () => {
  it("comes up from nothing, runs a pod, and leaves no trace, twice in a row", async () => {
    const folder = await newFolder();
    const before = await tracesOf(name, folder);
    const image = join(folder, "image");
    const dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox"]\n';
    await assembleLayout(image, dockerfile, { busybox: { copy: programPath("busybox") ?? "" } });
    for (let time = 0; time < 2; time++) {
      const running = await up(folder);
      const loaded = await starter(parts, ["load", "--name", name, `localhost/test/busybox:1=${image}`]);
      expect(loaded.stderr).toBe("");
      const options = ["--image=localhost/test/busybox:1", "--image-pull-policy=Never", "--restart=Never"];
      // A pod that reaches the API by its service's address, and ends with a code of its own.
      const created = await running.kubectl("run", "probe", ...options, "--", "nc", "-w", "20", "10.96.0.1", "443");
      expect(created.stderr).toBe("");
      const ended = await running.kubectl(
        "wait",
        "pod/probe",
        "--for=jsonpath={.status.phase}=Succeeded",
        "--timeout=60s",
      );
      expect(ended.stdout).toContain("condition met");
      // The check below sees what is there.
      const during = await tracesOf(name, folder);
      expect(during.processes.length).toBeGreaterThan(7);
      expect(during.cgroups).not.toEqual([]);
      expect(during.records).not.toEqual([]);
      expect(during.sockets).not.toEqual([]);
      expect({ ...during.settings }).toEqual(before.settings);
      expect(during.network).toEqual(before.network);
      expect((await starter(parts, ["down", "--name", name])).stderr).toBe("");
      expect(await tracesOf(name, folder)).toEqual(none(before));
    }
    // What the parts wrote stays for whoever wants to know.
    expect(await readFile(join(folder, "logs/kubelet.log"), "utf8")).not.toBe("");
  }, 240_000);

  it.each([
    ["its keeper", ["keep"]],
    ["its keeper and the cleaner", ["keep", "clean-after"]],
    ["its first process", ["inside"]],
  ])(
    "is gone without a trace when %s is killed",
    async (_what, commands) => {
      const folder = await newFolder();
      const before = await tracesOf(name, folder);
      await up(folder);
      const pids = await Promise.all(commands.map((command) => processOf(command, folder)));
      for (const pid of pids.toReversed()) process.kill(pid, "SIGKILL");
      if (commands.length === 2) {
        await until(async () => (await tracesOf(name, folder)).processes.length === 0);
        expect((await starter(parts, ["sweep"])).stdout.trim()).toBe("1");
      }
      await until(() => isGone(folder));
      expect(await tracesOf(name, folder)).toEqual(none(before));
    },
    120_000,
  );

  it("ends with the process that it was told to end with", async () => {
    const folder = await newFolder();
    const before = await tracesOf(name, folder);
    const owner = spawn("sleep", ["1000"], { stdio: "ignore" });
    await up(folder, ["--die-with", String(owner.pid)]);
    owner.kill("SIGKILL");
    await until(() => isGone(folder));
    expect(await tracesOf(name, folder)).toEqual(none(before));
  }, 120_000);

  it.each(["SIGTERM", "SIGKILL"] as const)(
    "leaves nothing behind after %s while it comes up",
    async (signal) => {
      const folder = await newFolder();
      const before = await tracesOf(name, folder);
      const args = ["up", "--name", name, "--folder", folder, "--parts", parts];
      const starting = spawn(join(parts, "starter"), args, { stdio: "ignore" });
      const ended = new Promise((done) => starting.once("close", done));
      await until(async () => (await tracesOf(name, folder)).cgroups.length > 0);
      starting.kill(signal);
      await ended;
      expect((await starter(parts, ["down", "--name", name])).code).toBe(0);
      expect(await tracesOf(name, folder)).toEqual(none(before));
    },
    120_000,
  );

  it("says what is wrong with a command, and refuses a second cluster of the same name", async () => {
    const folder = await newFolder();
    expect(await starter(parts, ["load", "--name", name, "a=b"])).toMatchObject({
      code: 1,
      stderr: `starter: there is no cluster ${name} on this machine\n`,
    });
    expect(await starter(parts, ["up", "--name", "A B"])).toMatchObject({ code: 2 });
    const lacks = await starter(parts, ["up", "--name", name, "--folder", folder, "--parts", folder]);
    expect(lacks.stderr).toContain(`${join(folder, "kubernetes")}: node test/cluster/build.mjs makes it`);
    await up(folder);
    const again = await starter(parts, ["up", "--name", name, "--folder", folder, "--parts", parts]);
    expect(again).toMatchObject({
      code: 1,
      stderr: `starter: a cluster ${name} is already there: starter down --name ${name}\n`,
    });
    const image = await starter(parts, ["load", "--name", name, `localhost/x:1=${join(folder, "starter.log")}`]);
    expect(image.code).toBe(1);
  }, 120_000);
});
