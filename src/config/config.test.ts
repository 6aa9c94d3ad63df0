import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleComponent } from "../../test/fixtures/sample-model.ts";
import { readConventions } from "./conventions.ts";
import { readFamilyFile } from "./family-file.ts";
import { guessFamily } from "./family-guess.ts";
import { readReleaseFile } from "./release-file.ts";
import { repositoryNames } from "./repository-url.ts";

const rules = { "not-newer": { fixed: false }, "tag-moved": { fixed: true } };
const here = { os: "linux", architecture: "amd64" };
const read = (text: string) => readFamilyFile("fairlead.yaml", text, rules);
const good = `family: sample
components:
  greeter:
    repository: file:///srv/git/greeter
    images: [greeter]
  tools: {repository: "https://example.org/sample/tools", images: [alpha, beta]}
`;

describe("family file", () => {
  it("fills in what is left out", () => {
    const { family, diagnostics } = read(good);
    expect(diagnostics).toEqual([]);
    expect(family?.components[0]).toMatchObject({ org: "git", repo: "greeter", kind: "versioned", deployed: true });
    expect(family?.registries).toMatchObject({ canary: "builtin", release: ["builtin"] });
    expect(family?.configHash).toMatch(/^[0-9a-f]{64}$|^sha256:/);
  });

  const bad: readonly (readonly [string, string, number, number, string, RegExp | undefined])[] = [
    ["unknown key", `${good}regestries: {}\n`, 7, 1, "unknown-key", /registries/],
    ["unknown nested key", good.replace("images: [greeter]", "imags: [greeter]"), 5, 5, "unknown-key", /images/],
    ["wrong type", good.replace("[greeter]", "greeter"), 5, 13, "invalid", undefined],
    ["missing repository", "family: a\ncomponents:\n  b: {kind: internal}\n", 3, 6, "missing", undefined],
    ["duplicate component", `${good}  greeter:\n    repository: file:///x/y\n`, 7, 3, "duplicate-key", undefined],
    ["bad URL", good.replace("file:///srv/git/greeter", "ftp://x/y"), 4, 17, "bad-url", undefined],
    [
      "two components, one repository",
      good.replace("https://example.org/sample/tools", "file:///srv/git/greeter.git"),
      6,
      23,
      "duplicate-repository",
      undefined,
    ],
    ["one image, two owners", good.replace("[alpha, beta]", "[greeter]"), 6, 68, "image-owner", undefined],
    ["unknown kind", good.replace("images: [greeter]", "kind: libary"), 5, 11, "invalid", undefined],
    [
      "internal with images",
      good.replace("images: [greeter]", "images: [greeter]\n    kind: internal"),
      5,
      13,
      "internal-images",
      undefined,
    ],
    ["a version that YAML reads as a number", `${good}kubernetes: {versions: [1.36]}\n`, 7, 25, "invalid", undefined],
    [
      "experimental version not listed",
      `${good}kubernetes: {versions: ["1.36"], experimental: ["1.35"]}\n`,
      7,
      48,
      "unknown-version",
      /1\.36/,
    ],
    ["bad duration", good.replace("images: [greeter]", "jobs: {timeout: 2 hours}"), 5, 21, "invalid", undefined],
    ["bad pattern", good.replace("images: [greeter]", 'jobs: {skipBranches: ["("]}'), 5, 27, "invalid", undefined],
    ["forge that is not there", `${good}forge: {github: {}}\n`, 7, 17, "no-such-forge", /local/],
    ["mirror of another kind", `${good}results: {mirror: ["ftp://host/ci"]}\n`, 7, 20, "invalid", undefined],
    ["unknown rule", `${good}release: {policy: {not-never: warn}}\n`, 7, 31, "unknown-rule", /not-newer/],
    ["rule nobody may override", `${good}release: {policy: {tag-moved: warn}}\n`, 7, 31, "fixed-rule", undefined],
    ["not YAML", "family: [a\n", 2, 1, "bad-", undefined],
    ["empty", "", 1, 1, "empty", undefined],
  ];
  it.each(bad)("says where: %s", (_name, text, line, column, code, hint) => {
    const { family, diagnostics } = read(text);
    const first = diagnostics.find((diagnostic) => diagnostic.severity === "error");
    expect(family).toBeUndefined();
    expect(first?.code).toContain(code);
    expect([first?.line, first?.column]).toEqual([line, column]);
    if (hint) expect(first?.hint).toMatch(hint);
  });

  const cluster = "{namespace: runs, image: harbour.example/pod:1}";
  it.each<[string, string, readonly (readonly [string, string, number, number])[]]>([
    ["no cluster", "kind: kubernetes", [["error", "no-build-cluster", 8, 9]]],
    ["an empty list of them", "kind: kubernetes\n  clusters: {}", [["error", "no-build-cluster", 8, 9]]],
    ["none by default", `kind: kubernetes\n  clusters: {b1: ${cluster}}`, [["warning", "no-build-cluster", 9, 13]]],
    ["no image", "kind: kubernetes\n  clusters:\n    default: {namespace: runs}", [["error", "missing", 10, 14]]],
    [
      "a namespace that is none",
      "kind: kubernetes\n  clusters:\n    default: {namespace: Runs, image: a}",
      [["error", "invalid", 10, 26]],
    ],
    [
      "an option for an image",
      "kind: kubernetes\n  clusters:\n    default: {namespace: runs, image: --privileged}",
      [["error", "invalid", 10, 39]],
    ],
    [
      "a key that no cluster has",
      "kind: kubernetes\n  clusters:\n    default: {namespace: runs, image: a, networkPolicy: true}",
      [["error", "unknown-key", 10, 42]],
    ],
    [
      "an engine that is not used",
      `kind: kubernetes\n  clusters: {default: ${cluster}}\n  engine: podman`,
      [["warning", "unused", 10, 11]],
    ],
    ["clusters that are not used", `kind: process\n  clusters: {default: ${cluster}}`, [["warning", "unused", 9, 13]]],
    ["nothing", `kind: kubernetes\n  clusters: {default: ${cluster}}`, []],
  ])("says where pods have nowhere to run: %s", (_name, text, expected) => {
    const { family, diagnostics } = read(`${good}execute:\n  ${text}\n`);
    expect(diagnostics.map((each) => [each.severity, each.code, each.line, each.column])).toEqual(expected);
    expect(diagnostics.every((each) => each.file === "fairlead.yaml")).toBe(true);
    expect(family === undefined).toBe(expected.some(([severity]) => severity === "error"));
  });

  it("bounds aliases and never throws", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    expect(read(bomb).diagnostics[0]?.code).toBe("aliases");
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { diagnostics } = read(text);
        const lines = text.split("\n").length + 1;
        expect(diagnostics.every((each) => each.line >= 1 && each.line <= lines && each.column >= 1)).toBe(true);
      }),
    );
  });

  it("reads where results are mirrored to", () => {
    const mirror = "[copies, {to: s3://harbour-ci/results, endpoint: 'https://s3.example:9000', region: eu-1}]";
    expect(read(`${good}results: {mirror: ${mirror}}\n`).family?.resultMirrors).toEqual([
      { to: "copies" },
      { to: "s3://harbour-ci/results", endpoint: "https://s3.example:9000", region: "eu-1" },
    ]);
  });
});

