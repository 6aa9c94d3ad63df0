import { describe, expect, it } from "vitest";
import { comparePinSets } from "./compare.ts";
import { type PinnedComponent, type PinSet, pinSetId } from "./model.ts";
import { type PinRecord, type PinSetWish, resolvePinSet, type WantedPin, withReplaced } from "./resolve.ts";

const digest = (mark: string) => `sha256:${mark.padEnd(64, "0")}`;

function component(name: string, version: string, mark: string, images = [name]): PinnedComponent {
  return {
    component: name,
    repository: `https://forge.example/family/${name}`,
    commit: mark.padEnd(40, "0"),
    version,
    from: version === "canary" ? "canary" : "release",
    run: `run-${name}-${version}`,
    images: images.map((image) => ({
      name: image,
      digest: digest(`${mark}1`),
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      size: 1,
      platforms: [{ platform: "linux/amd64", manifest: digest(`${mark}2`), config: digest(`${mark}3`) }],
    })),
  };
}

const known: readonly PinnedComponent[] = [
  component("attacher", "v1.0.0", "a1"),
  component("attacher", "v1.1.0", "a2"),
  component("attacher", "canary", "a3"),
  component("snapshotter", "v8.0.0", "b1", ["snapshotter", "snapshot-controller"]),
  component("snapshotter", "v8.1.0", "b2", ["snapshotter", "snapshot-controller"]),
  component("snapshotter", "canary", "b3", ["snapshotter"]),
];

const record: PinRecord = {
  released: (name, tag) => known.find((each) => each.component === name && each.version === tag),
  releasedBy: (name, wanted) =>
    known.find((each) => each.component === name && each.images.some((image) => image.digest === wanted)),
  canary: (name, tag) =>
    known.find((each) => each.component === name && each.from === "canary" && each.version === tag),
};

function pin(name: string, tag: string | undefined, more: Partial<WantedPin> = {}): WantedPin {
  const owner = name === "snapshot-controller" ? "snapshotter" : name === "socat" ? undefined : name;
  return { file: "deploy/all.yaml", line: 7, column: 16, name, tag, digest: undefined, owner, ...more };
}

function wish(pins: readonly WantedPin[], more: Partial<PinSetWish> = {}): PinSetWish {
  const deployment = { component: "driver", commit: "d".repeat(40), folder: "deploy" };
  return { family: "fam", deployment, pins, others: "pinned", replaced: [], ...more };
}

function versions(resolved: ReturnType<typeof resolvePinSet>): readonly string[] {
  if (!resolved.ok) return [`${resolved.error.code}: ${resolved.error.message}`];
  return resolved.value.components.map((each) => `${each.component} ${each.version} ${each.commit.slice(0, 2)}`);
}

const both = [pin("attacher", "v1.0.0"), pin("snapshotter", "v8.0.0"), pin("snapshot-controller", "v8.0.0")];

