import { describe, expect, it } from "vitest";
import { clustersInRepo, type InRepoRequest, isInRepoEnabled, readInRepoJobs } from "./in-repo.ts";
import { findInRepoFiles, inRepoVersion } from "./in-repo-files.ts";

const secretPreset = {
  labels: { "preset-deploy": "true" },
  pairs: [["preset-deploy", "true"]] as const,
  env: [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "deploy", key: "token" } } }],
  volumes: [{ name: "deploy", secret: { secretName: "deploy" } }],
  volumeMounts: [{ name: "deploy", mountPath: "/etc/deploy" }],
  tolerations: [],
};
const plainPreset = {
  ...secretPreset,
  labels: { a: "b" },
  pairs: [["a", "b"]] as const,
  volumes: [],
  volumeMounts: [],
};

async function read(text: string, limits: Partial<InRepoRequest["limits"]> = {}) {
  return await readInRepoJobs({
    files: [{ name: ".prow.yaml", bytes: Buffer.from(text) }],
    repository: "tools/greeter",
    component: "greeter",
    around: {
      presets: [secretPreset, { ...plainPreset, env: [{ name: "GREETING", value: "hello" }] }],
      decorationDefaults: [],
      decorateAll: false,
      podNamespace: "default",
      queues: undefined,
    },
    limits: { clusters: ["default"], secrets: [], names: ["family-pr"], contexts: ["family-pr"], ...limits },
    worker: undefined,
  });
}

const job = (spec: string, ...more: string[]) =>
  ["presubmits:", "  - name: own", ...more.map((line) => `    ${line}`), `    spec: ${spec}`, ""].join("\n");
const good = "{containers: [{command: [make]}]}";

describe("jobs of a repository", () => {
  it("are lists, completed with the family's presets and their own", async () => {
    const text = `presets:\n  - labels: {own: "1"}\n    env: [{name: OWN, value: x}]\n${job(good, 'labels: {a: b, own: "1"}')}`;
    const { jobs, diagnostics } = await read(text);
    expect(diagnostics).toEqual([]);
    expect(jobs).toMatchObject([
      {
        name: "own",
        type: "presubmit",
        component: "greeter",
        repository: "tools/greeter",
        inRepo: true,
        origin: ".prow.yaml:5",
        body: { spec: { containers: [{ env: [{ name: "GREETING" }, { name: "OWN", value: "x" }] }] } },
      },
    ]);
  });

  it.each<[string, string, string, number]>([
    ["a name of the family", job(good).replace("own", "family-pr"), "the name family-pr belongs", 2],
    ["a context of the family", job(good, "context: family-pr"), "the context family-pr belongs", 3],
    ["another cluster", job(good, "cluster: trusted"), "the cluster trusted is not for", 3],
    ["another agent", job(good, "agent: jenkins"), "have the agent kubernetes", 3],
    ["privileges", job("{containers: [{command: [a], securityContext: {privileged: true}}]}"), "never privileged", 3],
    [
      "capabilities",
      job("{containers: [{command: [a], securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}"),
      "gets no capabilities",
      3,
    ],
    [
      "escalation",
      job("{containers: [{command: [a], securityContext: {allowPrivilegeEscalation: true}}]}"),
      "gains no privileges",
      3,
    ],
    ["the host's network", job("{hostNetwork: true, containers: [{command: [a]}]}"), "hostNetwork is not for", 3],
    ["a service account", job("{serviceAccountName: x, containers: [{command: [a]}]}"), "serviceAccountName is not", 3],
    [
      "a path of the host",
      job("{volumes: [{name: h, hostPath: {path: /}}], containers: [{command: [a]}]}"),
      "a volume of kind hostPath is not for",
      3,
    ],
    [
      "a secret as volume",
      job("{volumes: [{name: h, secret: {secretName: deploy}}], containers: [{command: [a]}]}"),
      "the secret deploy is not for",
      3,
    ],
    [
      "projected volumes",
      job("{volumes: [{name: h, projected: {sources: []}}], containers: [{command: [a]}]}"),
      "a volume of kind projected",
      3,
    ],
    [
      "a secret as variable",
      job("{containers: [{command: [a], env: [{name: T, valueFrom: {secretKeyRef: {name: deploy, key: t}}}]}]}"),
      "the secret deploy is not for",
      3,
    ],
    [
      "a secret as all variables",
      job("{containers: [{command: [a], envFrom: [{secretRef: {name: deploy}}]}]}"),
      "the secret deploy is not for",
      3,
    ],
    [
      "a preset with secrets",
      job(good, "labels: {preset-deploy: 'true'}"),
      "the preset preset-deploy: true brings the secret deploy",
      3,
    ],
    [
      "decoration that reaches beyond the run",
      job(good, "decoration_config: {gcs_credentials_secret: x}"),
      "gcs_credentials_secret of decoration_config is the family's to set",
      3,
    ],
    ["periodics", "periodics:\n  - name: own\n", "periodics stand in the family's files", 2],
    ["a map of repositories", "presubmits:\n  tools/greeter: []\n", "presubmits wants a list", 2],
    ["a job that is wrong by itself", job(good, "max_concurrency: -1"), "max_concurrency is negative", 3],
    ["one name twice", `${job(good)}  - name: own\n    spec: ${good}\n`, "own is defined twice", 4],
    [
      "a preset's pair twice",
      `presets:\n  - labels: {a: b}\n${job(good)}`,
      "the label a: b belongs to another preset",
      2,
    ],
  ])("that want %s are refused, with the place", async (_what, text, message, line) => {
    const { jobs, diagnostics } = await read(text);
    expect(jobs).toEqual([]);
    const errors = diagnostics.filter((each) => each.severity === "error");
    expect(errors[0]?.message).toContain(message);
    expect(errors[0]).toMatchObject({ file: ".prow.yaml", line });
  });

  it("may have what the family lists", async () => {
    const spec = "{volumes: [{name: h, secret: {secretName: deploy}}], containers: [{command: [a]}]}";
    const { jobs } = await read(job(spec, "cluster: big"), { secrets: ["deploy"], clusters: ["big"] });
    expect(jobs).toHaveLength(1);
  });

  it("are bounded: aliases that stand for more than people write, and hundreds of jobs", async () => {
    const bomb = [
      "prow_ignored:",
      "  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
      ..."bcdef".split("").map((name, index) => {
        const before = "abcde"[index];
        return `  ${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(", ")}]`;
      }),
      "",
    ].join("\n");
    const bombed = await read(bomb);
    expect(bombed.diagnostics[0]).toMatchObject({ code: "not-yaml", message: expect.stringContaining("200,000") });
    const many = `presubmits:\n${Array.from({ length: 501 }, (_, n) => `  - {name: own-${n}, spec: ${good}}\n`).join("")}`;
    expect((await read(many)).diagnostics).toMatchObject([{ code: "too-many-jobs" }]);
  });
});