describe("repository URLs", () => {
  it.each([
    ["https://github.com/kubernetes-csi/node-driver-registrar", "kubernetes-csi", "node-driver-registrar"],
    ["git@github.com:kubernetes-csi/external-attacher.git", "kubernetes-csi", "external-attacher"],
    ["file:///srv/git/greeter.git/", "git", "greeter"],
  ])("%s", (url, org, repo) => {
    const names = repositoryNames(url);
    expect(names.ok && names.value).toMatchObject({ org, repo });
  });
  it.each(["", "x", "/srv/git", "ext::sh -c id", "--upload-pack=x", "https://", "https://h/a/../..", "https://h/a b"])(
    "refuses %j",
    (url) => expect(repositoryNames(url).ok).toBe(false),
  );
});

describe("release configuration", () => {
  it("reads images, platforms and needs", () => {
    const configuration = readReleaseFile(
      "build: make all\ntest: |\n  # docker is not needed\n  go test ./...\nimages:\n  - name: a\n    platforms: [linux/arm64, {platform: windows/amd64, suffix: .exe}]\n",
      here,
    );
    expect(configuration.ok && configuration.value.needs).toEqual(["make", "go"]);
    expect(configuration.ok && configuration.value.images[0]?.platforms[1]).toMatchObject({ suffix: ".exe" });
  });
  it.each([
    ["bild: x\n", 1, 1, /build/],
    ["images:\n  - name: A\n", 2, 11, undefined],
    ["images:\n  - {name: a}\n  - {name: a}\n", 3, 12, undefined],
    ["files: [../x]\n", 1, 9, undefined],
  ])("says where: %j", (text, line, column, hint) => {
    const configuration = readReleaseFile(text, here);
    expect(!configuration.ok && configuration.error.place).toMatchObject({ file: ".fairlead.yaml", line, column });
    if (hint && !configuration.ok) expect(configuration.error.hint).toMatch(hint);
  });
});

