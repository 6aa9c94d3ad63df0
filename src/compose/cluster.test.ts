import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openClusterRecords } from "../combine/index.ts";
import { ManualClock } from "../core/index.ts";
import type { Family } from "../family/index.ts";
import { clusterSource } from "./cluster.ts";

const plain: Family["kubernetes"] = {
  versions: ["1.36"],
  experimental: [],
  development: "master",
  cluster: "none",
  env: {},
  developmentEnv: {},
  alpha: { versions: [], env: {} },
};
let root = "";
let said: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fairlead-clusters-"));
  said = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const sourceOf = (kubernetes: Partial<Family["kubernetes"]>) =>
  clusterSource({
    clock: new ManualClock(),
    family: () => ({ kubernetes: { ...plain, ...kubernetes } }),
    folder: root,
    records: join(root, "clusters"),
    kubectl: async () => undefined,
    log: (line) => said.push(line),
  });

async function leave(): Promise<void> {
  const folder = join(root, "run-1");
  await mkdir(folder);
  await openClusterRecords(join(root, "clusters")).write({
    kind: "command",
    name: "fairlead-1",
    runId: "1",
    folder,
    state: {},
  });
}

it("finds a kubeconfig from the folder of the family file, and one that is named from the root there", async () => {
  const detailOf = async (kubeconfig: string) => {
    const existing = { kubeconfig, context: undefined, namespace: undefined, production: false };
    const cluster = await sourceOf({ cluster: "existing", existing }).current();
    return (await cluster?.capability())?.detail;
  };
  const other = join(root, "other");
  await mkdir(other);
  expect(await detailOf("own/kubeconfig")).toContain(` ${join(root, "own/kubeconfig")}`);
  expect(await detailOf(join(other, "kubeconfig"))).toContain(` ${join(other, "kubeconfig")}`);
});

it("removes what an earlier server left, also where the family file asks for no cluster any more", async () => {
  await leave();
  const down = join(root, "down");
  await writeFile(down, `echo "$FAIRLEAD_CLUSTER" > ${root}/removed\n`);
  const source = sourceOf({ command: { up: ["true"], down: ["/bin/sh", "down"] } });
  expect(await source.current()).toBeUndefined();
  expect(await source.sweep()).toBe(1);
  expect(await readFile(join(root, "removed"), "utf8")).toBe("fairlead-1\n");
  expect(await readdir(join(root, "clusters"))).toEqual([]);
});

it("says which cluster it cannot remove, and keeps the record of it", async () => {
  await leave();
  expect(await sourceOf({}).sweep()).toBe(0);
  expect(said).toEqual([expect.stringContaining("cluster fairlead-1 of run 1 is still there: kubernetes.command")]);
  expect(await readdir(join(root, "clusters"))).toEqual(["fairlead-1.json"]);
});

it("names a record that cannot be read", async () => {
  await mkdir(join(root, "clusters"));
  await writeFile(join(root, "clusters/fairlead-2.json"), "{");
  expect(await sourceOf({}).sweep()).toBe(0);
  expect(said).toEqual([expect.stringContaining("fairlead-2.json is no record of a cluster")]);
});
