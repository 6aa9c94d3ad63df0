import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock, systemIds } from "../../src/core/index.ts";
import {
  createRegistryClient,
  createRemoteRegistry,
  type Descriptor,
  mediaTypes,
  pullToLayout,
} from "../../src/oci/index.ts";
import { createCollector } from "../../src/registry/index.ts";
import { dockerRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { programPath, run } from "../fixtures/programs.ts";
import { digestOf, type ServedRegistry, serveRegistry } from "../fixtures/served-registry.ts";

const skopeo = programPath("skopeo");
const buildah = programPath("buildah");
let registry: ServedRegistry;

beforeAll(async () => {
  registry = await serveRegistry();
});
afterAll(async () => await registry.close());

/** An image of one layer with random bytes, as a layout that real clients read. */
async function writeImageLayout(folder: string, bytes: number): Promise<Descriptor> {
  const layer = randomBytes(bytes);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: mediaTypes.ociLayerTar, digest: digestOf(layer), size: layer.length }],
    }),
  );
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length };
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  for (const part of [layer, config, manifest])
    await writeFile(join(folder, "blobs", ...digestOf(part).split(":")), part);
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
  return descriptor;
}

describe.skipIf(!skopeo)("skopeo and the collector (skipped where skopeo is not installed)", () => {
  it("finds an image whole that was pushed while blobs were collected", async () => {
    const folder = join(registry.root, "collected");
    await writeImageLayout(folder, 5_000_000);
    const collector = createCollector({ store: registry.store, blobs: registry.blobs, clock: systemClock });
    const copying = run(skopeo ?? "", [
      "copy",
      "--dest-tls-verify=false",
      "--dest-creds=x:fl_admin",
      `oci:${folder}`,
      `docker://${registry.host}/fam/collected:one`,
    ]);
    let copied: Awaited<typeof copying> | undefined;
    void copying.then((ended) => {
      copied = ended;
    });
    while (!copied) must(await collector.collect());
    expect([copied.code, copied.stderr]).toEqual([0, ""]);
    const client = createRegistryClient({ clock: systemClock });
    const image = `${registry.host}/fam/collected:one`;
    const pulled = must(await pullToLayout({ client, ids: systemIds }, image, join(registry.root, "whole")));
    expect(pulled.blobs).toBe(3);
  });
});

describe.skipIf(!buildah)("buildah (skipped where buildah is not installed)", () => {
  it("pushes what it made from nothing, and pulls it again", async () => {
    const storage = [
      "--root",
      join(registry.root, "buildah"),
      "--runroot",
      join(registry.root, "buildah-run"),
      "--storage-driver",
      "vfs",
    ];
    const call = (...args: string[]) => run(buildah ?? "", [...storage, ...args]);
    const made = await call("from", "scratch");
    expect([made.code, made.stderr]).toEqual([0, ""]);
    await writeFile(join(registry.root, "hello"), "hello");
    expect((await call("copy", made.stdout.trim(), join(registry.root, "hello"), "/hello")).code).toBe(0);
    expect((await call("commit", made.stdout.trim(), "trial")).code).toBe(0);
    const image = `docker://${registry.host}/fam/greeter:v9.0.0`;
    const refused = await call("push", "--tls-verify=false", "trial", image);
    expect(refused.code).not.toBe(0);
    const pushed = await call("push", "--tls-verify=false", "--creds=x:fl_admin", "trial", image);
    expect([pushed.code, pushed.stderr.includes("rror")]).toEqual([0, false]);
    expect((await call("pull", "--tls-verify=false", image)).code).toBe(0);
    await call("rm", "--all");
  });
});

describe.skipIf(!dockerRegistry)("Debian's docker-registry (skipped where it is not installed)", () => {
  it("takes our images, keeps a version from us and gives them back", async () => {
    const second = await serveDockerRegistry(join(registry.root, "second"));
    try {
      const other = second.host;
      const roots = [];
      for (const mark of ["a", "b"]) {
        const descriptor = await writeImageLayout(join(registry.root, `image-${mark}`), 3_000_000);
        const index = JSON.parse(await readFile(join(registry.root, `image-${mark}`, "index.json"), "utf8"));
        expect(index.manifests[0].digest).toBe(descriptor.digest);
        await takeIn(join(registry.root, `image-${mark}`));
        roots.push(descriptor);
      }
      const [one, two] = roots;
      if (!one || !two) throw new Error("no images");
      const client = createRegistryClient({ clock: systemClock });
      const remote = createRemoteRegistry({ name: `${other}/folder`, client, blobs: registry.blobs });
      for (const image of [one, one, two]) must(await remote.push("fam/x", { root: image }));
      must(await remote.tag("fam/x", "v1.0.0", one, "immutable"));
      must(await remote.tag("fam/x", "v1.0.0", one, "immutable"));
      const refused = await remote.tag("fam/x", "v1.0.0", two, "immutable");
      expect(refused.ok ? "tagged" : refused.error.code).toBe("refused");
      must(await remote.tag("fam/x", "canary", one, "moving"));
      must(await remote.tag("fam/x", "canary", two, "moving"));
      expect(must(await remote.resolve("fam/x", "v1.0.0"))?.digest).toBe(one.digest);
      expect(must(await remote.resolve("fam/x", "canary"))?.digest).toBe(two.digest);
      expect(must(await remote.resolve("fam/x", "none"))).toBeUndefined();
      const image = `${other}/folder/fam/x:v1.0.0`;
      const pulled = must(await pullToLayout({ client, ids: systemIds }, image, join(registry.root, "from-second")));
      expect([pulled.digest, pulled.bytes > 3_000_000]).toEqual([one.digest, true]);
    } finally {
      await second.stop();
    }
  });
});

async function takeIn(layout: string): Promise<void> {
  const { manifests } = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  const read = async (digest: string) => await readFile(join(layout, "blobs", ...digest.split(":")));
  const manifest = await read(manifests[0].digest);
  const parsed = JSON.parse(manifest.toString());
  must(await registry.blobs.write(manifest));
  for (const each of [parsed.config, ...parsed.layers]) must(await registry.blobs.write(await read(each.digest)));
}
