import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  configure,
  deployedSeeds,
  endOf,
  followServer,
  podManifest,
  publishBoth,
  released,
  suite,
  type TestedRun,
  tag,
} from "../fixtures/deployed-family.ts";
import { programPath } from "../fixtures/programs.ts";
import { mergeAndWait, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const scripted = fileURLToPath(new URL("../fixtures/scripted-cluster", import.meta.url));
const needed = ["bwrap", "curl", "setsid"].every((name) => programPath(name)) && existsSync("/bin/busybox");

const clusters = (swap: string) => [
  "kubernetes:",
  '  versions: ["1.36"]',
  "  cluster: command",
  `  command: {up: [${scripted}/cluster.sh, up], load: [${scripted}/cluster.sh, load, ${swap}], down: [${scripted}/cluster.sh, down]}`,
  "  e2e: {folder: deploy/latest, ready: 20s}",
  "lanes: {ref: main, stable: deploy/latest, canary: deploy/latest, afterCanary: off}",
];

const versionsOf = (run: TestedRun) =>
  (run.clusterTest?.components ?? []).map((each) => `${each.component} ${each.version} ${each.from}`);

describe.skipIf(!needed)("tests of a deployment (skipped without bubblewrap, curl and busybox-static)", () => {
  let family: ServedFamily;
  let clones: Awaited<ReturnType<typeof publishBoth>>;
  let swap: string;
  beforeAll(async () => {
    family = await serveFamily(deployedSeeds);
    await family.start();
    clones = await publishBoth(family);
    await family.stop();
    swap = join(family.root, "swap");
    await writeFile(swap, "");
    await configure(family, clusters(swap));
    await family.start({ FAIRLEAD_KUBECTL: join(scripted, "kubectl") });
    await followServer(family, clones);
  }, 300_000);
  afterAll(async () => await family?.remove());

  const logOf = async (run: { readonly id: string }) =>
    await (await fetch(`${family.url()}/api/v1/runs/${run.id}/log`)).text();
  const pageOf = async (path: string) => await (await fetch(`${family.url()}${path}`)).text();

  it("runs the lanes at once, one with what is pinned, the others with canaries, and says what really ran", async () => {
    const stable = await endOf(family, "fam-stable");
    expect([stable.state, stable.description]).toEqual(["success", "succeeded"]);
    expect(versionsOf(stable)).toEqual(["greeter v1.0.0 release", "waver v1.0.0 release"]);
    expect(stable.clusterTest).toMatchObject({ state: "proven", kubernetes: "v1.37.0-alpha.1", differences: [] });
    expect(stable.tests).toMatchObject({ passed: 1, failed: 0 });
    const canary = await endOf(family, "fam-canary-1-36");
    expect(versionsOf(canary)).toEqual(["greeter canary canary", "waver canary canary"]);
    expect(canary.clusterTest).toMatchObject({ state: "proven", kubernetes: "v1.36.1" });
    const [greeter] = canary.clusterTest?.components ?? [];
    expect(canary.clusterTest?.containers[0]).toMatchObject({
      image: "localhost/fam/greeter:canary",
      ran: greeter?.images[0]?.platforms[0]?.config,
      answer: "as intended",
    });
    await endOf(family, "fam-canary-dev");
    const log = await logOf(canary);
    const [resolved, deployed] = [log.indexOf("resolved from the record"), log.indexOf("step deploy")];
    expect(resolved).toBeGreaterThan(0);
    expect(deployed).toBeGreaterThan(resolved);
    expect(log).toContain(`greeter canary of ${greeter?.commit}: greeter@${greeter?.images[0]?.digest}`);
    expect(log).toContain("tested as canary and canary");
    const finished = JSON.parse(await pageOf(`/results/${canary.resultsPath}/finished.json`));
    expect(finished.metadata).toMatchObject({
      "pin-set": canary.clusterTest?.pinSet,
      kubernetes: "v1.36.1",
      "read-back": "proven",
      components: { greeter: { version: "canary", commit: greeter?.commit } },
    });
    const page = await pageOf(`/runs/${canary.id}`);
    expect(page).toContain("What was tested");
    expect(page).toContain(`/pin-sets/${canary.clusterTest?.pinSet}`);
    const compared = await family.fairlead(
      "pin-sets",
      canary.clusterTest?.pinSet ?? "",
      "--with",
      stable.clusterTest?.pinSet ?? "",
    );
    expect(compared.stdout).toMatch(/greeter +v1\.0\.0 of [0-9a-f]{7} +canary of [0-9a-f]{7} +greeter/);
    const traced = await family.fairlead("trace", greeter?.images[0]?.digest ?? "");
    expect(traced.stdout).toMatch(/fam-canary-1-36 +success +proven/);
  });

  it("replaces the images of the change alone, everything else as pinned", async () => {
    const { number, run } = await proposeAndWait(family, clones.greeter, "greeter", { message: "greeter three\n" });
    expect(run.change).toBe(number);
    const tested = await endOf(family, "fam-greeter-pr", `&change=${number}`);
    expect([tested.state, tested.description]).toEqual(["success", "succeeded"]);
    expect(versionsOf(tested)).toEqual([`greeter change-${number} replaced`, "waver v1.0.0 release"]);
    expect(tested.clusterTest?.components[0]?.commit).toBe(tested.testedCommit);
    expect(tested.clusterTest?.containers.map((each) => each.image)).toEqual([
      `localhost/fam/greeter:change-${number}`,
      "localhost/fam/waver:v1.0.0",
    ]);
    expect(await logOf(tested)).toContain(`tested as change-${number} and v1.0.0`);
    await family.api(`/changes/greeter/${number}/comments`, {
      method: "POST",
      body: JSON.stringify({ comment: "/test fam-stable-with-change" }),
    });
    const asked = await endOf(family, "fam-stable-with-change");
    expect([asked.state, asked.clusterTest?.kubernetes]).toEqual(["success", "v1.37.0-alpha.1"]);
    await mergeAndWait(family, "greeter", number);
    const built = await endOf(family, "fam-greeter-build");
    expect(versionsOf(built)).toEqual(["greeter canary replaced", "waver v1.0.0 release"]);
  });

  it("catches an image that is not the one that was meant, naming both digests", async () => {
    const layout = join(family.root, "other-image");
    const pulled = await family.fairlead("pull", `${new URL(family.url()).host}/fam/waver:v1.0.0`, layout);
    expect(pulled.code).toBe(0);
    await writeFile(swap, `v1.36.1 ${layout}\n`);
    const { run } = await proposeAndWait(family, clones.greeter, "greeter", { message: "greeter four\n" });
    await writeFile(swap, "\n");
    expect(run.state).toBe("failure");
    expect(run.description).toMatch(
      /^what runs is not what was meant: default\/greeter main: \S+ runs sha256:\w{64}, and sha256:\w{64} or sha256:\w{64} of greeter was meant/,
    );
    const page = await pageOf(`/runs/${run.id}`);
    expect(page).toContain("differs");
  });

  it.each([
    [
      "a pod that ends again and again",
      podManifest("greeter", "v1.0.0", "test/crashes: 'yes'"),
      suite,
      "failure",
      "container main of pod default/greeter ends again and again (4 restarts, last exit code 7)",
    ],
    [
      "a suite that fails but claims success",
      podManifest("greeter", "v1.0.0"),
      `${suite}exit 3\n`,
      "failure",
      "e2e exited with 3",
    ],
    ["a suite that writes no results", podManifest("greeter", "v1.0.0"), "true\n", "success", "succeeded"],
    [
      "a version that was never published",
      podManifest("greeter", "v9.0.0"),
      suite,
      "failure",
      "deploy/latest/greeter.yaml:7 pins greeter at v9.0.0, which Fairlead never published",
    ],
  ])("tells %s", async (what, manifest, e2e, state, description) => {
    await family.git(clones.driver, "reset", "-q", "--hard", "origin/main");
    const { run } = await proposeAndWait(family, clones.driver, "driver", {
      "deploy/latest/greeter.yaml": manifest,
      "e2e.sh": e2e,
      "what.txt": what,
    });
    expect([run.state, run.description]).toEqual([state, description]);
  });

  it("bounds what a suite writes, and says what of it was left out", async () => {
    await family.git(clones.driver, "reset", "-q", "--hard", "origin/main");
    const flood = 'n=0; while [ $n -lt 140 ]; do echo "<testsuite/>" > "$ARTIFACTS/junit_$n.xml"; n=$((n+1)); done\n';
    const { run } = await proposeAndWait(family, clones.driver, "driver", { "e2e.sh": flood });
    const { state, tests } = await family.api<TestedRun>(`/runs/${run.id}`);
    expect([state, tests?.problems]).toEqual(["success", ["40 more JUnit files were not read"]]);
  });

  it("tries a candidate in the stable lane: a red one refuses the final, and nobody is offered it", async () => {
    const layout = join(family.root, "other-image");
    // Only on the Kubernetes of the stable lane: its own build goes through.
    await writeFile(swap, `v1.37.0-alpha.1 ${layout}\n`);
    await tag(family, clones.greeter, "v1.1.0-rc1");
    await released(family, "greeter@v1.1.0-rc1");
    const lane = await endOf(family, "fam-stable-with-release");
    await writeFile(swap, "\n");
    expect(lane.state).toBe("failure");
    const release = await family.api<{ lanes: { job: string; state: string }[] }>("/releases/greeter@v1.1.0-rc1");
    expect(release.lanes).toMatchObject([{ job: "fam-stable-with-release", state: "failure" }]);
    expect(await pageOf("/releases/greeter@v1.1.0-rc1")).toContain("Stable lane");
    await tag(family, clones.greeter, "v1.1.0");
    const refused = await released(family, "greeter@v1.1.0", "quarantined");
    expect(refused.reason).toContain("the stable lane with v1.1.0-rc1 is red: what runs is not what was meant");
    const again = await family.fairlead("rerun", lane.id);
    expect(again.code).toBe(0);
    const green = await family.until("the lane run again", async () => {
      const { lanes } = await family.api<{ lanes: { state: string }[] }>("/releases/greeter@v1.1.0-rc1");
      return lanes.length === 2 && lanes[0]?.state === "success" ? lanes[0] : undefined;
    });
    expect(green.state).toBe("success");
    const verdict = await family.fairlead("preflight", "greeter", "v1.1.0", "--json");
    expect(verdict.stdout).not.toContain("candidate-lane-red");
  });

  it("says that a deployment for a version is missing, and tests no other in its stead", async () => {
    await family.stop();
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the family file's own placeholder
    await configure(
      family,
      clusters(swap).map((line) =>
        line
          .replace("canary: deploy/latest", "canary: 'deploy/kubernetes-${version}'")
          .replace('["1.36"]', '["1.35", "1.36"]'),
      ),
    );
    await family.start({ FAIRLEAD_KUBECTL: join(scripted, "kubectl") });
    const missing = await endOf(family, "fam-canary-1-35");
    expect([missing.state, missing.description]).toEqual([
      "failure",
      expect.stringMatching(/^driver at [0-9a-f]{7} has no deploy\/kubernetes-1\.35; it has latest$/),
    ]);
  });

  it("leaves no cluster behind", async () => {
    const left = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    expect(left.split("\n").filter((line) => line.includes("api-server.mjs") && line.includes(family.root))).toEqual(
      [],
    );
    expect(await readdir(join(family.home, "clusters"))).toEqual([]);
  });
});
