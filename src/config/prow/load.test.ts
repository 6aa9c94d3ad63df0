import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ProwReading, type ProwRequest, readProw } from "./load.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "prow-files-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(
  files: Readonly<Record<string, string | Uint8Array>>,
  over: Partial<ProwRequest> = {},
): Promise<ProwReading> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const components = { "tools/greeter": "greeter" };
  const config = "config.yaml" in files ? "config.yaml" : undefined;
  return await readProw({ folder, config, jobs: ["jobs"], components, worker: undefined, cache: undefined, ...over });
}

const errors = (reading: ProwReading) => reading.diagnostics.filter((each) => each.severity === "error");

/** A presubmit with more lines, at six spaces. */
const presubmit = (...more: string[]) =>
  [
    "presubmits:",
    "  tools/greeter:",
    "    - name: pull-unit",
    "      spec: {containers: [{image: x, command: [make], args: [test]}]}",
    ...more.map((line) => `      ${line}`),
    "",
  ].join("\n");
const postsubmit = (...more: string[]) => presubmit(...more).replace("presubmits", "postsubmits");
const periodic = (...more: string[]) =>
  [
    "periodics:",
    "  - name: nightly",
    "    spec: {containers: [{command: [make]}]}",
    ...more.map((line) => `    ${line}`),
    "",
  ].join("\n");
const pod = (spec: string, ...more: string[]) =>
  [
    "presubmits:",
    "  tools/greeter:",
    "    - name: pull-unit",
    ...more.map((line) => `      ${line}`),
    `      spec: ${spec}`,
    "",
  ].join("\n");
const good = "{containers: [{image: x, command: [make]}]}";

