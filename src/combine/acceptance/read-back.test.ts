import { describe, expect, it } from "vitest";
import type { PinSet } from "../pin-sets/model.ts";
import { readClusterState } from "./cluster-state.ts";
import { nameOf, readBack } from "./read-back.ts";
import { readiness } from "./readiness.ts";

const sha = (mark: string) => `sha256:${mark.repeat(64).slice(0, 64)}`;

const set: PinSet = {
  family: "fam",
  deployment: { component: "driver", commit: "d".repeat(40), folder: "deploy/latest" },
  components: ["attacher", "driver"].map((component, index) => ({
    component,
    repository: `https://forge.example/fam/${component}`,
    commit: String(index).repeat(40),
    version: component === "attacher" ? "change-7" : "v1.0.0",
    from: component === "attacher" ? ("replaced" as const) : ("release" as const),
    run: "r",
    images: [
      {
        name: component,
        digest: sha(`a${index}`),
        mediaType: "application/vnd.oci.image.index.v1+json",
        size: 1,
        platforms: [
          { platform: "linux/amd64", manifest: sha(`b${index}`), config: sha(`c${index}`) },
          { platform: "linux/arm64", manifest: sha(`d${index}`), config: sha(`e${index}`) },
        ],
      },
    ],
  })),
};

interface Wanted {
  readonly name: string;
  readonly image: string;
  readonly imageID?: string;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly ready?: boolean;
}

function pod(name: string, containers: readonly Wanted[], more: Readonly<Record<string, unknown>> = {}) {
  const ready = containers.every((each) => each.ready !== false);
  return {
    metadata: { namespace: "default", name, ...more },
    spec: { containers: containers.map((each) => ({ name: each.name, image: each.image })) },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: containers.map((each) => ({
        name: each.name,
        imageID: each.imageID ?? "",
        ready: each.ready !== false,
        ...each.status,
      })),
    },
  };
}

function stateOf(pods: readonly unknown[], deployments: readonly unknown[] = []) {
  return readClusterState({
    pods: { items: pods },
    deployments: { items: deployments },
    statefulSets: { items: [] },
    daemonSets: {},
  });
}

const attacher = { name: "a", image: "localhost/fam/attacher:change-7", imageID: sha("c0") };
const driver = {
  name: "d",
  image: "registry.example/x/driver:v1.0.0",
  imageID: `registry.example/x/driver@${sha("b1")}`,
};

describe("what really ran", () => {
  it("is proven by the digest of a config where it was loaded, by that of a manifest or an index where it was pulled", () => {
    const socat = { name: "s", image: "docker.io/alpine/socat:1", imageID: sha("f") };
    const read = readBack(stateOf([pod("one", [attacher, socat]), pod("two", [driver])]), set, "linux/amd64");
    expect(read).toMatchObject({ verdict: "proven", differences: [], absent: [] });
    expect(read.containers.map((each) => [each.container, each.component, each.answer])).toEqual([
      ["a", "attacher", "as intended"],
      ["s", undefined, "foreign"],
      ["d", "driver", "as intended"],
    ]);
    const index = { ...driver, imageID: `docker-pullable://registry.example/x/driver@${sha("a1")}` };
    expect(readBack(stateOf([pod("one", [attacher, index])]), set, "linux/amd64").verdict).toBe("proven");
  });

  it("differs when another image runs, naming both digests, also one that is right for another machine", () => {
    for (const imageID of [sha("9"), sha("e0"), `localhost/fam/attacher@${sha("b1")}`]) {
      const read = readBack(stateOf([pod("one", [{ ...attacher, imageID }, driver])]), set, "linux/amd64");
      expect(read.verdict).toBe("differs");
      expect(read.differences).toEqual([
        `default/one a: localhost/fam/attacher:change-7 runs ${imageID}, and ${sha("c0")} or ${sha("b0")} of attacher was meant`,
      ]);
    }
  });

  it("differs when nothing of the replaced component runs, and only says so of what is pinned", () => {
    const without = readBack(stateOf([pod("one", [driver])]), set, "linux/amd64");
    expect(without.differences).toEqual(["nothing of attacher change-7 runs: attacher was meant"]);
    const withoutPinned = readBack(stateOf([pod("one", [attacher])]), set, "linux/amd64");
    expect(withoutPinned).toMatchObject({ verdict: "proven", absent: ["driver"] });
    expect(readBack(stateOf([]), set, "linux/amd64").differences).toContain("no image of the pin set runs");
  });

  it("differs when a container of the set was not started, and looks at init containers too", () => {
    const idle = readBack(stateOf([pod("one", [{ ...attacher, imageID: "" }, driver])]), set, "linux/amd64");
    expect(idle.differences[0]).toBe("default/one a: localhost/fam/attacher:change-7 was not started");
    const initPod = {
      metadata: { namespace: "default", name: "init" },
      spec: { initContainers: [{ name: "i", image: "x/attacher" }], containers: [] },
      status: { initContainerStatuses: [{ name: "i", imageID: sha("9") }] },
    };
    expect(readBack(stateOf([initPod, pod("one", [attacher])]), set, "linux/amd64").verdict).toBe("differs");
  });

  it("leaves pods of Kubernetes itself out, and reads names whatever stands around them", () => {
    const system = { ...pod("dns", [{ name: "a", image: "attacher", imageID: sha("9") }]) };
    const state = stateOf([
      { ...system, metadata: { namespace: "kube-system", name: "dns" } },
      pod("one", [attacher, driver]),
    ]);
    expect(readBack(state, set, "linux/amd64").containers).toHaveLength(2);
    expect([`host:5000/a/csi-x:v1@${sha("1")}`, "csi-x", `csi-x@${sha("1")}`].map(nameOf)).toEqual([
      "csi-x",
      "csi-x",
      "csi-x",
    ]);
  });
});

