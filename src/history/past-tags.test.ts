import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { historyAt, type Step } from "../../test/fixtures/git-history.ts";
import { sampleComponent, sampleFamily } from "../../test/fixtures/sample-model.ts";
import { must, systemClock } from "../core/index.ts";
import type { Component } from "../family/index.ts";
import { type BorrowedRepository, borrowRepository } from "../git/index.ts";
import { type PreflightFacts, policyFor, type ReplayReport, replay } from "../policy/index.ts";
import { familyHistory, strangerHistory } from "./family-history.ts";
import { pastTags } from "./past-tags.ts";

let root: string;
const open: BorrowedRepository[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fairlead-history-"));
});
afterAll(async () => {
  for (const each of open) await each.close();
  await rm(root, { recursive: true, force: true });
});

async function borrow(name: string, steps: readonly Step[]) {
  const found = must(await borrowRepository(historyAt(root, name, steps), root, systemClock));
  open.push(found);
  return found.repository;
}

async function factsOf(name: string, steps: readonly Step[], over: Partial<Component> = {}) {
  const component = sampleComponent({ name, images: undefined, ...over });
  const read = await pastTags(strangerHistory(component, await borrow(name, steps)));
  if ("unknown" in read) throw new Error(read.unknown);
  return read.value;
}

function judged(facts: readonly PreflightFacts[]): ReplayReport {
  return replay(facts, policyFor({ all: {}, byComponent: {} }, ""));
}

const rulesOf = (report: ReplayReport) =>
  Object.fromEntries([...report.refused, ...report.warned].map((each) => [each.tag, each.rules]));
const log = (...versions: string[]) => ({ "CHANGELOG.md": versions.map((each) => `## ${each}\n`).join("\n") });
const begin = { ".fairlead.yaml": "test: 'true'\n" };

describe("the tags of a repository", () => {
  it("are judged as of their time", async () => {
    const facts = await factsOf("times", [
      { branch: "main", files: { ...begin, ...log("v1.0.0") }, tags: ["v1.0.0"] },
      { branch: "release-1.0", from: "main", files: log("v1.0.1", "v1.0.0"), tags: ["v1.0.1"] },
      { branch: "main", files: { a: "1" }, tags: ["v1.0.2"] },
      { branch: "release-1.0", files: log("v1.0.3", "v1.0.0"), tags: ["v1.0.3", "v1.0.4", "client/v1.0.3"] },
      { branch: "main", files: log("v1.1.0"), tags: ["v1.1.0-rc1", "v1.1.0"] },
      { branch: "main", files: { b: "1" }, tags: ["1.2.0", "v1.3.0"] },
      { branch: "side", from: "release-1.0", files: { c: "1" }, tags: ["v1.2.0-test"] },
    ]);
    expect(facts.map((each) => each.tag)).not.toContain("client/v1.0.3");
    const report = judged(facts);
    expect(rulesOf(report)).toEqual({
      "v1.0.2": ["outside-branches", "patch-not-descendant", "changelog-missing"],
      // One release late: the patch before it was on the wrong branch.
      "v1.0.3": ["patch-not-descendant"],
      "v1.0.4": ["same-commit", "changelog-missing"],
      "1.2.0": ["not-semver"],
      "v1.3.0": ["changelog-missing"],
      "v1.2.0-test": ["outside-branches"],
    });
    expect(report.unchecked).toEqual(
      expect.arrayContaining(["checks-not-green", "frozen", "lanes-not-green", "not-maintainer"]),
    );
  });

  it("may be none, of no default branch, or on commits that no branch has", async () => {
    expect(await factsOf("none", [{ branch: "main", files: begin }])).toEqual([]);
    const facts = await factsOf("lost", [
      { branch: "other", files: begin, tags: ["v0.1.0"] },
      { branch: "gone", from: "other", files: { a: "" }, tags: ["v0.2.0"] },
    ]);
    expect(rulesOf(judged(facts))).toEqual({ "v0.1.0": ["outside-branches"], "v0.2.0": ["outside-branches"] });
  });

  it("say how images, rights, toolchain and clocks changed", async () => {
    const role = (verbs: string) =>
      `kind: ClusterRole\nmetadata: {name: waver}\nrules: [{apiGroups: [""], resources: [pods], verbs: [${verbs}]}]\n`;
    const images = (...names: string[]) => ({
      ".fairlead.yaml": `test: 'true'\ntoolchain: {go: "1.24.1"}\nimages: [${names.map((name) => `{name: ${name}}`).join(", ")}]\n`,
    });
    const facts = await factsOf("contents", [
      {
        branch: "main",
        files: { ...images("waver", "bower"), "deploy/rbac.yaml": role("get"), "go.mod": "module a\n\ngo 1.24.0\n" },
        tags: ["v1.0.0"],
        day: 20,
      },
      {
        branch: "release-1.0",
        from: "main",
        files: { "deploy/rbac.yaml": role("get, delete") },
        tags: ["v1.0.1"],
        day: 21,
      },
      { branch: "release-1.0", files: { a: "" }, tags: ["v1.0.2"], day: 2 },
      { branch: "main", files: { ...images("waver"), "go.mod": "module a\n\ngo 1.25.0\n" }, tags: ["v1.1.0"], day: 30 },
      { branch: "main", files: { b: "" }, tags: ["v2.0.0"], day: 31 },
    ]);
    const rules = rulesOf(judged(facts));
    expect(rules["v1.0.1"]).toEqual(["rbac-grown"]);
    expect(rules["v1.1.0"]).toEqual(["toolchain-older", "fewer-images"]);
    expect(rules["v2.0.0"]).toEqual(["toolchain-older"]);
    expect(rules["v1.0.2"]).toEqual(["older-than-predecessor"]);
  });
});