describe("a job that is refused", () => {
  it.each<[string, string, string, number]>([
    ["no-name", presubmit().replace("name: pull-unit", 'name: ""'), "needs a name", 3],
    ["bad-name", presubmit().replace("pull-unit", "pull/unit"), "is no name of a job", 3],
    ["negative", presubmit("max_concurrency: -1"), "max_concurrency is negative", 5],
    ["wrong-type", presubmit("max_concurrency: many"), "max_concurrency wants a whole number", 5],
    ["wrong-type", presubmit("always_run: sometimes"), 'always_run wants true or false, not "sometimes"', 5],
    ["wrong-type", presubmit("branches: main"), 'branches wants a list, not "main"', 5],
    ["wrong-type", presubmit("labels: [a]"), "labels wants a mapping, not a list", 5],
    ["wrong-type", "presubmits:\n  tools/greeter:\n    - just text\n", "wants a mapping", 3],
    ["two-matchers", presubmit("run_if_changed: a", "skip_if_only_changed: b"), "exclude each other", 6],
    [
      "always-and-matcher",
      presubmit("always_run: true", "run_if_changed: a"),
      "always_run: true and run_if_changed",
      5,
    ],
    [
      "always-and-matcher",
      postsubmit("always_run: true", "skip_if_only_changed: a"),
      "always_run: true and skip_if_only_changed",
      5,
    ],
    ["bad-pattern", presubmit('run_if_changed: "(?=x)"'), "run_if_changed", 5],
    ["bad-pattern", presubmit('skip_if_only_changed: "["'), "skip_if_only_changed", 5],
    ["bad-pattern", presubmit('branches: ["(", "main"]'), "branches", 5],
    ["bad-pattern", postsubmit('skip_branches: ["a)"]'), "skip_branches", 5],
    ["half-a-trigger", presubmit('trigger: "(?m)^/check$"'), "set together or not at all", 5],
    ["half-a-trigger", presubmit("rerun_command: /check"), "set together or not at all", 5],
    [
      "rerun-without-match",
      presubmit('trigger: "(?m)^/check$"', "rerun_command: /test it"),
      "does not match the trigger",
      6,
    ],
    ["bad-pattern", presubmit('trigger: "("', "rerun_command: /check"), "trigger", 5],
    ["bad-label", presubmit("labels: {prow.k8s.io/type: x}"), "Prow's own", 5],
    ["bad-label", presubmit('labels: {"a b": x}'), "is no name of a label", 5],
    ["bad-label", presubmit('labels: {a: "x y"}'), "is no value of a label", 5],
    ["bad-label", presubmit(`labels: {a: ${"x".repeat(64)}}`), "is no value of a label", 5],
    ["bad-annotation", presubmit('annotations: {"a b": x}'), "is no name of an annotation", 5],
    [
      "gerrit-report",
      presubmit("skip_report: true", "labels: {prow.k8s.io/gerrit-report-label: x}"),
      "exclude each other",
      5,
    ],
    ["bad-namespace", presubmit("namespace: other"), "the pod_namespace", 5],
    ["bad-url", presubmit("clone_uri: --upload-pack=x"), "is no URL", 5],
    ["bad-url", presubmit("extra_refs: [{org: a, repo: b, clone_uri: 'a b'}]"), "is no URL", 5],
    [
      "anyone-and-some",
      presubmit("rerun_auth_config: {allow_anyone: true, github_users: [ann]}"),
      "allow_anyone excludes",
      5,
    ],
    ["bad-duration", presubmit("decoration_config: {timeout: soon}"), "is no duration", 5],
    [
      "bad-path-strategy",
      presubmit("decoration_config: {gcs_configuration: {path_strategy: flat}}"),
      "legacy, single or explicit",
      5,
    ],
    [
      "bad-path-strategy",
      presubmit("decoration_config: {gcs_configuration: {path_strategy: single}}"),
      "needs default_org",
      5,
    ],
    [
      "two-ways-to-clone",
      presubmit("decoration_config: {oauth_token_secret: {name: a}, ssh_key_secrets: [b]}"),
      "exclude each other",
      5,
    ],
    ["no-spec", "presubmits:\n  tools/greeter:\n    - name: a\n", "needs a spec", 3],
    ["spec-without-kubernetes", presubmit("agent: jenkins"), "has no spec", 4],
    ["one-schedule", periodic(), "needs one of interval", 2],
    ["one-schedule", periodic("interval: 1h", "cron: '@daily'"), "interval and cron exclude each other", 4],
    ["bad-cron", periodic("cron: 'every day'"), "is no cron expression", 4],
    ["bad-duration", periodic("interval: 1 day"), "is no duration", 4],
    ["bad-duration", periodic("minimum_interval: 1d"), "is no duration", 4],
    // The pod (1.12).
    ["wrong-type", pod("[a]"), "spec wants a mapping", 4],
    ["bad-pod", pod("{}"), "at least one container", 4],
    ["bad-pod", pod(`{initContainers: [{name: a}], ${good.slice(1)}`), "init containers are not allowed", 4],
    ["bad-pod", pod("{containers: [{name: a, command: [x]}, {name: b, command: [x]}]}"), "needs decoration", 4],
    [
      "bad-pod",
      pod("{containers: [{name: a, command: [x]}, {command: [x]}]}", "decorate: true"),
      "each needs a name",
      5,
    ],
    [
      "bad-pod",
      pod("{containers: [{name: a, command: [x]}, {name: a, command: [x]}]}", "decorate: true"),
      "two containers are named a",
      5,
    ],
    [
      "bad-pod",
      pod("{containers: [{name: a, command: [x]}, {name: sidecar, command: [x]}]}", "decorate: true"),
      "sidecar is reserved",
      5,
    ],
    ["bad-pod", pod("{containers: [{command: [x], env: [{name: A}, {name: A}]}]}"), "A is set twice", 4],
    ["bad-pod", pod("{containers: [{command: [x], env: [{name: PULL_NUMBER, value: 1}]}]}"), "set by Prow itself", 4],
    ["bad-pod", pod("{volumes: [{name: a}, {name: a}], containers: [{command: [x]}]}"), "a is declared twice", 4],
    [
      "bad-pod",
      pod("{volumes: [{name: logs}], containers: [{command: [x]}]}", "decorate: true"),
      "logs is reserved",
      5,
    ],
    [
      "bad-pod",
      pod("{containers: [{command: [x], volumeMounts: [{name: a, mountPath: /a}]}]}"),
      "no volume of the pod",
      4,
    ],
    [
      "bad-pod",
      pod(
        "{volumes: [{name: a}], containers: [{command: [x], volumeMounts: [{name: a, mountPath: /logs/x}]}]}",
        "decorate: true",
      ),
      "/logs is reserved",
      5,
    ],
    ["bad-pod", pod("{containers: [{image: x}]}", "decorate: true"), "needs a command or args", 5],
    [
      "wrong-type",
      pod("{containers: [{command: [x], securityContext: {privileged: 'yes'}}]}"),
      "privileged wants true or false",
      4,
    ],
  ])("%s %#", async (code, text, message, line) => {
    const found = errors(await read({ "jobs/a.yaml": text }));
    const mine = found.find((each) => each.code === code);
    expect(mine, JSON.stringify(found)).toMatchObject({ file: "jobs/a.yaml", line });
    expect(mine?.message).toContain(message);
    expect(mine?.column).toBeGreaterThan(0);
  });

  it.each<[string, string, string]>([
    [
      "a second periodic of the name",
      `${periodic("interval: 1h")}  - name: nightly\n    interval: 2h\n    spec: ${good}\n`,
      "the periodic nightly is defined twice",
    ],
    [
      "a second job of the name",
      `${presubmit()}    - name: pull-unit\n      spec: ${good}\n`,
      "for branches that overlap",
    ],
    [
      "branches that both list",
      `${presubmit("branches: [a, b]")}    - name: pull-unit\n      branches: [b]\n      spec: ${good}\n`,
      "overlap",
    ],
    [
      "one that lists none",
      `${presubmit("branches: [main]")}    - name: pull-unit\n      skip_branches: [other]\n      spec: ${good}\n`,
      "overlap",
    ],
    [
      "a context of another",
      `${presubmit("context: unit")}    - name: pull-other\n      context: unit\n      spec: ${good}\n`,
      "share the context unit",
    ],
  ])("%s", async (_what, text, message) => {
    const [found] = errors(await read({ "jobs/a.yaml": text }));
    expect(found).toMatchObject({
      code: "duplicate-job",
      message: expect.stringContaining(message),
      hint: expect.stringContaining("jobs/a.yaml:"),
    });
  });

  it.each([
    [
      "branches that differ as written",
      `${presubmit("branches: [release-1.3]")}    - name: pull-unit\n      branches: [release-1.36]\n      spec: ${good}\n`,
    ],
    [
      "a list and what skips it",
      `${presubmit("branches: [main]")}    - name: pull-unit\n      skip_branches: [main]\n      spec: ${good}\n`,
    ],
    ["another repository", `${presubmit()}  tools/other:\n    - name: pull-unit\n      spec: ${good}\n`],
    ["another kind", `${presubmit()}postsubmits:\n  tools/greeter:\n    - name: pull-unit\n      spec: ${good}\n`],
  ])("the same name is fine for %s", async (_what, text) => {
    expect(errors(await read({ "jobs/a.yaml": text }))).toEqual([]);
  });
});

