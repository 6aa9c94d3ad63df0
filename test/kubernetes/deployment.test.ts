import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  configure,
  deployedSeeds,
  endOf,
  followServer,
  publishBoth,
  type TestedRun,
} from "../fixtures/deployed-family.ts";
import { programPath } from "../fixtures/programs.ts";
import { proposeAndWait, type RunRow, type Seed, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";
import { tracesOf } from "./traces.ts";

const cluster = inject("cluster");
const parts = "parts" in cluster ? cluster.parts : "";
const reason = "reason" in cluster ? cluster.reason : programPath("bwrap") ? undefined : "bubblewrap is not installed";
const command = fileURLToPath(new URL("../cluster/command", import.meta.url));

/** Asks each pod what its image says: what runs is told by its bytes too, not by its digest alone. */
const asking = [
  "set -eu",
  "for pod in $(kubectl get pods -o name | sort); do",
  '  echo "$pod says $(kubectl exec "$pod" -- /busybox cat /message)"',
  "done",
  'echo "tested as $GREETER_TAG and $WAVER_TAG"',
  'printf \'<testsuite name="e2e"><testcase name="all answer"/></testsuite>\' > "$ARTIFACTS/junit_e2e.xml"',
  "",
].join("\n");
const seeds = deployedSeeds.map(
  (seed): Seed => (seed.name === "driver" ? { ...seed, files: { ...seed.files, "e2e.sh": asking } } : seed),
);

/** A deployment of the shape that the field has: a script that fills in where images come from, and controllers. */
const workload = (kind: string, name: string, more: string) =>
  [
    "apiVersion: apps/v1",
    `kind: ${kind}`,
    `metadata: {name: ${name}}`,
    "spec:",
    `  selector: {matchLabels: {app: ${name}}}`,
    more,
    "  template:",
    `    metadata: {labels: {app: ${name}}}`,
    "    spec:",
    "      terminationGracePeriodSeconds: 0",
    "      containers:",
    `        - {name: main, image: "registry.example/fam/${name}:v1.0.0", imagePullPolicy: IfNotPresent}`,
    "",
  ].join("\n");
const deployScript = [
  "#!/bin/sh",
  "set -eu",
  'cd "$(dirname "$0")"',
  'sed "s,registry.example/fam/greeter:.*\\",$GREETER_REGISTRY/greeter:$GREETER_TAG\\"," greeter.yaml | kubectl apply -f -',
  'sed "s,registry.example/fam/waver:.*\\",$WAVER_REGISTRY/waver:$WAVER_TAG\\"," waver.yaml | kubectl apply -f -',
  "kubectl rollout status deployment/greeter --timeout=180s",
  "kubectl rollout status daemonset/waver --timeout=180s",
  "",
].join("\n");

const digestsOf = (run: TestedRun, component: string) => {
  const found = run.clusterTest?.components.find((each) => each.component === component);
  const [image] = found?.images ?? [];
  return { commit: found?.commit ?? "", digest: image?.digest ?? "", config: image?.platforms[0]?.config ?? "" };
};

describe.skipIf(reason !== undefined)(`a deployment on Kubernetes${reason === undefined ? "" : ` (${reason})`}`, () => {
  let family: ServedFamily;
  let clones: Awaited<ReturnType<typeof publishBoth>>;
  let wrong: string;
  const clusters: string[] = [];

  beforeAll(async () => {
    family = await serveFamily(seeds);
    await family.start();
    clones = await publishBoth(family);
    await family.stop();
    wrong = join(family.root, "wrong");
    await writeFile(wrong, "");
    const load = join(family.root, "load.sh");
    // A loader that takes another image for the greeter's where the file names one.
    const lines = [
      "set -eu",
      `other=$(cat ${wrong})`,
      'case "$other $1" in " "*) ;; *"/greeter:"*) set -- "$1" "$other" ;; esac',
      `exec ${command}/load "$@"`,
    ];
    await writeFile(load, `${lines.join("\n")}\n`);
    await configure(family, [
      "kubernetes:",
      '  versions: ["1.36"]',
      "  cluster: command",
      `  command: {up: [${command}/up], load: [sh, ${load}], down: [${command}/down], logs: [${command}/logs]}`,
      "  e2e: {folder: deploy/latest, ref: main, ready: 3m}",
    ]);
    await family.start({ FAIRLEAD_KUBECTL: join(parts, "kubectl") });
    await followServer(family, clones);
  }, 240_000);
  afterAll(async () => await family?.remove());

  const tested = async (clone: string, component: string, files: Readonly<Record<string, string>>) => {
    await family.git(clone, "reset", "-q", "--hard", "origin/main");
    const { number } = await proposeAndWait(family, clone, component, files);
    const run = await endOf(family, `fam-${component}-pr`, `&change=${number}`);
    const log = await logOf(run);
    clusters.push((await clusterOf(run)) ?? log);
    return { number, run, log };
  };
  const textOf = async (path: string) => await (await fetch(`${family.url()}${path}`)).text();
  const logOf = async (run: { readonly id: string }) => await textOf(`/api/v1/runs/${run.id}/log`);
  const clusterOf = async (run: { readonly id: string }) => /cluster (fairlead-\S+) is up/.exec(await logOf(run))?.[1];

  it("runs a change's image beside what is pinned, and what the node says of its containers proves it", async () => {
    const { number, run, log } = await tested(clones.greeter, "greeter", { message: "greeter three\n" });
    expect([run.state, run.description], log).toEqual(["success", "succeeded"]);
    const [greeter, waver] = [digestsOf(run, "greeter"), digestsOf(run, "waver")];
    expect(greeter.commit).toBe(run.testedCommit);
    expect(run.clusterTest).toMatchObject({
      state: "proven",
      kubernetes: expect.stringMatching(/^v1\.36\./),
      differences: [],
      containers: [
        { image: `localhost/fam/greeter:change-${number}`, ran: greeter.config, answer: "as intended" },
        { image: "localhost/fam/waver:v1.0.0", ran: waver.config, answer: "as intended" },
      ],
    });
    expect(log).toContain("pod/greeter says greeter three");
    expect(log).toContain("pod/waver says waver one");
    expect(run.tests).toMatchObject({ passed: 1, failed: 0 });

    const { items } = await family.api<{ items: { id: string; commit: string; images: { digest: string }[] }[] }>(
      "/releases",
    );
    const release = items.find((each) => each.id === "waver@v1.0.0");
    expect(waver.digest).toBe(release?.images[0]?.digest);
    const finished = JSON.parse(await textOf(`/results/${run.resultsPath}/finished.json`));
    expect(finished.metadata).toMatchObject({
      "pin-set": run.clusterTest?.pinSet,
      kubernetes: run.clusterTest?.kubernetes,
      "read-back": "proven",
      components: {
        greeter: { version: `change-${number}`, commit: greeter.commit, images: { greeter: greeter.digest } },
        waver: { version: "v1.0.0", commit: waver.commit, images: { waver: waver.digest } },
      },
    });
    // Kubernetes' own words, collected before the cluster went away.
    const pods: { items: { status: { containerStatuses: { imageID: string }[] } }[] } = JSON.parse(
      await textOf(`/results/${run.resultsPath}/artifacts/cluster/pods.json`),
    );
    const ids = pods.items.flatMap((pod) => pod.status.containerStatuses.map((each) => each.imageID));
    expect(ids).toEqual(expect.arrayContaining([greeter.config, waver.config]));
  });

  it("deploys by a script, with controllers that start the pods", async () => {
    await writeFile(join(clones.driver, "deploy/latest/deploy.sh"), "", { mode: 0o755 });
    const { run, log } = await tested(clones.driver, "driver", {
      "deploy/latest/deploy.sh": deployScript,
      "deploy/latest/greeter.yaml": workload("Deployment", "greeter", "  replicas: 2"),
      "deploy/latest/waver.yaml": workload("DaemonSet", "waver", "  minReadySeconds: 0"),
    });
    expect([run.state, run.description], log).toEqual(["success", "succeeded"]);
    expect(run.clusterTest).toMatchObject({ state: "proven", differences: [] });
    expect(run.clusterTest?.containers.map((each) => `${each.image} ${each.answer}`)).toEqual([
      "localhost/fam/greeter:v1.0.0 as intended",
      "localhost/fam/greeter:v1.0.0 as intended",
      "localhost/fam/waver:v1.0.0 as intended",
    ]);
    expect(log).toContain("says greeter one");
  });

  it("catches an image that is not the one that was meant, naming both digests", async () => {
    const layout = join(family.root, "other-image");
    const pulled = await family.fairlead("pull", `${new URL(family.url()).host}/fam/waver:v1.0.0`, layout);
    expect([pulled.code, pulled.stderr]).toEqual([0, expect.any(String)]);
    await writeFile(wrong, layout);
    const { number, run, log } = await tested(clones.greeter, "greeter", { message: "greeter four\n" });
    await writeFile(wrong, "");
    const [greeter, waver] = [digestsOf(run, "greeter"), digestsOf(run, "waver")];
    expect(run.state, log).toBe("failure");
    expect(run.description).toContain(
      `what runs is not what was meant: default/greeter main: localhost/fam/greeter:change-${number} runs ${waver.config}, and ${greeter.config} or `,
    );
    expect(run.clusterTest).toMatchObject({ state: "differs" });
    const finished = JSON.parse(await textOf(`/results/${run.resultsPath}/finished.json`));
    expect([finished.passed, finished.metadata["read-back"]]).toEqual([false, "differs"]);
  });

  it("leaves no cluster behind", async () => {
    // A change is tested by a second job too, on the version by its name, which may end later.
    const runs = await family.until("the end of all runs", async () => {
      const { items } = await family.api<{ items: RunRow[] }>("/runs?limit=200");
      return items.every((run) => run.finished !== null) ? items : undefined;
    });
    const names = (await Promise.all(runs.map(clusterOf))).flatMap((name) => name ?? []);
    expect(clusters).not.toEqual([]);
    expect(names).toEqual(expect.arrayContaining(clusters));
    expect(await readdir(join(family.home, "clusters"))).toEqual([]);
    for (const name of names) {
      const { processes, cgroups, mounts, sockets, records } = await tracesOf(name, family.root);
      expect([...processes, ...cgroups, ...mounts, ...sockets, ...records]).toEqual([]);
    }
  });
});
