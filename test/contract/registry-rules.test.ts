import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mediaTypes } from "../../src/oci/index.ts";
import { makeImage, pushBlob, pushImage, putManifest } from "../fixtures/registry-client.ts";
import { digestOf, type ServedRegistry, serveRegistry } from "../fixtures/served-registry.ts";

let registry: ServedRegistry;
beforeAll(async () => {
  registry = await serveRegistry();
});
afterAll(async () => await registry.close());

const administrator = (path: string, init?: RequestInit) => registry.at(path, init);
const as =
  (token: string, door: "people" | "runs" = "people") =>
  (path: string, init: RequestInit = {}) =>
    fetch(`http://${door === "runs" ? registry.runHost : registry.host}/v2/${path}`, {
      ...init,
      headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
    });
async function saidBy(answer: Response): Promise<string> {
  const body: { errors?: { code: string; message: string }[] } = JSON.parse((await answer.text()) || "{}");
  return `${answer.status} ${body.errors?.[0]?.code ?? ""}: ${body.errors?.[0]?.message ?? ""}`;
}

describe("what is told about blobs and manifests", () => {
  it("is refused where sizes, kinds or digests lie", async () => {
    const image = makeImage("liar");
    for (const blob of image.blobs) await pushBlob(administrator, "fam/x", blob);
    const document = JSON.parse(image.bytes.toString());
    const [layer] = document.layers;
    const lies: readonly [unknown, RegExp][] = [
      [
        { ...document, layers: [{ ...layer, size: layer.size + 1 }] },
        /^400 SIZE_INVALID: sha256:\w+ has 13 bytes, not 14/,
      ],
      [{ ...document, manifests: [] }, /^400 MANIFEST_INVALID: it has both layers and manifests/],
      [{ ...document, layers: [{ ...layer, digest: "sha256:beef" }] }, /^400 MANIFEST_INVALID/],
      [{ ...document, mediaType: mediaTypes.ociIndex }, /^400 MANIFEST_INVALID: the manifest says .*index/],
      [{ ...document, layers: Array.from({ length: 2001 }, () => layer) }, /^400 MANIFEST_INVALID: layers has more/],
      ["[".repeat(100_000), /^400 MANIFEST_INVALID/],
    ];
    for (const [lie, said] of lies) {
      const bytes = Buffer.from(typeof lie === "string" ? lie : JSON.stringify(lie));
      expect(await saidBy(await putManifest(administrator, "fam/x", "lie", bytes))).toMatch(said);
    }
    const index = {
      schemaVersion: 2,
      manifests: [{ mediaType: mediaTypes.ociManifest, digest: digestOf(image.bytes), size: 3 }],
    };
    await putManifest(administrator, "fam/x", "true", image.bytes);
    const answer = await putManifest(
      administrator,
      "fam/x",
      "i",
      Buffer.from(JSON.stringify(index)),
      mediaTypes.ociIndex,
    );
    expect(await saidBy(answer)).toMatch(/^400 SIZE_INVALID/);
    // The specification's own code for a part that was not pushed, manifest or blob.
    const gap = { ...index, manifests: [{ ...index.manifests[0], digest: digestOf(Buffer.from("nobody's")) }] };
    const without = await putManifest(
      administrator,
      "fam/x",
      "i",
      Buffer.from(JSON.stringify(gap)),
      mediaTypes.ociIndex,
    );
    expect(await saidBy(without)).toMatch(/^404 MANIFEST_BLOB_UNKNOWN/);
    const large = Buffer.from(JSON.stringify({ ...document, annotations: { a: "x".repeat(4 * 1024 * 1024) } }));
    expect(await saidBy(await putManifest(administrator, "fam/x", "large", large))).toMatch(/^413 SIZE_INVALID/);
  });

  it("is refused where a chunk is not as long as announced, and the upload goes on from before it", async () => {
    const begun = await administrator("fam/x/blobs/uploads/", { method: "POST" });
    const place = (begun.headers.get("location") ?? "").slice("/v2/".length);
    const patch = (body: string, range: string) =>
      administrator(place, { method: "PATCH", body, headers: { "content-range": range } });
    expect((await patch("01234", "0-4")).status).toBe(202);
    expect(await saidBy(await patch("56", "5-9"))).toMatch(
      /^400 SIZE_INVALID: the chunk has 2 bytes, but was announced/,
    );
    expect((await administrator(place)).headers.get("range")).toBe("0-4");
    expect((await patch("56789", "5-9")).status).toBe(202);
    const closed = await administrator(`${place}?digest=${digestOf(Buffer.from("0123456789"))}`, { method: "PUT" });
    expect(closed.status).toBe(201);
  });

  it("does not open a blob of another repository to who knows its digest", async () => {
    const secret = randomBytes(50);
    await pushBlob(administrator, "fam/secret", secret);
    const image = makeImage("thief");
    for (const blob of image.blobs) await pushBlob(administrator, "fam/thief", blob);
    const document = JSON.parse(image.bytes.toString());
    const layers = [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(secret), size: secret.length }];
    const bytes = Buffer.from(JSON.stringify({ ...document, layers }));
    expect(await saidBy(await putManifest(administrator, "fam/thief", "x", bytes))).toMatch(
      /^404 MANIFEST_BLOB_UNKNOWN/,
    );
    expect((await administrator(`fam/thief/blobs/${digestOf(secret)}`)).status).toBe(404);
  });

  it("mounts without a source what any readable repository has", async () => {
    const bytes = randomBytes(60);
    await pushBlob(administrator, "fam/any", bytes);
    const mounted = await administrator(`fam/other/blobs/uploads/?mount=${digestOf(bytes)}`, { method: "POST" });
    expect([mounted.status, mounted.headers.get("docker-content-digest")]).toEqual([201, digestOf(bytes)]);
    expect((await administrator(`fam/other/blobs/${digestOf(bytes)}`)).status).toBe(200);
  });

  it("keeps a blob that a manifest of the repository refers to", async () => {
    const image = makeImage("kept");
    await pushImage(administrator, "fam/kept", "one", image);
    const [, layer = Buffer.alloc(0)] = image.blobs;
    const refused = await administrator(`fam/kept/blobs/${digestOf(layer)}`, { method: "DELETE" });
    expect(await saidBy(refused)).toMatch(/^403 DENIED: the manifest sha256:\w+ refers to this blob/);
    await administrator(`fam/kept/manifests/${digestOf(image.bytes)}`, { method: "DELETE" });
    expect((await administrator(`fam/kept/blobs/${digestOf(layer)}`, { method: "DELETE" })).status).toBe(202);
  });
});