describe("resolving a pin set", () => {
  it("takes what the manifests pin, or the newest canaries of the same components, and nobody else's images", () => {
    const pins = [...both, pin("socat", "1.0.0")];
    expect(versions(resolvePinSet(wish(pins), record))).toEqual(["attacher v1.0.0 a1", "snapshotter v8.0.0 b1"]);
    const canaries = resolvePinSet(wish(pins.slice(0, 2), { others: "canary" }), record);
    expect(versions(canaries)).toEqual(["attacher canary a3", "snapshotter canary b3"]);
  });

  it("replaces one component whatever is pinned of it, and leaves all others", () => {
    const built = { ...component("attacher", "change-7", "c1"), from: "replaced" as const };
    const resolved = resolvePinSet(wish([pin("attacher", "v9.9.9"), ...both.slice(1)], { replaced: [built] }), record);
    expect(versions(resolved)).toEqual(["attacher change-7 c1", "snapshotter v8.0.0 b1"]);
  });

  it("finds a release by its digest, and refuses a digest that was never published under the tag", () => {
    const right = pin("attacher", undefined, { digest: digest("a21") });
    expect(versions(resolvePinSet(wish([right]), record))).toEqual(["attacher v1.1.0 a2"]);
    const perPlatform = pin("attacher", "v1.1.0", { digest: digest("a22") });
    expect(versions(resolvePinSet(wish([perPlatform]), record))).toEqual(["attacher v1.1.0 a2"]);
    const wrong = pin("attacher", "v1.1.0", { digest: digest("ff") });
    expect(versions(resolvePinSet(wish([wrong]), record))).toEqual([
      expect.stringMatching(/^refused: deploy\/all\.yaml:7 pins attacher v1\.1\.0 at sha256:ff0.* was published$/),
    ]);
  });

  it.each<[string, readonly WantedPin[], Partial<PinSetWish>, string]>([
    [
      "two versions of one component",
      [pin("snapshotter", "v8.0.0"), pin("snapshot-controller", "v8.1.0", { line: 9 })],
      {},
      "conflict: two versions of snapshotter are pinned: v8.0.0 at deploy/all.yaml:7, v8.1.0 at deploy/all.yaml:9",
    ],
    [
      "a version that Fairlead never published",
      [pin("attacher", "v3.0.0")],
      {},
      "not-found: deploy/all.yaml:7 pins attacher at v3.0.0, which Fairlead never published",
    ],
    [
      "an image that the canary does not have any more",
      [pin("snapshot-controller", "v8.0.0")],
      { others: "canary" },
      "not-found: deploy/all.yaml:7 starts snapshot-controller, and snapshotter canary has only snapshotter",
    ],
    [
      "a component without canary",
      [pin("resizer", "v1.0.0")],
      { others: "canary" },
      "not-found: resizer has no canary, and deploy/all.yaml:7 starts resizer",
    ],
    [
      "a replaced component that the deployment does not start",
      both.slice(1),
      { replaced: [component("attacher", "change-7", "c1")] },
      "not-found: driver at ddddddd, deploy starts no image of attacher, so it would test nothing of it",
    ],
    [
      "nothing of the family",
      [pin("socat", "1")],
      {},
      "not-found: driver at ddddddd, deploy names no image of a component of fam",
    ],
  ])("says %s", (_, pins, more, message) => {
    expect(versions(resolvePinSet(wish(pins, more), record))).toEqual([message]);
  });

  it("has the same id for the same set, whatever the order of the pins, and another for other digests", () => {
    const id = (pins: readonly WantedPin[]) => {
      const resolved = resolvePinSet(wish(pins), record);
      return resolved.ok ? pinSetId(resolved.value) : resolved.error.message;
    };
    expect(id(both)).toMatch(/^[0-9a-f]{64}$/);
    expect(id([...both].reverse())).toBe(id(both));
    expect(id([pin("attacher", "v1.1.0"), ...both.slice(1)])).not.toBe(id(both));
  });
});

describe("comparing pin sets", () => {
  it("names the components that differ, with the images whose bytes do", () => {
    const resolved = resolvePinSet(wish(both), record);
    const before: PinSet = resolved.ok ? resolved.value : expect.fail(resolved.error.message);
    const after = withReplaced(before, component("attacher", "v1.1.0", "a2"));
    expect(comparePinSets(before, before)).toEqual([]);
    const rebuilt = {
      ...component("snapshotter", "v8.0.0", "b1", ["snapshotter", "snapshot-controller"]),
      commit: "e",
    };
    const all = comparePinSets(before, withReplaced(after, rebuilt));
    expect(all.map((each) => [each.component, each.before?.version, each.after?.version, each.images])).toEqual([
      ["attacher", "v1.0.0", "v1.1.0", ["attacher"]],
      ["snapshotter", "v8.0.0", "v8.0.0", []],
    ]);
    const less = { ...before, components: before.components.slice(1) };
    expect(comparePinSets(before, less)).toEqual([
      { component: "attacher", before: before.components[0], after: undefined, images: ["attacher"] },
    ]);
  });
});
