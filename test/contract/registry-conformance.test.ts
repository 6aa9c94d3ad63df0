import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock } from "../../src/core/index.ts";
import { mediaTypes } from "../../src/oci/index.ts";
import { createBuiltinRegistry } from "../../src/registry/index.ts";
import { digestOf, type ServedRegistry, serveRegistry } from "../fixtures/served-registry.ts";

let registry: ServedRegistry;

beforeAll(async () => {
  registry = await serveRegistry();
});
afterAll(async () => await registry.close());

async function pushBlob(repository: string, bytes: Uint8Array, algorithm = "sha256"): Promise<Response> {
  return await registry.at(`${repository}/blobs/uploads/?digest=${digestOf(bytes, algorithm)}`, {
    method: "POST",
    body: Uint8Array.from(bytes),
  });
}

async function putManifest(repository: string, reference: string, value: unknown, mediaType: string) {
  const bytes = Buffer.from(JSON.stringify(value));
  const answer = await registry.at(`${repository}/manifests/${reference === "" ? digestOf(bytes) : reference}`, {
    method: "PUT",
    body: bytes,
    headers: { "content-type": mediaType },
  });
  return { status: answer.status, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

async function imageOf(repository: string, mark: string): Promise<Record<string, unknown>> {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, mark }),
  );
  expect((await pushBlob(repository, config)).status).toBe(201);
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
    layers: [],
  };
}

const pushImage = async (repository: string, reference: string, mark: string) =>
  await putManifest(repository, reference, await imageOf(repository, mark), mediaTypes.ociManifest);