describe("conventions", () => {
  const component = read(good).family?.components[0];
  const files = (all: Record<string, string>) => ({
    read: async (path: string) => all[path],
    list: async (prefix: string) => Object.keys(all).filter((path) => path.startsWith(`${prefix}/`)),
  });
  const csi = {
    Makefile: "CMDS=csi-a csi-b\nall: build\n\ninclude release-tools/build.make\n",
    ".prow.sh": "#! /bin/bash\n. release-tools/prow.sh\nmain\n",
    "cmd/csi-a/Dockerfile": "FROM scratch\n",
    Dockerfile: "FROM scratch\n",
  };
  async function conventions(all: Record<string, string>, cluster = false) {
    if (!component) throw new Error("no component");
    return await readConventions(files(all), component, { cluster, here });
  }

  it("takes make targets where clusters are opted out, else hands control to .prow.sh", async () => {
    const units = await conventions(csi);
    expect(units.ok && units.value).toMatchObject({
      build: "make all",
      test: "make -k test",
      needs: ["make", "go", "bash"],
    });
    expect(units.ok && units.value.images.map((image) => [image.name, image.dockerfile])).toEqual([
      ["csi-a", "cmd/csi-a/Dockerfile"],
      ["csi-b", "Dockerfile"],
    ]);
    const whole = await conventions(csi, true);
    expect(whole.ok && whole.value).toMatchObject({ build: undefined, test: "./.prow.sh" });
    expect(whole.ok && whole.value.needs).toContain("container-engine");
  });

  it("builds the platforms of release-tools, with the arguments that each Dockerfile declares", async () => {
    const platforms =
      "linux amd64 amd64; linux arm64 arm64 -arm64; linux arm arm/v7 -armv7; windows amd64 amd64 .exe nanoserver:ltsc2022 servercore:ltsc2022";
    const many = {
      ...csi,
      Dockerfile: "FROM base\nARG binary=./bin/csi-b\nCOPY ${binary} b\n",
      "release-tools/prow.sh": `configvar CSI_PROW_BUILD_PLATFORMS "${platforms}" "Go target platforms"\n`,
    };
    const read = await conventions(many);
    expect(read.ok && read.value.build).toBe(
      'make all "BUILD_PLATFORMS=linux amd64 amd64; linux arm64 arm64 -arm64; linux arm arm/v7 -armv7"',
    );
    // The Dockerfile of csi-a takes one binary whatever the platform, so there is one platform.
    expect(read.ok && read.value.images.map((image) => image.platforms.map((each) => each.args))).toEqual([
      [{}],
      [{ binary: "./bin/csi-b" }, { binary: "./bin/csi-b-arm64" }, { binary: "./bin/csi-b-armv7" }],
    ]);
    expect(read.ok && read.value.images[1]?.platforms[2]?.platform).toMatchObject({
      architecture: "arm",
      variant: "v7",
    });
    const windows = await conventions({
      ...many,
      "Dockerfile.Windows": "ARG BASE_IMAGE\nARG ADDON_IMAGE\nFROM ${BASE_IMAGE}\n",
    });
    expect(windows.ok && windows.value.images[1]?.platforms[3]).toEqual({
      platform: { os: "windows", architecture: "amd64", variant: undefined, osVersion: "ltsc2022" },
      dockerfile: "Dockerfile.Windows",
      args: { BASE_IMAGE: "nanoserver:ltsc2022", ADDON_IMAGE: "servercore:ltsc2022" },
      suffix: ".exe",
    });
    const old = await conventions({
      ...many,
      "release-tools/prow.sh": 'configvar CSI_PROW_BUILD_PLATFORMS "linux amd64; linux s390x -s390x" "x"\n',
    });
    expect(old.ok && old.value.images[1]?.platforms[1]).toMatchObject({
      platform: { architecture: "s390x" },
      suffix: "-s390x",
    });
    const odd = await conventions({ ...many, ".prow.sh": "CSI_PROW_BUILD_PLATFORMS='linux amd64; $(id)'\n" });
    expect(odd.ok && odd.value.build).toBe("make all");
  });

  it("says what to write where release-tools would test but no .prow.sh hands over", async () => {
    const { ".prow.sh": _, ...without } = csi;
    const read = await conventions(without);
    expect(!read.ok && read.error.hint).toContain("so add a .fairlead.yaml with `test: make test`");
  });

  it("takes what names many images of others for a deployment, not what shows how to start itself", async () => {
    const kindOf = async (images: readonly string[]) => {
      const manifest = images.map((image) => `      - image: registry.k8s.io/sig-storage/${image}:v1.2.3\n`).join("");
      const finding = {
        ...{ url: "https://example.org/o/c", component: "c", commits: 30, tags: ["v1.0.0"], defaultBranch: "main" },
        files: files({ ...csi, "deploy/kubernetes/a.yaml": manifest }),
      };
      return (await guessFamily({ value: "o", why: "x" }, [finding])).kinds["c"];
    };
    expect(await kindOf(["csi-a", "csi-provisioner", "hostpathplugin"])).toBe("versioned");
    expect(await kindOf(["csi-a", "csi-provisioner", "csi-attacher", "livenessprobe"])).toBe("deployment");
  });

  it("runs a plain .prow.sh and says what its sources start", async () => {
    const plain = await conventions({
      ".prow.sh": "#!/bin/sh\n. ./lib.sh\nrun\n",
      "lib.sh": "run() { docker build .; }\n",
    });
    expect(plain.ok && plain.value).toMatchObject({ test: "./.prow.sh", needs: ["container-engine"] });
  });

  it("fails with a way out where there is nothing to run", async () => {
    const nothing = await conventions({ "README.md": "hello" });
    expect(!nothing.ok && nothing.error.hint).toContain(".fairlead.yaml");
  });

  it("guesses a family that its own reader accepts", async () => {
    const finding = {
      url: "https://example.org/o/registrar",
      component: "registrar",
      commits: 1204,
      tags: ["v1.0.0"],
      defaultBranch: "master",
      files: files(csi),
    };
    const { text, kinds } = await guessFamily({ value: "o", why: "the organisation of the URLs" }, [finding]);
    expect(text).toContain("1,204 commits, 1 tags");
    expect(kinds).toEqual({ registrar: "versioned" });
    const reading = read(text);
    expect(reading.diagnostics).toEqual([]);
    expect(reading.family?.components[0]?.images).toEqual(["csi-a", "csi-b"]);
    expect(read((await guessFamily({ value: "o", why: "x" }, [])).text).family?.components).toEqual([]);
  });
});

