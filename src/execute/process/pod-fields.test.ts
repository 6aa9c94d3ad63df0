import { expect, test } from "vitest";
import { ignoredPodFields } from "./pod-fields.ts";

test("names what a pod asks for and a process does not get", () => {
  const ignored = ignoredPodFields({
    nodeSelector: { disk: "fast" },
    containers: [
      { image: "tools:1", command: ["runner.sh"], workingDir: "/srv", securityContext: { privileged: true } },
    ],
  });
  expect(ignored.map(({ path }) => path)).toEqual([
    "nodeSelector",
    "containers[0].image",
    "containers[0].workingDir",
    "containers[0].securityContext",
  ]);
  expect(ignored[1]?.consequence).toContain("tools of this machine");
});

test("a pod of honoured fields, without containers or with foreign ones has nothing to tell", () => {
  expect(ignoredPodFields({ containers: [{ name: "test", command: ["make"], env: [] }] })).toEqual([]);
  expect(ignoredPodFields({})).toEqual([]);
  expect(ignoredPodFields({ containers: ["text", null] })).toEqual([]);
});