describe("presets", () => {
  const preset =
    "presets:\n  - labels: {preset-a: 'true'}\n    env: [{name: A, value: 1}]\n    volumes: [{name: v, emptyDir: {}}]\n    volumeMounts: [{name: v, mountPath: /v, readOnly: true}]\n";
  const everywhere = "presets:\n  - env: [{NAME: EVERYWHERE, value: yes}]\n";

  it("complete the jobs of other files by their labels, in the order of loading", async () => {
    const reading = await read({
      "config.yaml": everywhere,
      "jobs/a.yaml": presubmit("labels: {preset-a: 'true'}"),
      "jobs/b.yaml": preset,
    });
    expect(errors(reading)).toEqual([]);
    expect(reading.jobs[0]?.body).toEqual({
      kind: "pod",
      spec: {
        containers: [
          {
            name: "",
            resources: {},
            image: "x",
            command: ["make"],
            args: ["test"],
            env: [
              { name: "EVERYWHERE", value: "true" },
              { name: "A", value: "1" },
            ],
            volumeMounts: [{ name: "v", mountPath: "/v", readOnly: true }],
          },
        ],
        volumes: [{ name: "v", emptyDir: {} }],
      },
    });
  });

  it.each([
    ["the variable A", "{containers: [{command: [x], env: [{name: A, value: 2}]}]}"],
    ["the volume v", "{volumes: [{name: v}], containers: [{command: [x]}]}"],
    ["the mount v", "{containers: [{command: [x], volumeMounts: [{name: v, mountPath: /x}]}]}"],
  ])("cannot override %s", async (what, spec) => {
    const text = pod(spec, "labels: {preset-a: 'true'}");
    const found = errors(await read({ "jobs/a.yaml": text, "jobs/b.yaml": preset }));
    expect(found.some((each) => each.code === "preset-conflict" && each.message.includes(what))).toBe(true);
  });

  it("may not share a pair of label and value, and one that nobody declares is fine", async () => {
    const twice = await read({ "jobs/a.yaml": preset, "jobs/b.yaml": preset });
    expect(errors(twice)).toMatchObject([{ code: "duplicate-preset", file: "jobs/b.yaml", line: 2 }]);
    const unknown = await read({ "jobs/a.yaml": presubmit("labels: {preset-none: 'true'}"), "jobs/b.yaml": "{}" });
    expect(errors(unknown)).toEqual([]);
  });
});

