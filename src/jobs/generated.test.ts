import { describe, expect, it } from "vitest";
import { sampleComponent, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { compilePattern } from "../core/index.ts";
import { generateJobs } from "./generated.ts";
import { branchMatches } from "./matching.ts";
import { prowDocument } from "./prow-output.ts";

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

describe("generated jobs as Prow's", () => {
  it("hand control to .prow.sh, with what TestGrid reads", () => {
    const family = sampleFamily({
      generated: {
        image: "tools/ci:2",
        labels: { a: "b" },
        dashboard: "dash-${component}",
        alertEmail: "ann@example.org",
      },
    });
    const { presubmits, postsubmits, periodics } = prowDocument(family, generateJobs(family, {}));
    expect(periodics).toEqual([]);
    expect(presubmits["tools/greeter"]).toMatchObject([
      {
        name: "fam-greeter-pr",
        always_run: true,
        decorate: true,
        labels: { a: "b" },
        annotations: {
          "testgrid-dashboards": "dash-greeter",
          "testgrid-tab-name": "unit",
          "testgrid-alert-email": "ann@example.org",
        },
        decoration_config: { timeout: "2h0m0s", grace_period: "15s" },
        spec: { containers: [{ image: "tools/ci:2", command: ["runner.sh"], args: ["./.prow.sh"] }] },
      },
    ]);
    expect(postsubmits["tools/greeter"]).toMatchObject([
      { name: "fam-greeter-build", branches: ["^main$", "^master$", "^release-", "^v"] },
    ]);
  });

  it("have lanes with a schedule, named for the deployment where there are several", () => {
    const lanes = {
      everyMs: 3_600_000,
      ref: "main",
      stable: "deploy/latest",
      canary: undefined,
      env: { A: "${version}" },
      canaryEnv: { B: "1" },
      developmentEnv: { C: "2" },
    };
    const deployment = sampleComponent({ name: "driver", repo: "driver", kind: "deployment" });
    const one = generateJobs(sampleFamily({ components: [deployment], lanes, kubernetes }), {}).filter(
      (job) => job.type === "periodic",
    );
    expect(
      one.map((job) => [job.name, job.env["A"], job.env["B"], job.env["C"], job.env["CSI_PROW_DEPLOYMENT"]]),
    ).toEqual([
      ["fam-stable", "latest", undefined, undefined, "latest"],
      ["fam-canary-1-34", "1.34", "1", undefined, undefined],
      ["fam-canary-1-35", "1.35", "1", undefined, undefined],
      ["fam-canary-dev", "latest", "1", "2", undefined],
    ]);
    expect(one[0]).toMatchObject({
      needs: ["cluster"],
      extraRefs: [{ org: "tools", repo: "driver", base_ref: "main" }],
    });
    const two = generateJobs(
      sampleFamily({ components: [deployment, { ...deployment, name: "other" }], lanes, kubernetes }),
      {},
    );
    expect(
      two.some((job) => job.name === "fam-driver-stable") && two.some((job) => job.name === "fam-other-canary-dev"),
    ).toBe(true);
  });

  it("run on the version under development and on alpha features only when asked for", () => {
    const alpha = {
      ...kubernetes,
      alpha: { versions: ["1.34"], env: { CSI_PROW_TESTS: "alpha" } },
      env: { CSI_PROW_TESTS: "sanity" },
    };
    const family = sampleFamily({ components: [sampleComponent({ deployed: true })], kubernetes: alpha });
    const asked = generateJobs(family, {}).filter((job) => job.alwaysRun === false);
    expect(asked.map((job) => [job.name, job.optional, job.env["CSI_PROW_TESTS"]])).toEqual([
      ["fam-greeter-pr-master", true, undefined],
      ["fam-greeter-pr-alpha-1-34", true, "alpha"],
    ]);
    const first = generateJobs(family, {})[0];
    expect(first?.env).toEqual({ CSI_PROW_KUBERNETES_VERSION: "1.34", CSI_PROW_TESTS: "unit sanity" });
    const own = { ...sampleComponent().jobs, versions: ["1.35"], withoutAlpha: true };
    const narrowed = sampleFamily({ components: [sampleComponent({ deployed: true, jobs: own })], kubernetes: alpha });
    expect(generateJobs(narrowed, {}).map((job) => job.name)).toEqual([
      "fam-greeter-pr",
      "fam-greeter-build",
      "fam-greeter-pr-1-35",
      "fam-greeter-pr-master",
    ]);
  });
});
