import { describe, expect, it } from "vitest";
import { sampleContents, sampleHistory, samplePin, sampleTag } from "../../test/fixtures/sample-tag.ts";
import { must } from "../core/index.ts";
import { parseVersionTag } from "../family/index.ts";
import { askMeant, likelyMeant } from "./meant.ts";
import { defaultThresholds, type PlacedPin } from "./model.ts";
import { proposeVersion } from "./next-version.ts";
import { bumpAsked, pinChanges } from "./pin-changes.ts";
import { betterPin, pinStanding, releaseOfPin } from "./pin-standing.ts";
import { compareReplays, replay } from "./replay.ts";

const at = (deployment: string, ...pins: PlacedPin[]) => pins.map((pin) => ({ ...pin, deployment }));

describe("changes of pins", () => {
  it("are compared deployment by deployment, the highest of each image", () => {
    const before = [
      ...at("old", samplePin("waver", "v1.0.0")),
      ...at("new", samplePin("waver", "v2.0.0"), samplePin("waver", "v1.9.0"), samplePin("bower", "v0.9.0")),
      ...at("gone", samplePin("waver", "v0.1.0")),
    ];
    const after = [
      ...at("old", samplePin("waver", "v1.0.1")),
      ...at("new", samplePin("waver", "v2.1.0"), samplePin("dancer", "v1.0.0")),
      ...at("added", samplePin("waver", "v9.0.0")),
    ];
    const changes = pinChanges(before, after, "deployment");
    expect(changes.map(({ image, from, to, change, deployments }) => [image, from, to, change, deployments])).toEqual([
      ["bower", "v0.9.0", undefined, "removed", ["new"]],
      ["dancer", undefined, "v1.0.0", "added", ["new"]],
      ["waver", "v1.0.0", "v1.0.1", "patch", ["old"]],
      ["waver", "v2.0.0", "v2.1.0", "minor", ["new"]],
    ]);
    expect(bumpAsked(changes)).toBe("minor");
  });

  it("of one kind in several deployments are one change", () => {
    const both = (tag: string) => [...at("a", samplePin("waver", tag)), ...at("b", samplePin("waver", tag))];
    expect(pinChanges(both("v1.0.0"), both("v2.0.0"), "d")).toMatchObject([
      { change: "major", deployments: ["a", "b"] },
    ]);
  });

  it("leave out its own image and images of nobody", () => {
    const pins = (tag: string) => [samplePin("deployment", tag), samplePin("socat", tag, { owner: undefined })];
    expect(pinChanges(pins("v1.0.0"), pins("v2.0.0"), "deployment")).toEqual([]);
  });

  it("from a canary ask for nothing, and back to one are backwards", () => {
    const [canary, final] = [[samplePin("waver", "canary")], [samplePin("waver", "v1.0.0")]];
    expect(pinChanges(canary, final, "d")).toMatchObject([{ change: "unknown", backwards: false }]);
    expect(pinChanges(final, canary, "d")).toMatchObject([{ change: "unknown", backwards: true }]);
  });

  it("compute the next version, and say why", () => {
    const pins = (tag: string) => [samplePin("waver", tag)];
    const next = (to: string, own: "patch" | "minor") => proposeVersion("v1.4.2", pins("v2.1.0"), pins(to), "d", own);
    expect(next("v3.0.0", "patch")).toEqual({ version: "v2.0.0", reason: "waver v2.1.0 → v3.0.0 is a major" });
    expect(next("v2.2.0", "patch")).toEqual({ version: "v1.5.0", reason: "waver v2.1.0 → v2.2.0 is a minor" });
    expect(next("v2.1.1", "patch")).toEqual({ version: "v1.4.3", reason: "waver v2.1.0 → v2.1.1 is a patch" });
    expect(next("v2.1.1", "minor")).toEqual({ version: "v1.5.0", reason: "its own commits; the pins ask for less" });
    expect(next("v2.1.0", "minor")?.reason).toBe("its own commits; no pinned component changed");
  });
});