describe("decoration", () => {
  const config = [
    "plank:",
    "  default_decoration_config_entries:",
    "    - config: {timeout: 2h, grace_period: 15m, utility_images: {entrypoint: a, sidecar: b}}",
    "    - repo: tools",
    "      config: {timeout: 3h}",
    "    - repo: tools/greeter",
    "      cluster: special",
    "      config: {timeout: 4h, utility_images: {sidecar: c}}",
    "  job_queue_capacities: {narrow: 1}",
    "pod_namespace: test-pods",
    "",
  ].join("\n");
  const decorationOf = async (...more: string[]) =>
    (await read({ "config.yaml": config, "jobs/a.yaml": presubmit("decorate: true", ...more) })).jobs[0];

  it("is the job's own, then the last default that matches, down to the first", async () => {
    expect((await decorationOf())?.decoration).toEqual({
      timeout: "3h0m0s",
      grace_period: "15m0s",
      utility_images: { entrypoint: "a", sidecar: "b" },
    });
    const special = await decorationOf("cluster: special", "decoration_config: {grace_period: 1000000000}");
    expect(special?.decoration).toEqual({
      timeout: "4h0m0s",
      grace_period: "1s",
      utility_images: { entrypoint: "a", sidecar: "c" },
    });
    expect([special?.timeoutMs, special?.gracePeriodMs]).toEqual([4 * 3_600_000, 1000]);
  });

  it("is none for a job that is not decorated, unless all are", async () => {
    const plain = await read({ "config.yaml": config, "jobs/a.yaml": presubmit() });
    expect(plain.jobs[0]?.decoration).toBeUndefined();
    const all = await read({ "config.yaml": `${config}decorate_all_jobs: true\n`, "jobs/a.yaml": presubmit() });
    expect(all.jobs[0]?.decoration).toMatchObject({ timeout: "3h0m0s" });
  });

  it("takes the older map from broad to narrow, and not both", async () => {
    const older =
      "plank:\n  default_decoration_configs:\n    tools/greeter: {timeout: 1h}\n    '*': {timeout: 9h, grace_period: 1m}\n";
    const reading = await read({ "config.yaml": older, "jobs/a.yaml": presubmit("decorate: true") });
    expect(reading.jobs[0]?.decoration).toEqual({ timeout: "1h0m0s", grace_period: "1m0s" });
    const both = await read({
      "config.yaml": `${config}`.replace("  job_queue", "  default_decoration_configs: {}\n  job_queue"),
    });
    expect(errors(both)).toMatchObject([{ code: "two-defaults" }]);
  });

  it("knows its queues", async () => {
    const known = await read({ "config.yaml": config, "jobs/a.yaml": presubmit("job_queue_name: narrow") });
    expect([known.jobs[0]?.queue, known.queues]).toEqual(["narrow", { narrow: 1 }]);
    const unknown = await read({ "config.yaml": config, "jobs/a.yaml": presubmit("job_queue_name: wide") });
    expect(errors(unknown)).toMatchObject([{ code: "unknown-queue", line: 5 }]);
  });
});