describe("a changelog", () => {
  it.each([
    ["one file", { "CHANGELOG.md": "# v1.1.1 (today)\n" }, true],
    ["a heading with a link", { "CHANGELOG.md": "## [1.1.1](https://a.example/)\n" }, true],
    ["a file of the line", { "CHANGELOG/CHANGELOG-1.1.md": "# Notes for v1.1.1\n" }, true],
    ["a file of the version", { "CHANGELOG-1.1.1.md": "# Notes\n" }, true],
    ["another version of the line", { "CHANGELOG-1.1.md": "# v1.1.0\n# v1.1.10\n# v1.1.1-rc1\n" }, false],
    ["text that is no heading", { "CHANGELOG.md": "v1.1.1 is fine\n" }, false],
    ["another file", { "README.md": "# v1.1.1\n" }, false],
  ])("has a heading for v1.1.1 in %s", async (what, files, heading) => {
    const facts = await factsOf(`log-${what.replaceAll(" ", "-")}`, [{ branch: "main", files, tags: ["v1.1.1"] }]);
    const history = facts[0]?.history;
    expect(history && "value" in history && history.value.contents.changelog.heading).toBe(heading);
  });
});

describe("a deployment's pins", () => {
  const pins = (...images: string[]) => images.map((image) => `- image: r.example/${image}\n`).join("");
  const files = (over: Readonly<Record<string, string | undefined>>) => ({
    ".fairlead.yaml": "test: 'true'\nimages: [{name: driver}]\npins: ['deploy/**/*.yaml']\n",
    ...over,
  });
  const kind = { kind: "deployment" as const };

  it("are seen through links, deployment by deployment", async () => {
    const facts = await factsOf(
      "links",
      [
        {
          branch: "main",
          files: files({
            "deploy/1.34/app/a.yaml": pins("waver:v1.0.0", "driver:v1.0.0"),
            "deploy/1.33/a.yaml": pins("waver:v0.9.0"),
            "deploy/note.md": "no manifest {{",
          }),
          links: {
            "deploy/latest": "1.35",
            "deploy/1.35": "1.34",
            "deploy/circle": "circle",
            "deploy/around": "../deploy",
            "deploy/out": "../../etc",
            "deploy/1.33/b.yaml": "../1.34/app/a.yaml",
            "deploy/from-root": "deploy/1.33",
          },
          tags: ["v1.0.0"],
        },
      ],
      kind,
    );
    const [history] = facts.map((each) => each.history);
    const read = history && "value" in history ? history.value.contents.pins : undefined;
    const seen = read && "value" in read ? read.value.map((pin) => `${pin.deployment} ${pin.name} ${pin.file}`) : [];
    expect(seen.sort()).toEqual([
      "1.33 driver deploy/1.34/app/a.yaml",
      "1.33 waver deploy/1.33/a.yaml",
      "1.33 waver deploy/1.34/app/a.yaml",
      ...["1.34", "1.35"].flatMap((name) => [
        `${name} driver deploy/1.34/app/a.yaml`,
        `${name} waver deploy/1.34/app/a.yaml`,
      ]),
      "from-root driver deploy/1.34/app/a.yaml",
      "from-root waver deploy/1.33/a.yaml",
      "from-root waver deploy/1.34/app/a.yaml",
      "latest driver deploy/1.34/app/a.yaml",
      "latest waver deploy/1.34/app/a.yaml",
    ]);
  });

  it("ask for a version, refuse what moves, and never go back", async () => {
    const at = (...images: string[]) => files({ "deploy/app.yaml": pins(...images) });
    const facts = await factsOf(
      "versions",
      [
        { branch: "main", files: at("waver:v1.0.0", "driver:v1.0.0"), tags: ["v1.0.0"] },
        { branch: "main", files: at("waver:v2.0.0", "driver:v1.1.0"), tags: ["v1.1.0"] },
        { branch: "release-1.1", from: "main", files: at("waver:v3.0.0", "driver:v1.1.1"), tags: ["v1.1.1"] },
        { branch: "main", files: at("waver:v1.9.0", "driver:v1.1.0"), tags: ["v1.2.0"] },
        { branch: "main", files: at("waver:canary", "driver:v1.3.0"), tags: ["v1.3.0"] },
        { branch: "main", files: { "deploy/app.yaml": "image: {{ .image }}\n" }, tags: ["v1.4.0"] },
      ],
      kind,
    );
    const report = judged(facts);
    expect(rulesOf(report)).toEqual({
      "v1.1.0": ["bump-strict"],
      "v1.1.1": ["bump-relaxed"],
      "v1.2.0": ["pin-backwards"],
      "v1.3.0": ["prerelease-pin", "pin-backwards"],
    });
    expect(report.uncheckedBecause["prerelease-pin"]).toMatchObject({ tags: 1 });
    expect(report.uncheckedBecause["prerelease-pin"]?.reason).toMatch(/^deploy\/app\.yaml:1:8: .*is a template/);
  });
});

