import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemClock, systemIds } from "../core/index.ts";
import { type Descriptor, mediaTypes, openFsBlobStore, type SweepableBlobStore } from "../oci/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { type Collector, createCollector } from "./collector.ts";
import { createBuiltinRegistry } from "./publisher.ts";

let root: string;
let store: Store;
let blobs: SweepableBlobStore;
let collector: Collector;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "collector-"));
  store = await openStore("sqlite::memory:");
  blobs = await openFsBlobStore({ root, ids: systemIds });
  collector = createCollector({ store, blobs, clock: systemClock });
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

async function keep(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  return { mediaType, ...must(await blobs.write(bytes)) };
}

async function document(value: unknown, mediaType: string): Promise<Descriptor> {
  return await keep(Buffer.from(JSON.stringify(value)), mediaType);
}

async function image(mark: string) {
  const config = await document({ mark }, mediaTypes.ociConfig);
  const layer = await keep(Buffer.from(`layer of ${mark}`), mediaTypes.ociLayerTar);
  const manifest = await document(
    { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] },
    mediaTypes.ociManifest,
  );
  const index = await document(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [manifest] },
    mediaTypes.ociIndex,
  );
  return { root: index, all: [config, layer, manifest, index].map((each) => each.digest) };
}

async function ageAll(): Promise<void> {
  const then = systemClock.now() / 1000 - 48 * 3600;
  for await (const { digest } of blobs.list()) await utimes(blobs.pathOf(digest), then, then);
}

async function left(): Promise<readonly string[]> {
  const digests = [];
  for await (const { digest } of blobs.list()) digests.push(digest);
  return digests.sort();
}

describe("the collector", () => {
  it("keeps what a pushed image, a canary or a run needs, and removes the rest after the grace", async () => {
    const pushed = await image("pushed");
    const canary = await image("canary");
    const built = await image("built");
    const abandoned = await image("abandoned");
    const registry = createBuiltinRegistry({ store, blobs, clock: systemClock });
    must(await registry.push("fam/x", { root: pushed.root }));
    const at = systemClock.now();
    await store.db
      .insertInto("canaries")
      .values({
        component: "x",
        image: "x",
        tag: "canary",
        digest: canary.root.digest,
        commit_id: "c",
        run_id: "r",
        at,
      })
      .execute();
    await store.db
      .insertInto("built_images")
      .values({
        run_id: "r",
        name: "x",
        digest: built.root.digest,
        media_type: built.root.mediaType,
        size: built.root.size,
        platforms: "[]",
        warnings: "[]",
        at,
      })
      .execute();
    expect(must(await collector.collect()).deleted.blobs).toBe(0);
    await ageAll();
    expect(must(await collector.collect()).deleted.blobs).toBe(abandoned.all.length);
    expect(await left()).toEqual([...pushed.all, ...canary.all, ...built.all].sort());
    expect((await collector.usage()).blobs).toBe(12);
  });

  it("leaves a blob to whoever was just told that it is there", async () => {
    const { all } = await image("being pushed");
    await ageAll();
    const [config = ""] = all;
    expect(await blobs.sizeOf(config)).toBeGreaterThan(0);
    expect(must(await collector.collect()).deleted.blobs).toBe(3);
    expect(await left()).toEqual([config]);
  });

  it("removes nothing when a stored manifest cannot be read", async () => {
    const { root: index, all } = await image("damaged");
    const registry = createBuiltinRegistry({ store, blobs, clock: systemClock });
    must(await registry.push("fam/x", { root: index }));
    await image("abandoned");
    await ageAll();
    await writeFile(blobs.pathOf(all[2] ?? ""), "{");
    const collected = await collector.collect();
    expect(collected.ok ? "collected" : collected.error.code).toBe("corrupt");
    expect(await left()).toHaveLength(8);
  });

  it("leaves a push whole or refused that happens at the same time", async () => {
    const registry = createBuiltinRegistry({ store, blobs, clock: systemClock });
    for (let round = 0; round < 25; round++) {
      const made = await image(`round ${round}`);
      await ageAll();
      const [pushed, collected] = await Promise.all([registry.push("fam/x", { root: made.root }), collector.collect()]);
      must(collected);
      const there = await left();
      if (pushed.ok) expect(there).toEqual(expect.arrayContaining(made.all));
    }
    await ageAll();
    must(await collector.collect());
  });

  it("answers with one sweep when asked twice", async () => {
    await image("abandoned");
    await ageAll();
    const [one, two] = await Promise.all([collector.collect(), collector.collect()]);
    expect(must(one)).toBe(must(two));
  });
});