describe("readiness", () => {
  const loaded = (image: string) => nameOf(image) === "attacher";
  const judge = (pods: readonly unknown[], workloads: readonly unknown[] = []) =>
    readiness(stateOf(pods, workloads), loaded);
  const waiting = (reason: string, more: Readonly<Record<string, unknown>> = {}) => ({
    ...attacher,
    ready: false,
    status: { state: { waiting: { reason, message: "why" } }, ...more },
  });

  it("waits for pods, and for workloads whose newest form their controller has not seen", () => {
    const workload = (generation: number, readyReplicas: number) => ({
      metadata: { namespace: "default", name: "w", generation },
      spec: { replicas: 2 },
      status: { observedGeneration: 1, readyReplicas },
    });
    expect(judge([])).toEqual({ kind: "waiting", reason: "nothing was started yet" });
    expect(judge([pod("one", [attacher])], [workload(2, 2)]).reason).toBe("deployment default/w has 0 of 2 ready");
    expect(judge([pod("one", [attacher])], [workload(1, 1)]).reason).toBe("deployment default/w has 1 of 2 ready");
    expect(judge([pod("one", [attacher, driver])], [workload(1, 2)])).toEqual({
      kind: "ready",
      reason: "2 containers in 1 pods are up",
    });
    const going = pod("old", [{ ...attacher, ready: false }], { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(judge([going, pod("one", [attacher])]).kind).toBe("ready");
  });

  it("fails at once for what waiting does not mend", () => {
    const crash = waiting("CrashLoopBackOff", { restartCount: 3, lastState: { terminated: { exitCode: 5 } } });
    expect(judge([pod("one", [crash])])).toEqual({
      kind: "failed",
      reason: "container a of pod default/one ends again and again (3 restarts, last exit code 5)",
    });
    expect(judge([pod("one", [waiting("CrashLoopBackOff", { restartCount: 1 })])]).kind).toBe("waiting");
    expect(judge([pod("one", [waiting("ErrImageNeverPull")])]).reason).toContain(
      "cannot start: ErrImageNeverPull: why",
    );
  });

  it("tells an image that is pulled instead of the loaded one from one that is only slow to come", () => {
    expect(judge([pod("one", [waiting("ErrImagePull")])])).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("pulls localhost/fam/attacher:change-7, which was loaded into the cluster"),
    });
    const foreign = { ...waiting("ImagePullBackOff"), image: "docker.io/alpine/socat" };
    expect(judge([pod("one", [foreign])]).kind).toBe("waiting");
  });

  it("says that no node takes a pod", () => {
    const unscheduled = {
      metadata: { namespace: "default", name: "big" },
      spec: { containers: [{ name: "a", image: "x" }] },
      status: {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes are available: Insufficient cpu." }],
      },
    };
    expect(judge([unscheduled]).reason).toBe(
      "pod default/big finds no node: 0/1 nodes are available: Insufficient cpu.",
    );
  });
});