describe("the Go that a repository without a release configuration asks for", () => {
  const script = (version: string) => `configvar CSI_PROW_GO_VERSION_BUILD ${version} "Go version" # comment\n`;
  it.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>]>([
    [
      "exactly that of prow.sh",
      { "release-tools/prow.sh": script('"1.26.6"'), "go.mod": "go 1.25.0\n" },
      { go: "1.26.6" },
    ],
    ["at least that of go.mod", { "go.mod": "module x\n\ngo 1.25.3\n" }, { go: ">=1.25.3" }],
    ["a line's first release", { "go.mod": "go 1.25\n" }, { go: ">=1.25.0" }],
    ["a line before 1.21", { "go.mod": "go 1.19\n" }, { go: ">=1.19" }],
    ["the toolchain line before the language's", { "go.mod": "go 1.24.0\ntoolchain go1.25.1\n" }, { go: ">=1.25.1" }],
    ["nothing that is no version", { "release-tools/prow.sh": script('"$(evil)"'), "go.mod": "go latest\n" }, {}],
    ["nothing without Go", {}, {}],
  ])("%s", async (_, files, toolchain) => {
    const all: Readonly<Record<string, string>> = { Makefile: "test:\n\ttrue\n", ...files };
    const read = await readConventions(
      { read: async (path) => all[path], list: async () => Object.keys(all) },
      sampleComponent(),
      { cluster: false, here },
    );
    expect(read).toMatchObject({ ok: true, value: { toolchain } });
  });
});
