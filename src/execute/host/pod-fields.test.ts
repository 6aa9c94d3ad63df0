import { describe, expect, it } from "vitest";
import { ignoredPodFields } from "./pod-fields.ts";

describe("fields of a pod that a process does without", () => {
  it("are named in the order of the file, each with what that means", () => {
    const ignored = ignoredPodFields({
      nodeSelector: { a: "b" },
      containers: [
        {
          name: "test",
          image: "x",
          command: ["make"],
          args: ["test"],
          env: [
            { name: "A", value: "1" },
            { name: "B", valueFrom: {} },
          ],
          resources: { limits: { memory: "1Gi" } },
          securityContext: { privileged: true },
          volumeMounts: [{ name: "v", mountPath: "/v" }],
        },
        { name: "second", command: ["x"] },
      ],
      volumes: [
        { name: "v", emptyDir: {} },
        { name: "s", secret: { secretName: "x" } },
        { name: "h", hostPath: { path: "/" } },
      ],
    });
    expect(ignored.map((each) => each.path)).toEqual([
      "nodeSelector",
      "volumes[1].secret",
      "volumes[2].hostPath",
      "containers[0].image",
      "containers[0].securityContext",
      "containers[0].env[1].valueFrom",
      "containers[1]",
    ]);
    expect(ignored.every((each) => each.consequence !== "")).toBe(true);
  });

  it("are none where all of it counts", () => {
    expect(ignoredPodFields({ containers: [{ command: ["true"] }] })).toEqual([]);
    expect(ignoredPodFields({})).toEqual([]);
  });
});