describe("a pin beside the releases", () => {
  const day = 86_400_000;
  const releases = [
    { tag: "v1.0.0", at: 0, digests: {} },
    { tag: "v1.1.0", at: 10 * day, digests: { waver: "sha256:b" } },
    { tag: "v2.0.0", at: 40 * day, digests: { waver: "sha256:c" } },
    { tag: "v3.0.0-rc1", at: 50 * day, digests: {} },
  ];

  it("is behind by releases and by days", () => {
    expect(pinStanding("v1.0.0", releases.slice(0, 3))).toEqual({
      newest: "v2.0.0",
      behindReleases: 2,
      behindDays: 40,
    });
    expect(pinStanding("v2.0.0", releases.slice(0, 3))).toMatchObject({ behindReleases: 0, behindDays: 0 });
    expect(pinStanding("canary", releases)).toEqual({
      newest: "v2.0.0",
      behindReleases: undefined,
      behindDays: undefined,
    });
    expect(pinStanding("v1.0.0", [])).toMatchObject({ newest: undefined });
  });

  it("by digest alone is the release with that digest", () => {
    expect(releaseOfPin({ name: "waver", tag: undefined, digest: "sha256:b" }, releases)).toBe("v1.1.0");
    expect(releaseOfPin({ name: "waver", tag: undefined, digest: "sha256:0" }, releases)).toBeUndefined();
  });

  it("gives way to the newest final, never to an older one or a candidate", () => {
    expect(betterPin("v1.0.0", releases)?.tag).toBe("v2.0.0");
    expect(betterPin("canary", releases)?.tag).toBe("v2.0.0");
    expect(betterPin("v2.0.0", releases)).toBeUndefined();
    expect(betterPin("v2.1.0-rc1", releases)).toBeUndefined();
  });
});

describe("what was probably meant", () => {
  it.each([
    ["v1.12.0", ["v2.11.0", "v1.3.0"], "v2.12.0"],
    ["v2.13.0", ["v2.11.0"], "v2.12.0"],
    ["v2.11.2", ["v2.11.0"], "v2.11.1"],
    ["v3.1.0", ["v2.11.0"], "v3.0.0"],
    ["v2.13.0-rc1", ["v2.11.0"], "v2.12.0-rc1"],
    ["v2.1.0", ["v2.1.3"], "v2.1.4"],
  ])("by %s after %j is %s", (tag, tags, meant) => {
    expect(likelyMeant(must(parseVersionTag(tag)), tags)).toBe(meant);
  });

  it("is said in words", () => {
    expect(askMeant(must(parseVersionTag("v1.12.0")), ["v2.11.0"])).toBe(
      "the last release is v2.11.0; did you mean v2.12.0?",
    );
    expect(askMeant(must(parseVersionTag("v1.12.0")), [])).toBe("start with v0.1.0 or v1.0.0");
  });
});

describe("replay", () => {
  const nothing = { severities: {}, thresholds: defaultThresholds };
  const past = { unknown: "not kept" };
  const tag = { ...sampleTag, actor: undefined, requiredContexts: past };
  const old = { ...tag, tag: "v1.2" };
  const plain = { history: { value: { ...sampleHistory, isMerge: false } } };
  const pinning = { ...sampleContents, pins: { value: [samplePin("greeter", "v1.1.0", { owner: "greeter" })] } };
  const both = { ...tag, tag: "v1.4.0", history: { value: { ...sampleHistory, isMerge: false, contents: pinning } } };

  it("counts by rule, and a refused tag once", () => {
    const report = replay([tag, old, { ...tag, ...plain }, both], nothing);
    expect(report).toMatchObject({
      releases: 4,
      refused: [
        { tag: "v1.2", rules: ["not-semver"] },
        { tag: "v1.4.0", rules: ["skipped-version"] },
      ],
      warned: [{ tag: "v1.2.0", rules: ["not-a-merge"], at: "2026-01-02T00:00:00.000Z" }],
      unchecked: ["checks-not-green", "not-maintainer"],
      uncheckedBecause: { "checks-not-green": { tags: 4, reason: "not kept" } },
    });
    expect(report.byRule).toEqual({
      "not-a-merge": { refused: 0, warned: 2, noted: 0 },
      "not-semver": { refused: 1, warned: 0, noted: 0 },
      "self-pin": { refused: 0, warned: 1, noted: 0 },
      "skipped-version": { refused: 1, warned: 0, noted: 0 },
    });
  });

  it("compares two policies tag by tag", () => {
    const stricter = { ...nothing, severities: { "not-a-merge": "refuse" as const } };
    expect(compareReplays([tag, old, { ...tag, ...plain }], nothing, stricter)).toEqual([
      { tag: "v1.2.0", first: "warn", second: "refuse", rules: ["not-a-merge"] },
    ]);
  });
});