describe("what the distribution specification's suite asks", () => {
  it("answers what is absent with 404, and what is no name with 4xx", async () => {
    const unknown = `sha256:${"0".repeat(64)}`;
    for (const path of [`blobs/${unknown}`, `manifests/${unknown}`, "manifests/none", "tags/list"]) {
      for (const method of path === "tags/list" ? ["GET"] : ["GET", "HEAD"])
        expect([path, (await registry.at(`fam/absent/${path}`, { method })).status]).toEqual([path, 404]);
    }
    for (const path of ["blobs/sha256:short", "manifests/sha256:short", "blobs/uploads/none"])
      expect([400, 404]).toContain((await registry.at(`fam/absent/${path}`)).status);
  });

  it("tells size and digest to HEAD, of blobs and manifests", async () => {
    const bytes = randomBytes(5000);
    await pushBlob("fam/x", bytes);
    const blob = await registry.at(`fam/x/blobs/${digestOf(bytes)}`, { method: "HEAD" });
    expect([blob.status, blob.headers.get("content-length"), blob.headers.get("docker-content-digest")]).toEqual([
      200,
      "5000",
      digestOf(bytes),
    ]);
    const { descriptor } = await pushImage("fam/x", "head", "head");
    const manifest = await registry.at("fam/x/manifests/head", { method: "HEAD" });
    expect([manifest.headers.get("content-length"), manifest.headers.get("content-type")]).toEqual([
      String(descriptor.size),
      mediaTypes.ociManifest,
    ]);
  });

  it.each([
    ["bytes=500-1499", 206, "bytes 500-1499/4000", 1000],
    ["bytes=500-", 206, "bytes 500-3999/4000", 3500],
    ["bytes=-500", 206, "bytes 3500-3999/4000", 500],
    ["bytes=2000-5000", 206, "bytes 2000-3999/4000", 2000],
    ["bytes=500-0", 416, "bytes */4000", undefined],
    ["bytes=5000-10000", 416, "bytes */4000", undefined],
  ])("serves the range %s", async (range, status, contentRange, length) => {
    const bytes = Buffer.alloc(4000, "0123456789");
    await pushBlob("fam/x", bytes);
    const answer = await registry.at(`fam/x/blobs/${digestOf(bytes)}`, { headers: { range } });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([status, contentRange]);
    const body = await answer.arrayBuffer();
    if (length !== undefined) expect(body.byteLength).toBe(length);
  });

  it("takes empty blobs, sha512, and streams without Content-Range", async () => {
    const empty = Buffer.alloc(0);
    expect((await pushBlob("fam/x", empty)).status).toBe(201);
    expect((await registry.at(`fam/x/blobs/${digestOf(empty)}`)).headers.get("content-length")).toBe("0");
    const bytes = randomBytes(300_000);
    const long = digestOf(bytes, "sha512");
    expect((await pushBlob("fam/x", bytes, "sha512")).status).toBe(201);
    expect(digestOf(Buffer.from(await (await registry.at(`fam/x/blobs/${long}`)).arrayBuffer()), "sha512")).toBe(long);
    const begun = await registry.at("fam/x/blobs/uploads/", { method: "POST" });
    const place = (begun.headers.get("location") ?? "").slice("/v2/".length);
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let from = 0; from < bytes.length; from += 50_000) controller.enqueue(bytes.subarray(from, from + 50_000));
        controller.close();
      },
    });
    const streaming: RequestInit & { duplex: "half" } = { method: "PATCH", body: stream, duplex: "half" };
    expect((await registry.at(place, streaming)).headers.get("range")).toBe("0-299999");
    expect((await registry.at(`${place}?digest=${digestOf(bytes)}`, { method: "PUT" })).status).toBe(201);
  });

  it("begins an upload where a mount has no source", async () => {
    const answer = await registry.at(`fam/x/blobs/uploads/?mount=sha256:${"1".repeat(64)}&from=fam/none`, {
      method: "POST",
    });
    expect([answer.status, answer.headers.get("location")?.startsWith("/v2/fam/x/blobs/uploads/")]).toEqual([
      202,
      true,
    ]);
  });

  it("takes nested and empty indexes, foreign layers without blobs, unknown fields, a subject pointing nowhere", async () => {
    const base = await imageOf("fam/x", "odd");
    const nowhere = { mediaType: mediaTypes.ociManifest, digest: `sha256:${"2".repeat(64)}`, size: 7 };
    const foreign = { mediaType: mediaTypes.dockerForeignLayer, digest: `sha256:${"3".repeat(64)}`, size: 9 };
    const odd = { ...base, layers: [foreign], subject: nowhere, "x-unknown": { a: [1] } };
    const manifest = await putManifest("fam/x", "odd", odd, mediaTypes.ociManifest);
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [manifest.descriptor] };
    const inner = await putManifest("fam/x", "", index, mediaTypes.ociIndex);
    const outer = await putManifest("fam/x", "o", { ...index, manifests: [inner.descriptor] }, mediaTypes.ociIndex);
    const empty = await putManifest("fam/x", "e", { ...index, manifests: [] }, mediaTypes.ociIndex);
    expect([manifest, inner, outer, empty].map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const referrers = await (await registry.at(`fam/x/referrers/${nowhere.digest}`)).json();
    expect(referrers).toMatchObject({ manifests: [{ digest: manifest.descriptor.digest }] });
  });

  it("never answers 404 for referrers of what nobody knows", async () => {
    const answer = await registry.at(`fam/nothing/referrers/sha256:${"4".repeat(64)}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
  });

  it("deletes tags and manifests that nothing holds, and keeps the parts of an index", async () => {
    const child = await pushImage("fam/greeter", "", "child");
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child.descriptor] };
    const parent = await putManifest("fam/greeter", "v7.0.0", index, mediaTypes.ociIndex);
    const refused = await registry.at(`fam/greeter/manifests/${child.descriptor.digest}`, { method: "DELETE" });
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining(parent.descriptor.digest)]);
    const free = await pushImage("fam/greeter", "trial", "free");
    expect((await registry.at("fam/greeter/manifests/trial", { method: "DELETE" })).status).toBe(202);
    expect((await registry.at("fam/greeter/manifests/trial")).status).toBe(404);
    await pushImage("fam/greeter", "again", "free");
    const gone = await registry.at(`fam/greeter/manifests/${free.descriptor.digest}`, { method: "DELETE" });
    expect(gone.status).toBe(202);
    for (const reference of ["again", free.descriptor.digest])
      expect((await registry.at(`fam/greeter/manifests/${reference}`)).status).toBe(404);
    const version = await pushImage("fam/greeter", "v7.1.0", "for ever");
    const held = await registry.at(`fam/greeter/manifests/${version.descriptor.digest}`, { method: "DELETE" });
    expect([held.status, await held.text()]).toEqual([403, expect.stringContaining("the tag v7.1.0 means this")]);
  });

  it("keeps a manifest that a run built until its tag is written, and tags nothing that is not there", async () => {
    const { descriptor } = await pushImage("fam/greeter", "", "built, not tagged");
    await registry.store.db
      .insertInto("built_images")
      .values({
        run_id: "r",
        name: "greeter",
        digest: descriptor.digest,
        media_type: descriptor.mediaType,
        size: descriptor.size,
        platforms: "[]",
        warnings: "[]",
        at: 0,
      })
      .execute();
    expect((await registry.at(`fam/greeter/manifests/${descriptor.digest}`, { method: "DELETE" })).status).toBe(403);
    const builtin = createBuiltinRegistry({ store: registry.store, blobs: registry.blobs, clock: systemClock });
    const absent = { ...descriptor, digest: `sha256:${"5".repeat(64)}` };
    const tagged = await builtin.tag("fam/greeter", "v8.0.0", absent, "immutable");
    expect(tagged.ok ? "tagged" : tagged.error.code).toBe("not-found");
    must(await builtin.tag("fam/greeter", "v8.0.0", descriptor, "immutable"));
  });
});