describe("a run's token", () => {
  let token: string;
  beforeEach(() => {
    token = registry.staging.open({ runId: "run-1", component: "greeter" }).token;
  });

  it("pushes and reads below its own names, and nowhere else", async () => {
    const run = as(token, "runs");
    const image = makeImage("staged");
    expect((await pushImage(run, "staging/run-1/greeter", "v1.0.0", image)).status).toBe(201);
    expect((await run("staging/run-1/greeter/manifests/v1.0.0")).status).toBe(200);
    expect((await pushImage(run, "staging/run-1/greeter", "v1.0.0", makeImage("staged again"))).status).toBe(201);
    for (const elsewhere of ["fam/greeter", "staging/run-2/greeter", "staging/run-1"]) {
      expect(await saidBy(await pushBlob(run, elsewhere, Buffer.from("x")))).toMatch(
        /^403 DENIED: a run reaches only its/,
      );
      expect((await run(`${elsewhere}/tags/list`)).status).toBe(403);
    }
    const foreign = await pushBlob(run, "staging/run-1/other", Buffer.from("x"));
    expect(await saidBy(foreign)).toMatch(/^403 DENIED: the image name other does not belong to greeter/);
  });

  it("mounts nothing from what it may not read", async () => {
    const bytes = randomBytes(70);
    await pushBlob(administrator, "fam/greeter", bytes);
    for (const query of [`mount=${digestOf(bytes)}&from=fam/greeter`, `mount=${digestOf(bytes)}`]) {
      const answer = await as(token, "runs")(`staging/run-1/greeter/blobs/uploads/?${query}`, { method: "POST" });
      expect(answer.status).toBe(202);
    }
  });

  it("opens names that nobody else reads, lists or mounts from", async () => {
    const image = makeImage("private");
    await pushImage(as(token, "runs"), "staging/run-1/greeter", "one", image);
    const [blob = Buffer.alloc(0)] = image.blobs;
    for (const who of [administrator, as("")]) {
      for (const path of ["manifests/one", "tags/list", `blobs/${digestOf(blob)}`, `referrers/${digestOf(blob)}`])
        expect((await who(`staging/run-1/greeter/${path}`)).status).toBe(403);
    }
    const query = `mount=${digestOf(blob)}&from=staging/run-1/greeter`;
    expect((await administrator(`fam/x/blobs/uploads/?${query}`, { method: "POST" })).status).toBe(202);
    expect((await administrator(`fam/x/blobs/uploads/?mount=${digestOf(blob)}`, { method: "POST" })).status).toBe(202);
  });

  it("ends with the run, with its names, and what was issued for it", async () => {
    const run = as(token, "runs");
    await pushImage(run, "staging/run-1/greeter", "one", makeImage("gone"));
    const basic = `Basic ${Buffer.from(`run:${token}`).toString("base64")}`;
    const issued = await fetch(`http://${registry.runHost}/v2/token`, { headers: { authorization: basic } });
    const { token: bearer }: { token: string } = JSON.parse(await issued.text());
    expect((await as(bearer, "runs")("staging/run-1/greeter/manifests/one")).status).toBe(200);
    expect((await registry.staging.pushed("run-1")).map((each) => each.tag)).toContain("one");
    await registry.staging.close("run-1");
    for (const late of [token, bearer])
      expect((await as(late, "runs")("staging/run-1/greeter/manifests/one")).status).toBe(401);
    const again = registry.staging.open({ runId: "run-1", component: "greeter" }).token;
    expect((await as(again, "runs")("staging/run-1/greeter/manifests/one")).status).toBe(404);
  });

  it("is the only one that opens the runs' door, and opens no other", async () => {
    for (const wrong of ["", "fl_admin"]) expect((await as(wrong, "runs")("fam/greeter/tags/list")).status).toBe(401);
    expect((await pushBlob(as(token), "staging/run-1/greeter", Buffer.from("x"))).status).toBe(403);
    expect((await pushBlob(as(token), "fam/greeter", Buffer.from("x"))).status).toBe(401);
  });

  it("is bounded in what it pushes", async () => {
    const run = as(token, "runs");
    registry.setQuota({ run: 1000 });
    try {
      await registry.staging.close("run-1");
      const fresh = as(registry.staging.open({ runId: "run-3", component: "greeter" }).token, "runs");
      expect((await pushBlob(fresh, "staging/run-3/greeter", randomBytes(900))).status).toBe(201);
      expect(await saidBy(await pushBlob(fresh, "staging/run-3/greeter", randomBytes(200)))).toMatch(
        /^403 DENIED: what this run pushes may hold/,
      );
    } finally {
      registry.setQuota(undefined);
    }
    expect((await run("staging/run-1/greeter/tags/list")).status).toBe(401);
  });
});