describe("files", () => {
  it("are walked as Prow walks them, and counted, those of no component too", async () => {
    const reading = await read({
      "jobs/a.yaml": presubmit("annotations: {testgrid-tab-name: unit, description: Tests}"),
      "jobs/deep/b.yml": "presubmits:\n  tools/other:\n    - name: x\n      spec: {containers: [{command: [x]}]}\n",
      "jobs/..data/c.yaml": "not: [yaml",
      "jobs/deep/README.md": "no",
      "jobs/deep/ignored.yaml": "not: [yaml",
      "jobs/deep/.prowignore": "# what is left out\nignored*\n!kept.yaml\n",
      "jobs/d.yaml": gzipSync(periodic("interval: 1h", "extra_refs: [{org: tools, repo: greeter, base_ref: main}]")),
      "jobs/e.yaml": "",
      "jobs/f.yaml": "prow_ignored: {anything: [at, all]}\n",
    });
    expect(errors(reading)).toEqual([]);
    expect(reading.counts).toEqual({ presubmits: 2, postsubmits: 0, periodics: 1, inactive: 1 });
    expect(reading.jobs.map((job) => [job.name, job.origin, job.component])).toEqual([
      ["pull-unit", "jobs/a.yaml:3", "greeter"],
      ["nightly", "jobs/d.yaml:2", "greeter"],
    ]);
    expect(reading.jobs[0]?.annotations).toEqual({ "testgrid-tab-name": "unit", description: "Tests" });
  });

  it.each<[string, Readonly<Record<string, string | Uint8Array>>, string]>([
    ["of one name in two folders", { "jobs/x/a.yaml": "{}", "jobs/y/a.yaml": "{}" }, "duplicate-file-name"],
    ["that are not text", { "jobs/a.yaml": new Uint8Array([0xff, 0xfe, 0x00]) }, "not-text"],
    ["that are not YAML", { "jobs/a.yaml": "a: [b\nc: d" }, "not-yaml"],
    ["that are broken gzip", { "jobs/a.yaml": new Uint8Array([0x1f, 0x8b, 1, 2, 3]) }, "not-text"],
    ["with an alias of nothing", { "jobs/a.yaml": "a: *b" }, "not-yaml"],
    ["with an anchor in itself", { "jobs/a.yaml": "prow_ignored: &a [*a]" }, "not-yaml"],
  ])("%s are refused with their name", async (_what, files, code) => {
    expect(errors(await read(files))).toMatchObject([{ code, file: expect.stringContaining("a.yaml") }]);
  });

  it("that are not there are named", async () => {
    expect(errors(await read({}))).toMatchObject([{ code: "no-such-file", file: "jobs" }]);
  });

  it("are found by absolute paths too", async () => {
    await read({ "jobs/a.yaml": presubmit(), "config.yaml": "{}" });
    const elsewhere = await mkdtemp(join(tmpdir(), "prow-family-"));
    const paths = { config: join(folder, "config.yaml"), jobs: [join(folder, "jobs")] };
    const reading = await read({}, { folder: elsewhere, ...paths });
    await rm(elsewhere, { recursive: true });
    expect(reading.diagnostics).toEqual([]);
    expect(reading.jobs).toHaveLength(1);
  });

  it("that are folders where one file is wanted are named", async () => {
    const found = errors(await read({ "jobs/a.yaml": presubmit() }, { config: "jobs" }));
    expect(found).toMatchObject([{ code: "no-such-file", file: "jobs", message: "is no file that can be read" }]);
  });

  it("with one wrong job give no job at all", async () => {
    const reading = await read({ "jobs/a.yaml": presubmit(), "jobs/b.yaml": periodic() });
    expect([reading.jobs, errors(reading).length]).toEqual([[], 1]);
  });

  it("are read once while they stay the same, and a torn reading is made again", async () => {
    const cache = join(folder, "cache");
    const files = { "jobs/a.yaml": presubmit() };
    const first = await read(files, { cache });
    const [kept] = await readdir(cache);
    expect(await read(files, { cache })).toEqual(first);
    await writeFile(join(cache, kept ?? ""), "{");
    expect(await read(files, { cache })).toEqual(first);
    const other = await read({ "jobs/a.yaml": presubmit("optional: true") }, { cache });
    expect([other.jobs[0]?.optional, other.hash === first.hash]).toEqual([true, false]);
  });
});

