import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mediaTypes } from "../../src/oci/index.ts";
import { dockerRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { digestOf, serveRegistry } from "../fixtures/served-registry.ts";

/** A registry that the suite runs over; what an older one does not have is told by it, and then not asked. */
interface Peer {
  readonly host: string;
  readonly authorization: string | undefined;
  readonly has: {
    readonly referrers: boolean;
    readonly sha512: boolean;
    readonly tagParameters: boolean;
    /** Refuses gaps between chunks, orders and pages tags, answers a malformed digest as a client's mistake. */
    readonly strict: boolean;
  };
  close(): Promise<void>;
}

const peers: readonly { readonly name: string; readonly present: boolean; readonly serve: () => Promise<Peer> }[] = [
  {
    name: "the built-in registry",
    present: true,
    serve: async () => {
      const served = await serveRegistry();
      return {
        host: served.host,
        authorization: "Bearer fl_admin",
        has: { referrers: true, sha512: true, tagParameters: true, strict: true },
        close: served.close,
      };
    },
  },
  {
    name: "Debian's docker-registry (skipped where it is not installed)",
    present: dockerRegistry !== undefined,
    serve: async () => {
      const folder = await mkdtemp(join(tmpdir(), "docker-registry-"));
      const served = await serveDockerRegistry(folder);
      return {
        host: served.host,
        authorization: undefined,
        has: { referrers: false, sha512: false, tagParameters: false, strict: false },
        close: async () => {
          await served.stop();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  },
];

async function json<T>(answer: Response): Promise<T> {
  const value: T = JSON.parse(await answer.text());
  return value;
}

/** What the suite of opencontainers/distribution-spec asks in its four categories, seen from a client. */
describe.each(peers.filter((peer) => peer.present))("$name", ({ serve }) => {
  let peer: Peer;
  beforeAll(async () => {
    peer = await serve();
  });
  afterAll(async () => await peer.close());

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(path.startsWith("http") ? path : `http://${peer.host}${path}`, {
      ...init,
      headers: { ...(peer.authorization === undefined ? {} : { authorization: peer.authorization }), ...init.headers },
    });
  const at = (repository: string, path: string, init?: RequestInit) => ask(`/v2/${repository}/${path}`, init);
  const withQuery = (location: string, query: string) => `${location}${location.includes("?") ? "&" : "?"}${query}`;

  async function begin(repository: string, query = ""): Promise<string> {
    const begun = await at(repository, `blobs/uploads/${query}`, { method: "POST" });
    expect(begun.status).toBe(202);
    return begun.headers.get("location") ?? "";
  }
  async function patch(location: string, bytes: Uint8Array, from: number | undefined): Promise<Response> {
    const range = from === undefined ? {} : { "content-range": `${from}-${from + bytes.length - 1}` };
    return await ask(location, {
      method: "PATCH",
      body: Uint8Array.from(bytes),
      headers: { "content-type": "application/octet-stream", ...range },
    });
  }
  const close = (location: string, digest: string, init: RequestInit = {}) =>
    ask(withQuery(location, `digest=${encodeURIComponent(digest)}`), { method: "PUT", ...init });
  async function pushBlob(repository: string, bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes);
    const closed = await close(await begin(repository), digest, {
      body: Uint8Array.from(bytes),
      headers: { "content-type": "application/octet-stream" },
    });
    expect([closed.status, closed.headers.get("location") !== null]).toEqual([201, true]);
    return digest;
  }
  async function makeImage(repository: string, mark: string, more: Readonly<Record<string, unknown>> = {}) {
    const config = Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", mark, rootfs: { type: "layers", diff_ids: [] } }),
    );
    const layer = Buffer.from(`layer of ${mark}`);
    for (const blob of [config, layer]) await pushBlob(repository, blob);
    return Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
        layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.length }],
        ...more,
      }),
    );
  }
  const putManifest = (
    repository: string,
    reference: string,
    bytes: Uint8Array,
    mediaType: string = mediaTypes.ociManifest,
  ) =>
    at(repository, `manifests/${reference}`, {
      method: "PUT",
      body: Uint8Array.from(bytes),
      headers: { "content-type": mediaType },
    });
  const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

  describe("pull", () => {
    it("answers 404 for what is not there, and JSON errors", async () => {
      const digest = digestOf(randomBytes(8));
      await pushBlob("fam/pull", Buffer.from("known"));
      for (const path of [`blobs/${digest}`, `manifests/${digest}`, "manifests/absent"]) {
        for (const method of ["GET", "HEAD"]) expect((await at("fam/pull", path, { method })).status).toBe(404);
        const { errors } = await json<{ errors: { code: string }[] }>(await at("fam/pull", path));
        expect(errors[0]?.code).toMatch(/^(BLOB|MANIFEST)_UNKNOWN$/);
      }
      if (peer.has.strict) expect([400, 404]).toContain((await at("fam/pull", "manifests/sha256:wrong")).status);
    });

    it("gives the bytes that were pushed, by digest and tag, with their type, size and digest", async () => {
      const bytes = await makeImage("fam/pull", "exact", { "x-unknown": { b: 1, a: [2] } });
      expect((await putManifest("fam/pull", "exact", bytes)).status).toBe(201);
      for (const reference of ["exact", digestOf(bytes)]) {
        const accept = { headers: { accept: mediaTypes.ociManifest } };
        const head = await at("fam/pull", `manifests/${reference}`, { ...accept, method: "HEAD" });
        expect([head.headers.get("content-length"), head.headers.get("docker-content-digest")]).toEqual([
          String(bytes.length),
          digestOf(bytes),
        ]);
        const answer = await at("fam/pull", `manifests/${reference}`, accept);
        expect([answer.status, answer.headers.get("content-type")]).toEqual([200, mediaTypes.ociManifest]);
        expect(Buffer.compare(await bytesOf(answer), bytes)).toBe(0);
      }
    });

    it.each([
      ["bytes=0-99", 206, 0, 100],
      ["bytes=500-", 206, 500, 1000],
      ["bytes=-500", 206, 500, 1000],
      ["bytes=900-5000", 206, 900, 1000],
      ["bytes=5000-10000", 416, 0, 0],
    ])("serves %s of a blob", async (range, status, from, to) => {
      const bytes = Buffer.alloc(1000, "0123456789abcdef");
      const digest = await pushBlob("fam/pull", bytes);
      const answer = await at("fam/pull", `blobs/${digest}`, { headers: { range } });
      expect(answer.status).toBe(status);
      if (status !== 206) return;
      expect(answer.headers.get("content-range")).toMatch(new RegExp(`^bytes ${from}-${to - 1}/(1000|\\*)$`));
      expect(Buffer.compare(await bytesOf(answer), bytes.subarray(from, to))).toBe(0);
    });
  });

  describe("push", () => {
    const content = randomBytes(300_000);

    it("takes a blob in three chunks, the last one with the closing PUT", async () => {
      const bytes = randomBytes(300_000);
      const one = await patch(await begin("fam/push"), bytes.subarray(0, 100_000), 0);
      expect([one.status, one.headers.get("range")]).toEqual([202, "0-99999"]);
      const two = await patch(one.headers.get("location") ?? "", bytes.subarray(100_000, 200_000), 100_000);
      expect([two.status, two.headers.get("range")]).toEqual([202, "0-199999"]);
      const closed = await close(two.headers.get("location") ?? "", digestOf(bytes), {
        body: Uint8Array.from(bytes.subarray(200_000)),
        headers: { "content-range": "200000-299999", "content-type": "application/octet-stream" },
      });
      expect(closed.status).toBe(201);
      const pulled = await at("fam/push", `blobs/${digestOf(bytes)}`);
      expect(Buffer.compare(await bytesOf(pulled), bytes)).toBe(0);
    });

    it("refuses a chunk out of order, tells where it stands and goes on from there", async ({ skip }) => {
      if (!peer.has.strict) skip();
      const bytes = randomBytes(200_000);
      const one = await patch(await begin("fam/push"), bytes.subarray(0, 100_000), 0);
      const place = one.headers.get("location") ?? "";
      expect((await patch(place, bytes.subarray(150_000), 150_000)).status).toBe(416);
      const now = await ask(place);
      expect([now.status, now.headers.get("range")]).toEqual([204, "0-99999"]);
      const two = await patch(now.headers.get("location") ?? place, bytes.subarray(100_000), 100_000);
      expect((await close(two.headers.get("location") ?? "", digestOf(bytes))).status).toBe(201);
    });

    it("takes a stream of unknown length", async () => {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (let from = 0; from < content.length; from += 70_000)
            controller.enqueue(content.subarray(from, from + 70_000));
          controller.close();
        },
      });
      const init: RequestInit & { duplex: "half" } = {
        method: "PATCH",
        body: stream,
        duplex: "half",
        headers: { "content-type": "application/octet-stream" },
      };
      const sent = await ask(await begin("fam/push"), init);
      expect([sent.status, sent.headers.get("range")]).toEqual([202, "0-299999"]);
      expect((await close(sent.headers.get("location") ?? "", digestOf(content))).status).toBe(201);
    });

    it("answers a POST with all of the blob by keeping it, or by an upload", async () => {
      const bytes = randomBytes(5000);
      const answer = await at("fam/push", `blobs/uploads/?digest=${digestOf(bytes)}`, {
        method: "POST",
        body: Uint8Array.from(bytes),
        headers: { "content-type": "application/octet-stream" },
      });
      expect([201, 202]).toContain(answer.status);
      const there = await at("fam/push", `blobs/${digestOf(bytes)}`, { method: "HEAD" });
      expect(there.status).toBe(answer.status === 201 ? 200 : 404);
    });

    it("keeps nothing under a digest that is not the bytes'", async () => {
      const wrong = digestOf(Buffer.from("other"));
      const closed = await close(await begin("fam/push"), wrong, { body: Buffer.from("bytes") });
      expect(closed.status).toBe(400);
      expect((await at("fam/push", `blobs/${wrong}`, { method: "HEAD" })).status).toBe(404);
    });

    it("forgets an upload that is cancelled", async () => {
      const place = await begin("fam/push");
      expect((await ask(place, { method: "DELETE" })).status).toBe(204);
      expect((await ask(place)).status).toBe(404);
    });

    it("mounts a blob of another repository, and begins an upload where there is none", async () => {
      const digest = await pushBlob("fam/source", randomBytes(100));
      const mounted = await at("fam/target", `blobs/uploads/?mount=${digest}&from=fam/source`, { method: "POST" });
      expect(mounted.status).toBe(201);
      expect((await at("fam/target", `blobs/${digest}`, { method: "HEAD" })).status).toBe(200);
      await begin("fam/target", `?mount=${digestOf(randomBytes(9))}&from=fam/source`);
    });

    it("takes manifests of every kind, and not under a wrong digest", async () => {
      const image = await makeImage("fam/kinds", "kinds");
      const { config } = JSON.parse(image.toString());
      const base = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config };
      const nowhere = { mediaType: mediaTypes.ociManifest, digest: digestOf(randomBytes(9)), size: 9 };
      const kinds = [
        { ...base, layers: [] },
        {
          ...base,
          layers: [],
          annotations: Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`a${n}`, "v".repeat(200)])),
        },
        { ...base, layers: [], subject: nowhere, artifactType: "application/vnd.example.proof" },
        { ...base, layers: [], config: { ...config, data: Buffer.from("{}").toString("base64") } },
      ];
      for (const kind of kinds) {
        const bytes = Buffer.from(JSON.stringify(kind));
        const answer = await putManifest("fam/kinds", digestOf(bytes), bytes);
        expect([answer.status, answer.headers.get("docker-content-digest")]).toEqual([201, digestOf(bytes)]);
        if ("subject" in kind && peer.has.referrers) expect(answer.headers.get("oci-subject")).toBe(nowhere.digest);
      }
      expect((await putManifest("fam/kinds", digestOf(randomBytes(3)), image)).status).toBe(400);
      expect((await putManifest("fam/kinds", "one", image)).status).toBe(201);
      const child = { mediaType: mediaTypes.ociManifest, digest: digestOf(image), size: image.length };
      const index = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }),
      );
      expect((await putManifest("fam/kinds", "index", index, mediaTypes.ociIndex)).status).toBe(201);
    });

    it("takes tags beside a digest where it says so", async () => {
      const bytes = await makeImage("fam/tags", "beside");
      const answer = await at("fam/tags", `manifests/${digestOf(bytes)}?tag=one&tag=two`, {
        method: "PUT",
        body: Uint8Array.from(bytes),
        headers: { "content-type": mediaTypes.ociManifest },
      });
      expect([answer.status, answer.headers.get("oci-tag")]).toEqual([201, peer.has.tagParameters ? "one, two" : null]);
      const status = peer.has.tagParameters ? 200 : 404;
      for (const tag of ["one", "two"]) expect((await at("fam/tags", `manifests/${tag}`)).status).toBe(status);
    });
  });

  describe("content discovery", () => {
    it("lists tags in order, some of them, and those after one", async ({ skip }) => {
      if (!peer.has.strict) skip();
      const bytes = await makeImage("fam/list", "list");
      const tags = ["a1", "a2", "b1", "b2", "c1"];
      for (const tag of [...tags].reverse()) expect((await putManifest("fam/list", tag, bytes)).status).toBe(201);
      const list = async (query: string) => await json<{ tags: string[] }>(await at("fam/list", `tags/list${query}`));
      expect(await list("")).toEqual({ name: "fam/list", tags });
      expect((await list("?n=2")).tags).toEqual(["a1", "a2"]);
      expect((await list("?n=2&last=a2")).tags).toEqual(["b1", "b2"]);
      expect((await list("?last=b1")).tags).toEqual(["b2", "c1"]);
      const first = await at("fam/list", "tags/list?n=3");
      const next = /<([^>]+)>; rel="next"/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
      expect((await json<{ tags: string[] }>(await ask(next))).tags).toEqual(["b2", "c1"]);
      expect((await at("fam/nobody", "tags/list")).status).toBe(404);
    });

    it("lists referrers, filtered, and none of what nobody knows", async ({ skip }) => {
      if (!peer.has.referrers) skip();
      const subject = await makeImage("fam/refer", "subject");
      await putManifest("fam/refer", "subject", subject);
      const of = { mediaType: mediaTypes.ociManifest, digest: digestOf(subject), size: subject.length };
      const types = ["application/vnd.example.a", "application/vnd.example.b"];
      for (const artifactType of types) {
        const bytes = await makeImage("fam/refer", artifactType, {
          artifactType,
          subject: of,
          annotations: { t: artifactType },
        });
        expect((await putManifest("fam/refer", digestOf(bytes), bytes)).headers.get("oci-subject")).toBe(of.digest);
      }
      const answer = await at("fam/refer", `referrers/${of.digest}`);
      const { manifests } = await json<{ manifests: { artifactType: string }[] }>(answer);
      expect(answer.headers.get("content-type")).toBe(mediaTypes.ociIndex);
      expect(manifests.map((each) => each.artifactType).sort()).toEqual(types);
      const filtered = await at("fam/refer", `referrers/${of.digest}?artifactType=${types[1]}`);
      expect([filtered.headers.get("oci-filters-applied"), await filtered.json()]).toEqual([
        "artifactType",
        expect.objectContaining({ manifests: [expect.objectContaining({ annotations: { t: types[1] } })] }),
      ]);
      const none = await at("fam/nobody", `referrers/${of.digest}`);
      expect([none.status, await none.json()]).toEqual([200, expect.objectContaining({ manifests: [] })]);
    });
  });

  describe("content management", () => {
    it("deletes manifests with their tags, then blobs", async () => {
      const bytes = await makeImage("fam/manage", "manage");
      expect((await putManifest("fam/manage", "gone", bytes)).status).toBe(201);
      const remove = (path: string) => at("fam/manage", path, { method: "DELETE" });
      expect((await remove(`manifests/${digestOf(bytes)}`)).status).toBe(202);
      for (const reference of ["gone", digestOf(bytes)])
        expect((await at("fam/manage", `manifests/${reference}`)).status).toBe(404);
      const { layers } = JSON.parse(bytes.toString());
      expect((await remove(`blobs/${layers[0].digest}`)).status).toBe(202);
      expect((await at("fam/manage", `blobs/${layers[0].digest}`)).status).toBe(404);
      expect((await remove(`manifests/${digestOf(randomBytes(4))}`)).status).toBe(404);
    });
  });

  it("keeps blobs and manifests under sha512 where it says so", async ({ skip }) => {
    if (!peer.has.sha512) skip();
    const bytes = randomBytes(100_000);
    const long = digestOf(bytes, "sha512");
    const sent = await patch(await begin("fam/long", "?digest-algorithm=sha512"), bytes, undefined);
    expect((await close(sent.headers.get("location") ?? "", long)).status).toBe(201);
    expect(digestOf(await bytesOf(await at("fam/long", `blobs/${long}`)), "sha512")).toBe(long);
    const manifest = await makeImage("fam/long", "long");
    const name = digestOf(manifest, "sha512");
    expect((await putManifest("fam/long", `${name}?tag=long`, manifest)).status).toBe(201);
    expect((await at("fam/long", "manifests/long")).headers.get("docker-content-digest")).toBe(name);
  });
});