describe("a released image", () => {
  it("gets proof from the publisher alone, its platforms too", async () => {
    const image = makeImage("released");
    await pushImage(administrator, "fam/greeter", digestOf(image.bytes), image);
    const child = { mediaType: mediaTypes.ociManifest, digest: digestOf(image.bytes), size: image.bytes.length };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }));
    await putManifest(administrator, "fam/greeter", "v1.2.3", index, mediaTypes.ociIndex);
    const released = { release_id: "r", component: "greeter", registry: "builtin", state: "published", detail: "" };
    await registry.store.db
      .insertInto("publications")
      .values({ ...released, id: "p", image: "greeter", tag: "v1.2.3", digest: digestOf(index), published_at: 1 })
      .execute();
    for (const subject of [
      { ...child, mediaType: mediaTypes.ociIndex, digest: digestOf(index), size: index.length },
      child,
    ]) {
      const proof = makeImage("proof", { subject, artifactType: "application/vnd.example.proof" });
      const answer = await pushImage(administrator, "fam/greeter", digestOf(proof.bytes), proof);
      expect(await saidBy(answer)).toMatch(
        /^403 DENIED: sha256:\w+ was released as greeter:v1\.2\.3: proof is attached/,
      );
    }
    const tag = `sha256-${digestOf(index).slice(7)}`;
    for (const reserved of [tag, `${tag}.sig`, "canary", "1.2-canary"])
      expect(await saidBy(await putManifest(administrator, "fam/greeter", reserved, image.bytes))).toMatch(
        /^403 DENIED: .* is written by Fairlead's publisher only/,
      );
    const beside = await putManifest(
      administrator,
      "fam/greeter",
      `${digestOf(image.bytes)}?tag=free&tag=canary`,
      image.bytes,
    );
    expect(beside.status).toBe(403);
    expect((await administrator("fam/greeter/manifests/free")).status).toBe(404);
  });
});

const emptyIndex = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };

describe("quotas", () => {
  it("say what is full, count a blob once, and give room after deleting", async () => {
    registry.setQuota({ repository: 2000, run: 1000 });
    try {
      const bytes = randomBytes(1500);
      expect((await pushBlob(administrator, "fam/full", bytes)).status).toBe(201);
      expect((await pushBlob(administrator, "fam/full", bytes)).status).toBe(403);
      const over = await pushBlob(administrator, "fam/full", randomBytes(600));
      expect(await saidBy(over)).toMatch(
        /^403 DENIED: the repository fam\/full may hold 0\.0 MiB .*registries\.quota in the family file/,
      );
      expect((await pushBlob(administrator, "fam/full", randomBytes(400))).status).toBe(201);
      const source = randomBytes(700);
      await pushBlob(administrator, "fam/elsewhere", source);
      const mount = `fam/full/blobs/uploads/?mount=${digestOf(source)}&from=fam/elsewhere`;
      expect(await saidBy(await administrator(mount, { method: "POST" }))).toMatch(/^403 DENIED/);
      const manifest = (filler: number) =>
        Buffer.from(JSON.stringify({ ...emptyIndex, annotations: { a: "x".repeat(filler) } }));
      const put = (bytes: Buffer) =>
        putManifest(administrator, "fam/many", digestOf(bytes), bytes, mediaTypes.ociIndex);
      expect((await put(manifest(1500))).status).toBe(201);
      expect((await put(manifest(1500))).status).toBe(201);
      expect(await saidBy(await put(manifest(1400)))).toMatch(/^403 DENIED: the repository fam\/many may hold/);
    } finally {
      registry.setQuota(undefined);
    }
  });
});

describe("many at once", () => {
  it("serves 64 pulls of the same image, each whole", async () => {
    const layer = randomBytes(3_000_000);
    await pushBlob(administrator, "fam/many", layer);
    const pulls = Array.from({ length: 64 }, async () => {
      const answer = await as("")(`fam/many/blobs/${digestOf(layer)}`);
      return digestOf(Buffer.from(await answer.arrayBuffer()));
    });
    expect(new Set(await Promise.all(pulls))).toEqual(new Set([digestOf(layer)]));
  });

  it("lists 10,000 tags, page by page, in order", async () => {
    const image = makeImage("tags");
    await pushImage(administrator, "fam/tags", digestOf(image.bytes), image);
    const names = Array.from({ length: 10_000 }, (_, n) => `t${n}`);
    for (let from = 0; from < names.length; from += 1000) {
      const rows = names.slice(from, from + 1000);
      await registry.store.db
        .insertInto("registry_tags")
        .values(rows.map((tag) => ({ repository: "fam/tags", tag, digest: digestOf(image.bytes), updated_at: 1 })))
        .execute();
    }
    const listed: string[] = [];
    let next: string | undefined = "fam/tags/tags/list?n=900";
    while (next !== undefined) {
      const answer: Response = await administrator(next);
      const page: { tags: string[] } = JSON.parse(await answer.text());
      expect(page.tags.length).toBeLessThanOrEqual(900);
      listed.push(...page.tags);
      next = /<\/v2\/([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    expect(listed).toEqual([...names].sort());
    const unbounded: { tags: string[] } = JSON.parse(await (await administrator("fam/tags/tags/list?n=50000")).text());
    expect(unbounded.tags).toHaveLength(1000);
  });

  it("pages referrers, and finds each of them once", async () => {
    const subject = { mediaType: mediaTypes.ociManifest, digest: `sha256:${"a".repeat(64)}`, size: 5 };
    const rows = Array.from({ length: 1203 }, (_, n) => ({
      repository: "fam/refer",
      digest: `sha256:${n.toString(16).padStart(64, "0")}`,
      media_type: mediaTypes.ociManifest,
      size: 9,
      subject: subject.digest,
      artifact_type: n % 2 === 0 ? "even" : "odd",
      annotations: null,
      pushed_at: 1,
    }));
    for (let from = 0; from < rows.length; from += 400)
      await registry.store.db
        .insertInto("registry_manifests")
        .values(rows.slice(from, from + 400))
        .execute();
    const found: string[] = [];
    let next: string | undefined = `fam/refer/referrers/${subject.digest}?artifactType=even`;
    while (next !== undefined) {
      const answer: Response = await administrator(next);
      const page: { manifests: { digest: string }[] } = JSON.parse(await answer.text());
      found.push(...page.manifests.map((each) => each.digest));
      next = /<\/v2\/([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    }
    expect(found).toEqual(rows.filter((row) => row.artifact_type === "even").map((row) => row.digest));
  });

  it("tells a client that leaves too many uploads open", async () => {
    const begin = async () => await administrator("fam/open/blobs/uploads/", { method: "POST" });
    const statuses = new Set<number>();
    let last: Response | undefined;
    for (let n = 0; n < 310 && last?.status !== 429; n++) {
      last = await begin();
      statuses.add(last.status);
    }
    expect([last?.status, last?.headers.get("retry-after"), statuses]).toEqual([429, "60", new Set([202, 429])]);
    expect(await saidBy(last ?? new Response())).toMatch(/TOOMANYREQUESTS: 300 uploads are open already/);
  });
});
