import { describe, expect, it } from "vitest";
import { sampleComponent, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { compilePattern } from "../core/index.ts";
import { generateJobs } from "./generated.ts";
import { stableWithRelease } from "./lanes.ts";
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

describe("jobs that are tested in clusters", () => {
  const e2e = {
    deployment: undefined,
    ref: undefined,
    others: "pinned" as const,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the family file's own placeholder
    folder: "deploy/kubernetes-${version}",
    script: undefined,
    test: undefined,
    driver: undefined,
    suites: {},
    readyMs: 1,
    env: {},
  };
  const family = sampleFamily({
    components: [
      sampleComponent({ name: "greeter", deployed: true }),
      sampleComponent({ name: "library", deployed: false }),
      sampleComponent({ name: "driver", kind: "deployment", deployed: true, repo: "driver" }),
    ],
    kubernetes: { ...sampleFamily().kubernetes, versions: ["1.35", "1.36"], cluster: "command", e2e },
    lanes: {
      everyMs: 1,
      ref: "main",
      stable: "deploy/latest",
      canary: "deploy/canary",
      env: {},
      canaryEnv: {},
      developmentEnv: {},
    },
  });
  const jobs = generateJobs(family, {});
  const bodyOf = (name: string) => {
    const body = jobs.find((job) => job.name === name)?.body;
    return body?.kind === "release-configuration" ? body : undefined;
  };

  it("deploy a change with everything else as pinned, on the default version and on each", () => {
    expect(bodyOf("fam-greeter-pr")).toEqual({
      kind: "release-configuration",
      steps: ["build", "test", "images", "cluster"],
      cluster: {
        version: "1.36",
        deployment: "driver",
        folder: "deploy/kubernetes-1.36",
        others: "pinned",
        replaced: [],
      },
    });
    expect(bodyOf("fam-greeter-pr-1-35")).toMatchObject({
      steps: ["build", "images", "cluster"],
      cluster: { version: "1.35", folder: "deploy/kubernetes-1.35" },
    });
    expect(bodyOf("fam-greeter-build")?.steps).toEqual(["build", "test", "images", "push", "cluster"]);
    expect(jobs.find((job) => job.name === "fam-greeter-pr")).toMatchObject({
      needs: [],
      env: { CSI_PROW_TESTS: "unit" },
      extraRefs: [{ repo: "driver", base_ref: "main", auxiliary: true }],
    });
    expect(jobs.find((job) => job.name === "fam-driver-pr")?.extraRefs).toEqual([]);
    expect(bodyOf("fam-library-pr")?.cluster).toBeUndefined();
  });

  it("are lanes of what is pinned and of canaries, and the stable lane with a change when asked", () => {
    expect(bodyOf("fam-stable")).toEqual({
      kind: "release-configuration",
      steps: ["cluster"],
      cluster: {
        version: "development",
        deployment: "driver",
        folder: "deploy/latest",
        others: "pinned",
        replaced: [],
      },
    });
    expect(bodyOf("fam-canary-1-35")?.cluster).toMatchObject({
      version: "1.35",
      folder: "deploy/canary",
      others: "canary",
    });
    expect(bodyOf("fam-canary-dev")?.cluster).toMatchObject({ version: "development", others: "canary" });
    const asked = jobs.filter((job) => job.name === "fam-stable-with-change");
    expect(asked.map((job) => [job.component, job.alwaysRun, job.optional])).toEqual([["greeter", false, true]]);
  });

  it("try a component alone where it has manifests of its own", () => {
    const alone = { folder: "deploy/own", before: [], rbac: {} };
    const [first, ...rest] = family.components;
    const own = { ...family, components: [{ ...(first ?? sampleComponent()), e2e: alone }, ...rest] };
    const job = generateJobs(own, {}).find((each) => each.name === "fam-greeter-pr");
    expect(job).toMatchObject({ extraRefs: [], body: { cluster: { deployment: "greeter", folder: "deploy/own" } } });
  });

  it("judge a release with its images in the place of what is pinned", () => {
    const release = { component: "greeter", version: "v1.1.0-rc1", commit: "c", run: "r" };
    const deployment = family.components[2] ?? sampleComponent();
    const job = stableWithRelease(family, deployment, release);
    expect(job).toMatchObject({
      name: "fam-stable-with-release",
      schedule: undefined,
      body: { cluster: { version: "development", folder: "deploy/latest", replaced: [release] } },
    });
    expect(stableWithRelease({ ...family, lanes: undefined }, deployment, release)).toBeUndefined();
  });
});