describe("whether a repository brings jobs", () => {
  const greeter = { name: "greeter", org: "tools", repo: "greeter" };
  it.each([
    [false, [{}]],
    [true, [{ "*": true }]],
    [false, [{ "*": true, tools: false }]],
    [true, [{ "*": false, tools: false, "tools/greeter": true }]],
    [true, [{ tools: false, greeter: true }]],
    [false, [{ "tools/greeter": false }, { "tools/greeter": true }]],
    [true, [{ "*": false }, { tools: true }]],
  ])("is %s by %j", (enabled, maps) => {
    expect(isInRepoEnabled(greeter, maps)).toBe(enabled);
  });

  it("and on which clusters", () => {
    expect(clustersInRepo(greeter, {})).toEqual(["default"]);
    expect(clustersInRepo(greeter, { "*": ["default"], tools: ["big"], other: ["x"] })).toEqual(["default", "big"]);
    expect(clustersInRepo(greeter, { other: ["x"] })).toEqual([]);
  });
});

describe("the files of a revision", () => {
  const tree = (files: Readonly<Record<string, string>>) => ({
    list: async (folder: string) => {
      const below = Object.keys(files).filter((path) => folder === "" || path.startsWith(`${folder}/`));
      const names = new Map<string, "file" | "folder">();
      for (const path of below) {
        const [name = "", ...rest] = path.slice(folder === "" ? 0 : folder.length + 1).split("/");
        names.set(name, rest.length === 0 ? "file" : "folder");
      }
      return [...names].map(([name, kind]) => ({ name, kind, id: `${folder}/${name}` }));
    },
    read: async (path: string, limit: number) => {
      const text = files[path];
      return text !== undefined && text.length <= limit ? text : undefined;
    },
  });
  const names = async (files: Readonly<Record<string, string>>) =>
    (await findInRepoFiles(tree(files))).files.map((file) => file.name);

  it("are those of the folder, else the one file; what .prowignore names is left out", async () => {
    expect(await names({ ".prow.yaml": "a", other: "b" })).toEqual([".prow.yaml"]);
    const folder = { ".prow/a.yaml": "", ".prow/b/c.yml": "", ".prow/d.txt": "", ".prow.yaml": "" };
    expect(await names(folder)).toEqual([".prow/a.yaml", ".prow/b/c.yml"]);
    expect(await names({ ...folder, ".prowignore": "b/\n" })).toEqual([".prow/a.yaml"]);
    expect(await inRepoVersion(tree(folder))).toBe("/.prow ");
    expect(await inRepoVersion(tree({ ".prow.yaml": "", ".prowignore": "" }))).toBe("/.prow.yaml /.prowignore");
    expect(await inRepoVersion(tree({ README: "" }))).toBeUndefined();
  });

  it("are at most 1 MiB, 200 files and eight folders deep", async () => {
    const problem = async (files: Readonly<Record<string, string>>) => (await findInRepoFiles(tree(files))).problem;
    const half = "x".repeat(600_000);
    expect(await problem({ ".prow/a.yaml": half, ".prow/b.yaml": half })).toMatchObject({
      file: ".prow/b.yaml",
      code: "too-large",
    });
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`.prow/${n}.yaml`, ""]));
    expect(await problem(many)).toMatchObject({ code: "too-many-files", message: "more than 200 files" });
    expect(await problem({ [`.prow/${"a/".repeat(9)}x.yaml`]: "" })).toMatchObject({ code: "too-many-files" });
  });
});
