import { describe, expect, it } from "vitest";
import { basePinsIn, goPlaceIn, readGoMod, withReplaced } from "./go-mod.ts";

describe("a go.mod", () => {
  it("tells what its code uses itself, and what is replaced", () => {
    const text = [
      "module example.org/greeter // the module",
      "go 1.26.0",
      "toolchain go1.26.5",
      "require example.org/one v1.0.0",
      "require (",
      "\texample.org/two v2.1.0+incompatible",
      '\t"example.org/three/v3" v3.0.0 // used',
      "\texample.org/deep v0.1.0 // indirect",
      ")",
      "replace example.org/two => ../two",
      "exclude example.org/one v1.1.0",
    ].join("\n");
    expect(readGoMod(text)).toEqual({
      path: "example.org/greeter",
      requires: [
        { path: "example.org/one", version: "v1.0.0" },
        { path: "example.org/two", version: "v2.1.0+incompatible" },
        { path: "example.org/three/v3", version: "v3.0.0" },
      ],
      replaced: new Set(["example.org/two"]),
    });
    expect(readGoMod("# nothing\n")).toBeUndefined();
  });
});

describe("the Go that builds", () => {
  it.each([
    ["go.mod", "module m\ngo 1.26.0\ntoolchain go1.26.5\n", "module m\ngo 1.26.0\ntoolchain go1.26.6\n"],
    [".fairlead.yaml", "toolchain: { go: 1.26.5 }\ntest: make\n", "toolchain: { go: 1.26.6 }\ntest: make\n"],
    [".fairlead.yaml", "toolchain:\n  go: '1.26.5' # newest\n", "toolchain:\n  go: '1.26.6' # newest\n"],
    [
      "prow.sh",
      'configvar CSI_PROW_GO_VERSION_BUILD "1.26.5" "Go"\n',
      'configvar CSI_PROW_GO_VERSION_BUILD "1.26.6" "Go"\n',
    ],
  ])("is found and changed in %s, and nothing else is", (file, text, expected) => {
    const place = goPlaceIn(file, text);
    expect(place?.version).toBe("1.26.5");
    expect(withReplaced(text, place ? [{ ...place, to: "1.26.6" }] : [])).toBe(expected);
  });

  it.each([
    ["go.mod", "module m\ngo 1.26.5\n"],
    [".fairlead.yaml", "toolchain: {go: '>=1.26.0'}\n"],
    ["Makefile", "toolchain go1.26.5\n"],
  ])("is none in %s that asks for at least a version", (file, text) => {
    expect(goPlaceIn(file, text)).toBeUndefined();
  });
});

describe("base images by digest", () => {
  const one = `sha256:${"1".repeat(64)}`;
  const two = `sha256:${"2".repeat(64)}`;
  it("are found in FROM and in defaults of ARG, variables left alone", () => {
    const text = `ARG BASE=r.example/base:v1@${one}\nFROM --platform=linux/amd64 r.example/tools:1.2@${two} AS tools\nFROM $BASE\nFROM r.example/plain:v1\nFROM r.example/\${X}:v1@${one}\n`;
    const found = basePinsIn("Dockerfile", text);
    expect(found.map(({ reference, digest }) => [reference, digest])).toEqual([
      ["r.example/base:v1", one],
      ["r.example/tools:1.2", two],
    ]);
    const edited = withReplaced(
      text,
      found.map((pin) => ({ ...pin, to: two })),
    );
    expect(edited).toBe(text.replace(`ARG BASE=r.example/base:v1@${one}`, `ARG BASE=r.example/base:v1@${two}`));
  });
});
