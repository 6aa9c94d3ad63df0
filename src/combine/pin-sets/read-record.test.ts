import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemIds } from "../../core/index.ts";
import { mediaTypes, openFsBlobStore, type SweepableBlobStore } from "../../oci/index.ts";
import { openStore, type Store } from "../../store/index.ts";
import type { PinSet } from "./model.ts";
import { readPinRecord } from "./read-record.ts";
import { findPinSet, listPinSets, recordPinSet } from "./records.ts";

let root: string;
let store: Store;
let blobs: SweepableBlobStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "pin-sets-"));
  store = await openStore("sqlite::memory:");
  blobs = await openFsBlobStore({ root, ids: systemIds });
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

async function build(run: string, name: string) {
  const write = async (value: unknown) => must(await blobs.write(Buffer.from(JSON.stringify(value))));
  const config = { mediaType: mediaTypes.ociConfig, ...(await write({ run, name })) };
  const manifest = await write({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
  const platform = { os: "linux", architecture: "amd64" };
  await store.db
    .insertInto("built_images")
    .values({
      run_id: run,
      name,
      digest: manifest.digest,
      media_type: mediaTypes.ociManifest,
      size: manifest.size,
      platforms: JSON.stringify([{ platform, digest: manifest.digest, diffIds: [] }]),
      warnings: "[]",
      at: 1,
    })
    .execute();
  return { name, manifest: manifest.digest, config: config.digest };
}

async function release(
  component: string,
  version: string,
  run: string,
  state: "published" | "building",
): Promise<void> {
  await store.db
    .insertInto("releases")
    .values({
      id: `${component}@${version}`,
      component,
      version,
      tag_object: "t",
      commit_id: `commit-of-${run}`,
      state,
      prerelease: 0,
      findings: "[]",
      unchecked: "[]",
      findings_hash: "",
      config_hash: "",
      reason: "",
      requested_by: "",
      run_id: run,
      requested_at: 1,
    })
    .execute();
}

async function canary(component: string, run: string, ...images: readonly { name: string; manifest: string }[]) {
  for (const image of images)
    await store.db
      .insertInto("canaries")
      .values({
        component,
        image: image.name,
        tag: "canary",
        digest: image.manifest,
        commit_id: `commit-of-${run}`,
        run_id: run,
        at: 1,
      })
      .execute();
}

const question = {
  components: [{ name: "attacher", repository: "https://forge.example/attacher" }],
  versions: ["v1.0.0", "v1.1.0"],
  canaries: ["canary"],
};

describe("the record of pin sets", () => {
  it("knows a published release with the digests of manifest and config, and none that is not public yet", async () => {
    const image = await build("run-1", "attacher");
    await release("attacher", "v1.0.0", "run-1", "published");
    await build("run-2", "attacher");
    await release("attacher", "v1.1.0", "run-2", "building");
    const record = must(await readPinRecord(store.db, blobs, question));
    const platforms = [{ platform: "linux/amd64", manifest: image.manifest, config: image.config }];
    expect(record.released("attacher", "v1.0.0")).toMatchObject({
      commit: "commit-of-run-1",
      repository: "https://forge.example/attacher",
      from: "release",
      images: [{ name: "attacher", digest: image.manifest, platforms }],
    });
    expect(record.released("attacher", "v1.1.0")).toBeUndefined();
    const byDigest = { ...question, versions: [image.manifest] };
    const again = must(await readPinRecord(store.db, blobs, byDigest));
    expect(again.releasedBy("attacher", image.manifest)?.version).toBe("v1.0.0");
  });

  it("takes a canary from its newest move alone, so that all its images are of one commit", async () => {
    const [a1, b1] = [await build("run-1", "attacher"), await build("run-1", "helper")];
    await canary("attacher", "run-1", a1, b1);
    const a2 = await build("run-2", "attacher");
    await canary("attacher", "run-2", a2);
    const record = must(await readPinRecord(store.db, blobs, question));
    const found = record.canary("attacher", "canary");
    expect(found?.commit).toBe("commit-of-run-2");
    expect(found?.images.map((image) => [image.name, image.digest])).toEqual([["attacher", a2.manifest]]);
  });

  it("says which manifest is lost", async () => {
    const image = await build("run-1", "attacher");
    await canary("attacher", "run-1", image);
    await blobs.delete(image.manifest);
    const read = await readPinRecord(store.db, blobs, question);
    expect(read).toMatchObject({
      ok: false,
      error: {
        code: "corrupt",
        message: expect.stringContaining(`the manifest ${image.manifest} of attacher cannot be read`),
      },
    });
  });

  it("writes a set down once, and finds it by the digits that tell it apart", async () => {
    const image = await build("run-1", "attacher");
    await canary("attacher", "run-1", image);
    const found = must(await readPinRecord(store.db, blobs, question)).canary("attacher", "canary");
    const set: PinSet = {
      family: "fam",
      deployment: { component: "driver", commit: "d", folder: "deploy" },
      components: found ? [found] : [],
    };
    const id = await recordPinSet(store, set, 5);
    expect(await recordPinSet(store, set, 9)).toBe(id);
    expect(must(await findPinSet(store.db, id.slice(0, 7)))).toEqual({ id, set, at: 5 });
    expect((await listPinSets(store.db, 10)).map((each) => each.id)).toEqual([id]);
    expect(await listPinSets(store.db, 10, "another")).toEqual([]);
    const images = await store.db.selectFrom("pin_set_images").select(["image", "digest", "commit_id"]).execute();
    expect(images).toEqual([{ image: "attacher", digest: image.manifest, commit_id: "commit-of-run-1" }]);
    expect(await findPinSet(store.db, "abc")).toMatchObject({ ok: false, error: { code: "bad-input" } });
    expect(await findPinSet(store.db, "0".repeat(64))).toMatchObject({ ok: false, error: { code: "not-found" } });
  });
});
