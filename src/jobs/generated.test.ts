import { describe, expect, it } from "vitest";
import { sampleComponent, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { compilePattern } from "../core/index.ts";
import { generateJobs } from "./generated.ts";
import { branchMatches } from "./matching.ts";

const kubernetes = {
  versions: ["1.34", "1.35"],
  experimental: ["1.35"],
  development: "master",
  cluster: "kind",
  env: {},
  developmentEnv: {},
  alpha: { versions: [], env: {} },
} as const;

function build(defaultBranches: Readonly<Record<string, string>>) {
  const job = generateJobs(sampleFamily(), defaultBranches).find((each) => each.name === "fam-greeter-build");
  if (!job) throw new Error("no build job");
  return job;
}

describe("generated jobs", () => {
  it("are a presubmit and a build for each component", () => {
    const components = [sampleComponent(), sampleComponent({ name: "teller" })];
    expect(generateJobs(sampleFamily({ components }), {}).map((job) => [job.name, job.type, job.component])).toEqual([
      ["fam-greeter-pr", "presubmit", "greeter"],
      ["fam-greeter-build", "postsubmit", "greeter"],
      ["fam-teller-pr", "presubmit", "teller"],
      ["fam-teller-build", "postsubmit", "teller"],
    ]);
    expect(generateJobs(sampleFamily({ generateJobs: false }), {})).toEqual([]);
  });

  it("add the matrix for what is deployed where there is a cluster, and never block on experimental versions", () => {
    const components = [sampleComponent({ deployed: true }), sampleComponent({ name: "teller" })];
    const matrix = generateJobs(sampleFamily({ components, kubernetes }), {}).filter((job) => /-pr-1/.test(job.name));
    expect(matrix.map((job) => [job.name, job.optional, job.needs, job.env["CSI_PROW_KUBERNETES_VERSION"]])).toEqual([
      ["fam-greeter-pr-1-34", false, ["cluster"], "1.34"],
      ["fam-greeter-pr-1-35", true, ["cluster"], "1.35"],
    ]);
    const none = { ...kubernetes, cluster: "none" as const };
    expect(generateJobs(sampleFamily({ components, kubernetes: none }), {})).toHaveLength(4);
  });

  it("ask for unit tests only where there is no cluster, unless the family file says otherwise", () => {
    expect(build({}).env).toEqual({ CSI_PROW_TESTS: "unit" });
    const jobs = { ...sampleComponent().jobs, env: { CSI_PROW_TESTS: "sanity" } };
    const own = generateJobs(sampleFamily({ components: [sampleComponent({ jobs })] }), {});
    expect(own.every((job) => job.env["CSI_PROW_TESTS"] === "sanity")).toBe(true);
  });

  it.each([
    [{}, "main", true],
    [{}, "master", true],
    [{}, "trunk", false],
    [{ greeter: "trunk" }, "trunk", true],
    [{ greeter: "trunk" }, "main", false],
    [{ greeter: "a.b" }, "a.b", true],
    [{ greeter: "a.b" }, "axb", false],
    [{ greeter: "c++(1)" }, "c++(1)", true],
    [{}, "release-1.2", true],
    [{}, "v1.2.0", true],
    [{}, "feature", false],
  ])("with default branches %j the build matches %s: %s", (defaults, branch, expected) => {
    expect(branchMatches(build(defaults), branch)).toEqual({ ok: true, value: expected });
  });

  it("can be asked for by the command they name", () => {
    for (const job of generateJobs(sampleFamily(), {})) {
      const trigger = compilePattern(job.trigger);
      expect(trigger.ok && trigger.value.matches(`looks good\n${job.rerunCommand}`)).toBe(true);
      expect(trigger.ok && trigger.value.matches(`${job.rerunCommand}-more`)).toBe(false);
    }
  });
});
