import { describe, expect, it } from "vitest";
import { must } from "../../core/index.ts";
import { fixedFolderOf, pathPattern } from "./globs.ts";
import { editPins, readPins } from "./read-pins.ts";
import { readRbac } from "./read-rbac.ts";

const digest = `sha256:${"0".repeat(63)}`;
const manifest = `# the driver
apiVersion: v1
kind: Pod
spec:
  containers:
    - name: waver
      image: registry.example:5000/storage/waver:v1.2.0   # with the fix
    - {name: bower, image: "storage/bower:v0.9.0@${digest}1"}
---
spec:
  initContainers:
    - image: 'storage/dancer@${digest}2'
    - image: plain
`;

describe("pins", () => {
  it("are read from every document, with their places", () => {
    const pins = must(readPins("deploy/app.yaml", manifest));
    expect(
      pins.map(({ repository, name, tag, digest: by, line, column }) => [repository, name, tag, by, line, column]),
    ).toEqual([
      ["registry.example:5000/storage/waver", "waver", "v1.2.0", undefined, 7, 14],
      ["storage/bower", "bower", "v0.9.0", `${digest}1`, 8, 29],
      ["storage/dancer", "dancer", undefined, `${digest}2`, 12, 15],
      ["plain", "plain", undefined, undefined, 13, 14],
    ]);
  });

  it("are edited in place: comments, order and quotes stay, and tag and digest change together", () => {
    const [waver, bower, dancer] = must(readPins("deploy/app.yaml", manifest));
    if (!waver || !bower || !dancer) throw new Error("three pins are expected");
    const edited = editPins(manifest, [
      { pin: waver, tag: "v2.0.0", digest: undefined },
      { pin: dancer, tag: undefined, digest: `${digest}4` },
      { pin: bower, tag: "v1.0.0", digest: `${digest}3` },
    ]);
    expect(edited).toBe(
      manifest
        .replace("waver:v1.2.0", "waver:v2.0.0")
        .replace(`bower:v0.9.0@${digest}1`, `bower:v1.0.0@${digest}3`)
        .replace(`${digest}2`, `${digest}4`),
    );
  });

  it.each([
    ["no YAML", "kind: Pod\nspec: [a\n", /^app\.yaml is not YAML/, 3],
    ["a template between tags", "kind: Pod\n{{ if .Values.a }}\nimage: a:v1\n{{ end }}\n", /is a template/, 2],
    ["a template as value", "image: {{ .Values.image }}\n", /is a template/, 1],
    ["a template in quotes", 'spec:\n  image: "{{ .Values.image }}:v1.0.0"\n', /is a template/, 2],
    ["a variable", "image: storage/waver:${TAG}\n", /is a template/, 1],
    ["a reference that is none", "spec:\n- image: storage/Waver:v1\n", /is no image reference/, 2],
    ["a value over several lines", 'image: "storage/\n  waver:v1"\n', /is no image reference/, 1],
    ["a reference of option-like text", "image: --upload-pack=x\n", /is no image reference/, 1],
  ])("are refused with their place in %s", (_what, text, message, line) => {
    const read = readPins("app.yaml", text);
    if (read.ok) throw new Error(`was read: ${JSON.stringify(read.value)}`);
    expect(read.error.message).toMatch(message);
    expect(read.error).toMatchObject({ code: "bad-input", place: { file: "app.yaml", line } });
  });

  it("are bounded", () => {
    expect(readPins("app.yaml", `# ${"x".repeat(1024 * 1024)}\n`)).toMatchObject({
      ok: false,
      error: { code: "limit" },
    });
    expect(readPins("app.yaml", "- image: a:v1\n".repeat(2001))).toMatchObject({ ok: false, error: { code: "limit" } });
  });

  it("may be none", () => {
    expect(must(readPins("app.yaml", "# nothing\n"))).toEqual([]);
    expect(must(readPins("app.yaml", "image: {repository: a, tag: v1}\nimages: a:v1\n"))).toEqual([]);
  });
});

describe("the patterns of pins", () => {
  it.each([
    ["deploy/*.yaml", "deploy", ["deploy/a.yaml"], ["deploy/b/a.yaml", "deploy/a.yml", "x/deploy/a.yaml"]],
    ["deploy/**/*.yaml", "deploy", ["deploy/a.yaml", "deploy/b/c/a.yaml"], ["deploya.yaml"]],
    ["deploy/{a,b}/app.{yaml,patch}", "deploy", ["deploy/a/app.yaml", "deploy/b/app.patch"], ["deploy/c/app.yaml"]],
    ["app?.yaml", "", ["app1.yaml"], ["app.yaml", "app/.yaml"]],
    ["a+b/c(1).yaml", "a+b", ["a+b/c(1).yaml"], ["aab/c1.yaml"]],
  ])("%s", (glob, folder, inside, outside) => {
    const pattern = must(pathPattern(glob));
    expect(inside.filter((path) => !pattern.matches(path))).toEqual([]);
    expect(outside.filter((path) => pattern.matches(path))).toEqual([]);
    expect(fixedFolderOf(glob)).toBe(folder);
  });

  it("say when they are malformed", () => {
    expect(pathPattern("deploy/{a,b.yaml")).toMatchObject({ ok: false, error: { code: "bad-input" } });
  });
});

describe("rights", () => {
  it("are what roles allow, and nothing else", () => {
    const text = `
kind: ClusterRole
metadata: {name: waver}
rules:
  - {apiGroups: ["", apps], resources: [pods], verbs: [get]}
  - {nonResourceURLs: [/healthz], verbs: [get]}
---
kind: RoleBinding
metadata: {name: waver}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
`;
    expect(must(readRbac("rbac.yaml", text))).toEqual([
      "ClusterRole waver: /healthz get",
      "ClusterRole waver: /pods get",
      "ClusterRole waver: apps/pods get",
    ]);
  });
});