describe("copies of an internal component", () => {
  it("are pristine or not, and so many merges behind", async () => {
    const tools = await borrow("tools", [
      { branch: "main", files: { "build.sh": "one\n" } },
      { branch: "main", files: { "build.sh": "two\n" }, day: 10 },
      { branch: "main", files: { "build.sh": "three\n" }, day: 11 },
    ]);
    const repository = await borrow("copies", [
      {
        branch: "main",
        files: {
          ".fairlead.yaml": "test: 'true'\nshared: {release-tools: tools}\n",
          "release-tools/build.sh": "one\n",
        },
        tags: ["v1.0.0"],
      },
      { branch: "main", files: { "release-tools/build.sh": "by hand\n" }, tags: ["v1.1.0"], day: 5 },
      { branch: "main", files: { "release-tools/build.sh": "one\n" }, tags: ["v1.2.0"], day: 12 },
    ]);
    const component = sampleComponent({ name: "copies", images: undefined });
    const shared = sampleComponent({ name: "tools", kind: "internal", images: undefined });
    const family = sampleFamily({ components: [component, shared] });
    const opener = async (other: Component) => (other.name === "tools" ? tools : repository);
    const read = await pastTags(familyHistory({ family, open: opener }, component, repository));
    const folders =
      "value" in read ? read.value.map((each) => ("value" in each.history ? each.history.value.shared : 0)) : [];
    const folder = { folder: "release-tools", component: "tools" };
    expect(folders).toEqual([
      { value: [{ ...folder, pristine: true, behind: 0 }] },
      { value: [{ ...folder, pristine: false, behind: 0 }] },
      { value: [{ ...folder, pristine: true, behind: 2 }] },
    ]);
  });
});
