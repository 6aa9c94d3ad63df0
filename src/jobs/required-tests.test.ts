import { describe, expect, it } from "vitest";
import { sampleComponent, sampleFamily, sampleJob } from "../../test/fixtures/sample-model.ts";
import type { Job } from "./model.ts";
import { missingTests } from "./required-tests.ts";

const deployed = sampleFamily({
  components: [sampleComponent({ deployed: true })],
  kubernetes: { ...sampleFamily().kubernetes, versions: ["1.35"], cluster: "kind" },
});
const unit = sampleJob({ name: "unit" });
const generated = sampleJob({ name: "on-1-35", needs: ["cluster"] });
const pod = (container: object): Job["body"] => ({
  kind: "pod",
  spec: JSON.parse(JSON.stringify({ containers: [container] })),
});
const loaded = sampleJob({
  name: "loaded",
  body: pod({ env: [{ name: "CSI_PROW_KUBERNETES_VERSION", value: "1.35.0" }] }),
});
const codes = (family: typeof deployed, jobs: readonly Job[]) =>
  missingTests(family, jobs, {}).map((each) => each.code);

describe("tests that must block merging", () => {
  it.each<[string, readonly Job[], readonly string[]]>([
    ["none", [], ["unit-tests-not-required"]],
    ["unit tests alone", [unit], ["kubernetes-tests-not-required"]],
    ["both, generated", [unit, generated], []],
    ["both, one from a Prow file", [unit, loaded], []],
    ["one that does both", [generated], []],
    [
      "optional ones",
      [
        { ...unit, optional: true },
        { ...generated, optional: true },
      ],
      ["unit-tests-not-required"],
    ],
    ["an experimental one", [unit, { ...generated, optional: true }], ["kubernetes-tests-not-required"]],
    ["one on demand", [unit, { ...generated, alwaysRun: false }], ["kubernetes-tests-not-required"]],
    ["one that is not reported", [{ ...unit, skipReport: true }], ["unit-tests-not-required"]],
    ["one for other branches", [{ ...unit, branches: ["^release-"] }], ["unit-tests-not-required"]],
    ["one that leaves the default branch out", [{ ...unit, skipBranches: ["^ma"] }], ["unit-tests-not-required"]],
    ["one that docs do not need", [{ ...unit, alwaysRun: false, skipIfOnlyChanged: "^docs/" }, generated], []],
    ["a postsubmit", [{ ...unit, type: "postsubmit" }], ["unit-tests-not-required"]],
    ["those of another component", [{ ...unit, component: "tools" }], ["unit-tests-not-required"]],
    [
      "a Prow job without Kubernetes",
      [unit, { ...loaded, body: pod({ command: ["make"] }) }],
      ["kubernetes-tests-not-required"],
    ],
  ])("%s", (_what, jobs, expected) => {
    expect(codes(deployed, jobs)).toEqual(expected);
  });

  it("are unit tests alone where clusters are opted out or nothing is deployed", () => {
    expect(codes({ ...deployed, kubernetes: { ...deployed.kubernetes, cluster: "none" } }, [unit])).toEqual([]);
    expect(codes({ ...deployed, components: [sampleComponent({ deployed: false })] }, [unit])).toEqual([]);
  });
});
