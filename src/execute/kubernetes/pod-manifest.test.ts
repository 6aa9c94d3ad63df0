import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../jobs/index.ts";
import type { ExecutionSpec } from "../model.ts";
import { podManifest } from "./pod-manifest.ts";
import { listOf, objectOf } from "./pod-state.ts";

const minutes = 60_000;
const place = {
  name: "fairlead-0-1",
  home: "0".repeat(32),
  carrierImage: "registry.example/pod:1",
  architecture: "amd64",
  serviceAccounts: ["uploader"],
  userNamespaces: true,
};
/** A job as Prow's files have them: an engine of its own, resources, a node of its own, a volume in memory. */
const own: JsonObject = {
  serviceAccountName: "uploader",
  nodeSelector: { pool: "large" },
  tolerations: [{ key: "dedicated", operator: "Equal", value: "builds", effect: "NoSchedule" }],
  priorityClassName: "builds",
  hostNetwork: true,
  nodeName: "master-0",
  containers: [
    {
      image: "registry.example/job:1",
      command: ["runner.sh"],
      args: ["./.prow.sh"],
      env: [
        { name: "PLAIN", value: "told by the server" },
        { name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
        { name: "TOKEN", valueFrom: { secretKeyRef: { name: "robot", key: "token" } } },
      ],
      resources: { requests: { cpu: "2", memory: "4Gi" }, limits: { memory: "8Gi" } },
      securityContext: { privileged: true, runAsUser: 1000, capabilities: { add: ["SYS_ADMIN"] } },
      volumeMounts: [
        { name: "fast", mountPath: "/fast/" },
        { name: "modules", mountPath: "/lib/modules", readOnly: true },
      ],
    },
  ],
  volumes: [
    { name: "fast", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } },
    { name: "modules", hostPath: { path: "/lib/modules", type: "Directory" } },
  ],
};

function made(changes: Partial<ExecutionSpec> = {}, privileged = false) {
  const manifest = podManifest(
    {
      runId: "run-1",
      buildId: "1700000000000000000",
      tier: "change",
      argv: ["runner.sh", "./.prow.sh", "$(HOME) $$"],
      cwd: "/home/prow/go/src/example.org/greeter",
      env: { SECRET: "planted-secret" },
      mounts: [
        { host: "/h/tree", inside: "/home/prow/go", writable: true },
        { host: "/h/tools", inside: "/fairlead-tools", writable: false },
        { host: "/h/fast", inside: "/fast", writable: true, purpose: "scratch" },
      ],
      timeoutMs: 120 * minutes,
      graceMs: 15 * minutes,
      limits: { logBytes: 1e6, diskBytes: 1000, processes: 500, memoryBytes: 2048 },
      network: "egress",
      onOutput: () => {},
      container: { image: "registry.example/job:1", pullPolicy: "Always", privileged, cpus: 2 },
      pod: {
        cluster: "default",
        spec: own,
        labels: { "prow.k8s.io/job": "unit" },
        annotations: {},
        pendingMs: 10 * minutes,
        unscheduledMs: 5 * minutes,
      },
      ...changes,
    },
    place,
  );
  const spec = objectOf(manifest.spec);
  const containers = listOf(spec.containers);
  const job = containers.find((each) => each.name === "test") ?? {};
  return { manifest, spec, job };
}

describe("the pod of a job", () => {
  it("runs the job's command, as it is, in the job's image", () => {
    const { job } = made();
    expect(job).toMatchObject({ image: "registry.example/job:1", imagePullPolicy: "Always" });
    expect(job["args"]).toEqual(["runner.sh", "./.prow.sh", "$$(HOME) $$$$"]);
    expect(job["command"]).toEqual(expect.arrayContaining(["500", "/home/prow/go/src/example.org/greeter"]));
  });

  it("shows no variable and no secret to whoever may read pods; what the cluster knows it fills in", () => {
    const { manifest, job } = made();
    expect(JSON.stringify(manifest)).not.toContain("planted-secret");
    expect(job["env"]).toEqual([{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }]);
  });

  it("has the job's resources, and bounds what it leaves open", () => {
    expect(made().job["resources"]).toEqual({
      limits: { memory: "8Gi", cpu: "2.000", "ephemeral-storage": "2000" },
      requests: { cpu: "2", memory: "4Gi", "ephemeral-storage": "64Mi" },
    });
    const bare = { cluster: "default", spec: {}, labels: {}, annotations: {}, pendingMs: 1, unscheduledMs: 1 };
    expect(made({ pod: bare }).job["resources"]).toMatchObject({
      limits: { memory: "2048" },
      requests: { memory: "64Mi", cpu: "50m" },
    });
  });

  it("stands where the job wants, and nowhere that gives it power", () => {
    const { spec, manifest } = made();
    expect(spec).toMatchObject({
      nodeSelector: { pool: "large", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
      tolerations: own["tolerations"],
      priorityClassName: "builds",
      restartPolicy: "Never",
      hostUsers: false,
      terminationGracePeriodSeconds: 1125,
      activeDeadlineSeconds: 7200 + 900 + 600 + 3600,
    });
    for (const field of ["hostNetwork", "nodeName", "hostPID"]) expect(spec).not.toHaveProperty(field);
    expect(objectOf(manifest.metadata).labels).toMatchObject({
      "prow.k8s.io/job": "unit",
      "fairlead.home": place.home,
    });
  });

  it.each<[ExecutionSpec["tier"], boolean]>([
    ["stranger", false],
    ["change", false],
    ["branch", true],
    ["release", true],
  ])("gives an account's token by tier: %s", (tier, given) => {
    const { spec } = made({ tier });
    expect(spec["automountServiceAccountToken"]).toBe(given);
    expect(spec["serviceAccountName"]).toBe(given ? "uploader" : undefined);
  });

  it("mounts the checkout, what is given read-only, and a job's own volumes", () => {
    const { spec, job } = made();
    expect(job["volumeMounts"]).toEqual(
      expect.arrayContaining([
        { name: "fairlead-work", mountPath: "/home/prow/go", subPath: "m0" },
        { name: "fairlead-given", mountPath: "/fairlead-tools", subPath: "m1", readOnly: true },
        { name: "m2", mountPath: "/fast" },
      ]),
    );
    expect(spec["volumes"]).toContainEqual({ name: "m2", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } });
  });

  it("has privileges and paths of the node only where the family file lists the job", () => {
    const plain = made();
    expect(JSON.stringify(plain.spec["volumes"])).not.toContain("hostPath");
    expect(plain.job["securityContext"]).toMatchObject({
      runAsUser: 1000,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: expect.not.arrayContaining(["SYS_ADMIN"]) },
    });
    expect(plain.job["securityContext"]).not.toHaveProperty("privileged");
    const listed = made({}, true);
    expect(listed.job["securityContext"]).toEqual({ runAsUser: 1000, privileged: true });
    expect(listed.spec["volumes"]).toContainEqual({
      name: "modules",
      hostPath: { path: "/lib/modules", type: "Directory" },
    });
    expect(listed.spec).not.toHaveProperty("hostUsers");
  });
});