describe("what is not acted on", () => {
  it("is told once, with its count and where it stands first", async () => {
    const reading = await read({
      "jobs/a.yaml": `${presubmit("cluster: big", "hidden: true", "colour: red")}    - name: pull-two\n      cluster: big\n      spec: ${good}\n`,
      "jobs/b.yaml": periodic("interval: 1h", "agent: tekton-pipeline").replace(/ {4}spec.*\n/, ""),
    });
    expect(errors(reading)).toEqual([]);
    expect(reading.diagnostics.map((each) => [each.code, each.file, each.line, each.message])).toEqual([
      ["unknown-key", "jobs/a.yaml", 7, expect.stringMatching(/^"colour" is ignored \(once\)/)],
      ["not-acted-on", "jobs/a.yaml", 5, expect.stringMatching(/^cluster \(2 times\)/)],
      ["not-acted-on", "jobs/a.yaml", 6, expect.stringMatching(/^hidden \(once\)/)],
      ["not-acted-on", "jobs/b.yaml", 4, expect.stringMatching(/^agent tekton-pipeline \(once\)/)],
    ]);
  });

  it("is told of decoration and pods too", async () => {
    const decoration = "decoration_config: {pod_unscheduled_timeout: 5m, gcs_configuration: {local_output_dir: /x}}";
    const spec =
      "{serviceAccountName: a, nodeSelector: {b: c}, containers: [{name: d, command: [e]}, {name: f, args: [g]}]}";
    const reading = await read({ "jobs/a.yaml": pod(spec, "decorate: true", decoration) });
    expect(errors(reading)).toEqual([]);
    expect(reading.diagnostics.map(({ line, message }) => [line, message.split(" (once)")[0]])).toEqual([
      [5, "decoration_config.pod_unscheduled_timeout"],
      [5, "decoration_config.gcs_configuration.local_output_dir"],
      [6, "spec.serviceAccountName"],
      [6, "spec.nodeSelector"],
      [6, "containers after the first"],
    ]);
  });
});

