import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemIds } from "../../core/index.ts";
import { type BlobStore, type Descriptor, mediaTypes, openFsBlobStore } from "../../oci/index.ts";
import { takeImage } from "./take-image.ts";

let root: string;
let blobs: BlobStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pushed-image-"));
  blobs = await openFsBlobStore({ root, ids: systemIds });
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

const labels = { "org.opencontainers.image.revision": "c0ffee", "org.opencontainers.image.version": "v1.0.0" };

async function keep(value: unknown, mediaType: string): Promise<Descriptor> {
  return { mediaType, ...must(await blobs.write(Buffer.from(JSON.stringify(value)))) };
}
/** A tar without a member. */
const nothing = Buffer.alloc(1024);
const diffId = `sha256:${createHash("sha256").update(nothing).digest("hex")}`;

async function image(architecture: string, own: Readonly<Record<string, string>> = {}, diffIds = [diffId]) {
  const configuration = {
    os: "linux",
    architecture,
    "x-own": 1,
    config: { Labels: own, Entrypoint: ["/none"] },
    rootfs: { diff_ids: diffIds },
  };
  const config = await keep(configuration, mediaTypes.ociConfig);
  const layer = { mediaType: mediaTypes.ociLayerGzip, ...must(await blobs.write(gzipSync(nothing))) };
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [layer],
    annotations: { a: "b" },
  };
  return await keep(manifest, mediaTypes.ociManifest);
}
async function read(digest: string): Promise<Record<string, unknown>> {
  return JSON.parse(Buffer.from(must(await blobs.readAll(digest, 10_000))).toString());
}
const codeOf = (result: Awaited<ReturnType<typeof takeImage>>) =>
  result.ok ? "taken" : `${result.error.code}: ${result.error.message}`;

describe("an image that a script pushed", () => {
  it("gets the labels on every platform, keeps its layers and loses statements about the old bytes", async () => {
    const [one, two, statement] = [await image("amd64", { own: "x" }), await image("arm64"), await image("unknown")];
    const pushed = await keep(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [
          { ...one, platform: { os: "linux", architecture: "amd64" } },
          { ...two, platform: { os: "linux", architecture: "arm64" }, annotations: { kept: "yes" } },
          { ...statement, platform: { os: "unknown", architecture: "unknown" } },
        ],
      },
      mediaTypes.ociIndex,
    );
    const taken = must(await takeImage(blobs, pushed, labels));
    expect(taken.platforms.map(({ platform, diffIds }) => [platform.architecture, diffIds])).toEqual([
      ["amd64", [diffId]],
      ["arm64", [diffId]],
    ]);
    const missing = "the entrypoint /none is not in the image";
    expect(taken.warnings).toEqual([missing, missing, expect.stringContaining(statement.digest)]);
    const index = await read(taken.root.digest);
    expect(index["manifests"]).toEqual([
      expect.objectContaining({ digest: taken.platforms[0]?.digest, platform: { os: "linux", architecture: "amd64" } }),
      expect.objectContaining({ digest: taken.platforms[1]?.digest, annotations: { kept: "yes" } }),
    ]);
    const [before, after] = [await read(one.digest), await read(taken.platforms[0]?.digest ?? "")];
    expect([after["layers"], after["annotations"]]).toEqual([before["layers"], { a: "b" }]);
    const { config }: { config?: { digest: string } } = after;
    expect(await read(config?.digest ?? "")).toMatchObject({ "x-own": 1, config: { Labels: { own: "x", ...labels } } });
    expect(must(await takeImage(blobs, pushed, labels)).root).toEqual(taken.root);
  });

  it("is refused where it says that it is something else, or is no image", async () => {
    const lying = await image("amd64", { "org.opencontainers.image.revision": "beef" });
    expect(codeOf(await takeImage(blobs, lying, labels))).toBe(
      'refused: its label org.opencontainers.image.revision says "beef", not c0ffee',
    );
    const odd = await image("amd64", {}, []);
    expect(codeOf(await takeImage(blobs, odd, labels))).toMatch(/^bad-input: .* has 1 layers and 0 diff ids/);
    const other = await image("amd64", {}, [`sha256:${"0".repeat(64)}`]);
    expect(codeOf(await takeImage(blobs, other, labels))).toMatch(/^corrupt: .* its content is sha256:/);
    const config = await keep({}, mediaTypes.ociEmpty);
    const artifact = await keep(
      { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] },
      mediaTypes.ociManifest,
    );
    expect(codeOf(await takeImage(blobs, artifact, labels))).toMatch(/^bad-input: .* names no platform/);
    const empty = await keep({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }, mediaTypes.ociIndex);
    expect(codeOf(await takeImage(blobs, empty, labels))).toBe("bad-input: it holds no image of any platform");
  });
});