describe("scalars and keys, as Go reads them", () => {
  it("are YAML 1.1, become text where text is wanted, and keys match in any case", async () => {
    const reading = await read({
      "jobs/a.yaml": [
        "Presubmits:",
        "  tools/greeter:",
        "    - NAME: pull-unit",
        "      Optional: yes",
        "      skip_report: Off",
        "      always_run: true",
        "      always_run: false",
        "      spec:",
        "        Containers:",
        "          - Command: [echo, 1.10, 0777, yes, 0x10, 1_000, ~x]",
        "            env: [{NAME: A, value: 1e3}, {name: B, value: 12345678901234567890}]",
        "            resources: {limits: {cpu: 4, memory: 9Gi}}",
        "",
      ].join("\n"),
    });
    expect(errors(reading)).toEqual([]);
    const [job] = reading.jobs;
    expect([job?.optional, job?.skipReport, job?.alwaysRun]).toEqual([true, false, false]);
    expect(job?.body).toMatchObject({
      spec: {
        containers: [
          {
            command: ["echo", "1.1", "511", "true", "16", "1000", "~x"],
            env: [
              { name: "A", value: "1000" },
              { name: "B", value: "12345678901234567890" },
            ],
            resources: { limits: { cpu: "4", memory: "9Gi" } },
          },
        ],
      },
    });
  });

  it("merge keys fill what the mapping leaves out", async () => {
    const text = `prow_ignored:\n  base: &base {name: pull-unit, optional: true, spec: ${good}}\npresubmits:\n  tools/greeter:\n    - <<: *base\n      optional: false\n`;
    const reading = await read({ "jobs/a.yaml": text });
    expect(reading.jobs.map((job) => [job.name, job.optional])).toEqual([["pull-unit", false]]);
  });
});

describe("hostile input is read within bounds", () => {
  it("aliases that stand for billions of values", async () => {
    const levels = Array.from({ length: 30 }, (_, index) =>
      index === 0
        ? "l0: &l0 [x, x, x, x, x, x, x, x, x, x]"
        : `l${index}: &l${index} [${`*l${index - 1}, `.repeat(10)}]`,
    );
    const found = errors(
      await read({ "jobs/a.yaml": `prow_ignored:\n${levels.map((line) => `  ${line}`).join("\n")}\n` }),
    );
    expect(found).toMatchObject([{ code: "not-yaml", message: expect.stringContaining("5,000,000") }]);
  });

  it.each([
    ["a: &x [*x]\n", "the anchor x contains itself", 9],
    ["a: &x\n  b: &y\n    c: *x\n", "the anchor x contains itself", 9],
    ["a: *x\n", "there is no anchor x", 5],
  ])("anchors that go round, or name nothing: %j", async (text, message, column) => {
    const found = errors(await read({ "jobs/a.yaml": text }));
    expect(found).toMatchObject([{ code: "not-yaml", message, column }]);
  });

  it("a job file with a newline in its name, shown on one line", async () => {
    const found = errors(await read({ "jobs/a\nb.yaml": presubmit("max_concurrency: -1") }));
    expect(found).toMatchObject([{ code: "negative", line: 5 }]);
    expect(JSON.stringify(found)).toContain("a\\nb.yaml");
  });

  it("nesting without end", async () => {
    const found = errors(await read({ "jobs/a.yaml": `a: ${"[".repeat(10_000)}` }));
    expect(found).toMatchObject([{ code: "not-yaml" }]);
  });

  it("patterns that would hold up other engines", async () => {
    const reading = await read({ "jobs/a.yaml": presubmit('run_if_changed: "(a+)+$"', 'branches: ["(x|x)*y"]') });
    expect(errors(reading)).toEqual([]);
  });

  it("ten megabytes, and more errors than anybody reads", async () => {
    const job = "    - name: 'a b'\n";
    const found = errors(
      await read({ "jobs/a.yaml": `presubmits:\n  tools/greeter:\n${job.repeat(5000)}# ${"x".repeat(10_000_000)}\n` }),
    );
    expect(found.length).toBeLessThan(5300);
    expect(found.some((each) => each.code === "more-errors")).toBe(true);
  });

  it("100,000 jobs", async () => {
    const jobs = Array.from(
      { length: 100_000 },
      (_, index) => `  - {name: n${index}, interval: 1h, spec: {containers: [{command: [x]}]}}`,
    );
    const reading = await read({ "jobs/a.yaml": `periodics:\n${jobs.join("\n")}\n` });
    expect([reading.counts.periodics, errors(reading)]).toEqual([100_000, []]);
  }, 180_000);
});
