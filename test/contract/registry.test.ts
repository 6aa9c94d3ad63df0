import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFamilyFile } from "../../src/config/index.ts";
import { must, systemClock, systemIds } from "../../src/core/index.ts";
import type { Family, Principal } from "../../src/family/index.ts";
import {
  type BlobStore,
  createRegistryClient,
  createRemoteRegistry,
  mediaTypes,
  openFsBlobStore,
  pullToLayout,
} from "../../src/oci/index.ts";
import {
  createBuiltinRegistry,
  createQuotas,
  createRegistryDoor,
  createStaging,
  openUploads,
} from "../../src/registry/index.ts";
import { openStore, type Store } from "../../src/store/index.ts";
import { programPath, run } from "../fixtures/programs.ts";

const skopeo = programPath("skopeo");
const principals: Record<string, Principal> = {
  fl_admin: { user: "root", role: "administrator", components: undefined, tokenId: "a" },
  fl_maint: { user: "ann", role: "maintainer", components: ["greeter"], tokenId: "m" },
  fl_read: { user: "bob", role: "reader", components: undefined, tokenId: "r" },
};
let root: string;
let store: Store;
let blobs: BlobStore;
let server: Server;
let host: string;
let anonymousRead = true;
let family: Family;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "registry-"));
  store = await openStore("sqlite::memory:");
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  const uploads = await openUploads({ folder: join(root, "uploads"), clock: systemClock, ids: systemIds });
  const reading = readFamilyFile(
    "f.yaml",
    "family: fam\ncomponents:\n  greeter: {repository: file:///x/greeter, images: [greeter]}\n  other: {repository: file:///x/other, images: [other]}\n",
    {},
  );
  if (!reading.family) throw new Error(JSON.stringify(reading.diagnostics));
  family = reading.family;
  const door = createRegistryDoor({
    store,
    blobs,
    staging: createStaging({ store, ids: systemIds }),
    quotas: createQuotas({ store, blobs, clock: systemClock, family: () => family }),
    uploads,
    clock: systemClock,
    ids: systemIds,
    family: () => family,
    authenticate: async (authorization) => {
      const [scheme = "", value = ""] = (authorization ?? "").split(" ");
      const secret = scheme.toLowerCase() === "basic" ? Buffer.from(value, "base64").toString().split(":")[1] : value;
      return principals[secret ?? ""];
    },
    anonymousRead: () => anonymousRead,
    baseUrl: () => `http://${host}`,
  });
  server = createServer(getRequestListener(door.handle, { overrideGlobalObjects: false }));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  host = `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await store.close();
  await rm(root, { recursive: true, force: true });
});

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
interface Answer {
  readonly errors: readonly [{ readonly code: string; readonly message: string }];
  readonly tags: readonly string[];
  readonly manifests: readonly unknown[];
}

async function json(answer: Response): Promise<Answer> {
  const value: Answer = JSON.parse(await answer.text());
  return value;
}

const at = (path: string, init: RequestInit & { token?: string } = {}) => {
  const { token = "fl_admin", ...rest } = init;
  const headers = { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), ...rest.headers };
  return fetch(`http://${host}/v2/${path}`, { ...rest, headers });
};

async function pushBlob(repository: string, bytes: Uint8Array, token = "fl_admin"): Promise<Response> {
  return await at(`${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, {
    method: "POST",
    body: Uint8Array.from(bytes),
    token,
  });
}

async function makeManifest(repository: string, mark: string) {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, mark }),
  );
  await pushBlob(repository, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
    layers: [],
  };
  return Buffer.from(JSON.stringify(manifest));
}

const putManifest = (repository: string, reference: string, bytes: Uint8Array, token = "fl_admin") =>
  at(`${repository}/manifests/${reference}`, {
    method: "PUT",
    body: Uint8Array.from(bytes),
    headers: { "content-type": mediaTypes.ociManifest },
    token,
  });

describe("the registry's door", () => {
  it("challenges, gives tokens and knows an empty Basic from a wrong one", async () => {
    const ping = await at("", { token: "" });
    expect(ping.status).toBe(401);
    expect(ping.headers.get("www-authenticate")).toBe(`Bearer realm="http://${host}/v2/token",service="fairlead"`);
    const ask = (authorization?: string) =>
      fetch(`http://${host}/v2/token?service=fairlead`, { headers: authorization ? { authorization } : {} });
    expect((await ask()).status).toBe(200);
    expect((await ask("Basic Og==")).status).toBe(200);
    expect((await ask(`Basic ${Buffer.from("x:wrong").toString("base64")}`)).status).toBe(401);
    anonymousRead = false;
    expect((await ask()).status).toBe(401);
    anonymousRead = true;
  });

  it("takes a blob at once, in chunks, resumed, cancelled, mounted; refuses a wrong digest", async () => {
    const bytes = randomBytes(100_000);
    const digest = digestOf(bytes);
    const begun = await at("fam/greeter/blobs/uploads/", { method: "POST" });
    const location = (begun.headers.get("location") ?? "").slice("/v2/".length);
    const first = await at(location, {
      method: "PATCH",
      body: bytes.subarray(0, 60_000),
      headers: { "content-range": "0-59999" },
    });
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-59999"]);
    const gap = await at(location, {
      method: "PATCH",
      body: bytes.subarray(70_000),
      headers: { "content-range": "70000-99999" },
    });
    expect(gap.status).toBe(416);
    expect((await at(location)).headers.get("range")).toBe("0-59999");
    const done = await at(`${location}?digest=${digest}`, { method: "PUT", body: bytes.subarray(60_000) });
    expect(done.status).toBe(201);
    const part = await at(`fam/greeter/blobs/${digest}`, { headers: { range: "bytes=10-19" } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
    expect((await at(`fam/greeter/blobs/${digest}`, { headers: { range: "bytes=100000-" } })).status).toBe(416);
    expect((await at(`fam/other/blobs/${digest}`)).status).toBe(404);
    expect((await at(`fam/other/blobs/uploads/?mount=${digest}&from=fam/greeter`, { method: "POST" })).status).toBe(
      201,
    );
    expect((await at(`fam/other/blobs/${digest}`, { method: "HEAD" })).status).toBe(200);
    const wrong = await at(`fam/greeter/blobs/uploads/?digest=${digest}`, { method: "POST", body: "other" });
    expect([wrong.status, (await json(wrong)).errors[0].code]).toEqual([400, "DIGEST_INVALID"]);
    const again = await at("fam/greeter/blobs/uploads/", { method: "POST" });
    const path = (again.headers.get("location") ?? "").slice(4);
    expect((await at(path, { method: "DELETE" })).status).toBe(204);
    expect((await at(path)).status).toBe(404);
  });

  it("keeps exact manifest bytes, lists tags in pages and referrers with a filter", async () => {
    const bytes = await makeManifest("fam/greeter", "pages");
    for (const tag of ["b", "a", "c"]) expect((await putManifest("fam/greeter", tag, bytes)).status).toBe(201);
    const got = await at("fam/greeter/manifests/a");
    expect(Buffer.from(await got.arrayBuffer()).equals(bytes)).toBe(true);
    expect(got.headers.get("docker-content-digest")).toBe(digestOf(bytes));
    const page = await at("fam/greeter/tags/list?n=2");
    expect((await json(page)).tags).toEqual(["a", "b"]);
    expect(page.headers.get("link")).toContain("last=b");
    const parsed = JSON.parse(bytes.toString());
    const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
    const referrer = Buffer.from(JSON.stringify({ ...parsed, artifactType: "application/x.proof", subject }));
    const put = await putManifest("fam/greeter", digestOf(referrer), referrer);
    expect(put.headers.get("oci-subject")).toBe(subject.digest);
    const list = await at(`fam/greeter/referrers/${subject.digest}?artifactType=application/x.proof`);
    expect((await json(list)).manifests).toHaveLength(1);
    const none = await at(`fam/greeter/referrers/${subject.digest}?artifactType=application/x.none`);
    expect((await json(none)).manifests).toEqual([]);
  });

  it("refuses manifests that refer to nothing, that are two things, or whose digest is another", async () => {
    const bytes = await makeManifest("fam/greeter", "refused");
    const document = JSON.parse(bytes.toString());
    const missing = {
      ...document,
      layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: `sha256:${"0".repeat(64)}`, size: 1 }],
    };
    const codes = [];
    for (const bad of [missing, { ...document, manifests: [] }, { ...document, schemaVersion: 1 }]) {
      const answer = await putManifest("fam/greeter", "x", Buffer.from(JSON.stringify(bad)));
      codes.push((await json(answer)).errors[0].code);
    }
    expect(codes).toEqual(["MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_INVALID"]);
    const other = await putManifest("fam/greeter", `sha256:${"1".repeat(64)}`, bytes);
    expect(other.status).toBe(400);
  });

  it("writes version tags once, keeps canaries for the publisher and names for their owners", async () => {
    const one = await makeManifest("fam/greeter", "one");
    const two = await makeManifest("fam/greeter", "two");
    const reason = async (answer: Response) => `${answer.status} ${(await json(answer)).errors[0].message}`;
    expect((await putManifest("fam/greeter", "v1.0.0", one)).status).toBe(201);
    expect((await putManifest("fam/greeter", "v1.0.0", one)).status).toBe(201);
    expect(await reason(await putManifest("fam/greeter", "v1.0.0", two))).toMatch(
      /^403 v1\.0\.0 is published as sha256/,
    );
    expect(await reason(await putManifest("fam/greeter", "canary", one))).toMatch(/^403 canary is written by/);
    expect(await reason(await putManifest("fam/greeter", "v2.0.0", one, "fl_maint"))).toMatch(/^403 v2\.0\.0/);
    expect(await reason(await pushBlob("fam/other", Buffer.from("x"), "fl_maint"))).toMatch(/belongs to other/);
    expect(await reason(await pushBlob("elsewhere/x", Buffer.from("x"), "fl_maint"))).toMatch(/only an administrator/);
    expect((await pushBlob("fam/greeter", Buffer.from("x"), "fl_read")).status).toBe(403);
    expect((await pushBlob("fam/greeter", Buffer.from("x"), "")).status).toBe(401);
    expect((await at("fam/greeter/manifests/v1.0.0", { method: "DELETE" })).status).toBe(403);
    expect((await at(`fam/greeter/manifests/${digestOf(one)}`, { method: "DELETE" })).status).toBe(403);
  });

  it("gives the publisher one winner where two want the same version", async () => {
    const builtin = createBuiltinRegistry({ store, blobs, clock: systemClock });
    const roots = [];
    for (const mark of ["w1", "w2"]) {
      const bytes = await makeManifest("fam/greeter", mark);
      must(await blobs.write(bytes));
      roots.push({ mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length });
    }
    for (const image of roots) must(await builtin.push("fam/greeter", { root: image }));
    const answers = await Promise.all(roots.map((image) => builtin.tag("fam/greeter", "v3.0.0", image, "immutable")));
    expect(answers.map((answer) => answer.ok).sort()).toEqual([false, true]);
    const [root] = roots;
    if (!root) throw new Error("no image");
    expect((await builtin.tag("fam/greeter", "v3.0.0", root, "immutable")).ok).toBe(answers[0]?.ok);
  });

  it("keeps nothing of paths that are not names", async () => {
    for (const path of ["../etc/blobs/x", "fam/Greeter/tags/list", "fam/greeter/manifests/%2e%2e", "a//b/tags/list"])
      expect((await at(path)).status).toBeGreaterThanOrEqual(400);
  });
});

describe("the registry client against our own door", () => {
  it("pushes, tags once, pulls to a layout and verifies", async () => {
    const client = createRegistryClient({
      clock: systemClock,
      credentials: () => ({ username: "x", password: "fl_admin" }),
    });
    const bytes = await makeManifest("fam/greeter", "client");
    must(await blobs.write(bytes));
    const image = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
    const remote = createRemoteRegistry({ name: `${host}/mirror`, client, blobs });
    expect(must(await remote.resolve("greeter", "v1.0.0"))).toBeUndefined();
    must(await remote.push("greeter", { root: image }));
    must(await remote.tag("greeter", "v1.0.0", image, "immutable"));
    expect(must(await remote.resolve("greeter", "v1.0.0"))?.digest).toBe(image.digest);
    const folder = join(root, "layout");
    const pulled = must(await pullToLayout({ client, ids: systemIds }, `${host}/mirror/greeter:v1.0.0`, folder));
    expect(pulled.digest).toBe(image.digest);
    expect(JSON.parse(await readFile(join(folder, "index.json"), "utf8")).manifests[0].digest).toBe(image.digest);
    expect((await pullToLayout({ client, ids: systemIds }, `${host}/mirror/greeter:v1.0.0`, folder)).ok).toBe(false);
  });
});

describe.skipIf(!skopeo)("skopeo (skipped where skopeo is not installed)", () => {
  const call = (...args: string[]) => run(skopeo ?? "", args);
  const place = () => `docker://${host}/fam/greeter`;

  it("copies in with a token, out without one, and is refused over a version", async () => {
    const layout = join(root, "in");
    const config = Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: { Labels: { a: "b" } },
        rootfs: { type: "layers", diff_ids: [] },
      }),
    );
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length },
        layers: [],
      }),
    );
    await mkdir(join(layout, "blobs", "sha256"), { recursive: true });
    for (const bytes of [config, manifest])
      await writeFile(join(layout, "blobs", ...digestOf(bytes).split(":")), bytes);
    await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(
      join(layout, "index.json"),
      JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length }],
      }),
    );
    const refused = await call("copy", "--dest-tls-verify=false", `oci:${layout}`, `${place()}:v5.0.0`);
    expect(refused.code).not.toBe(0);
    const copied = await call(
      "copy",
      "--dest-tls-verify=false",
      "--dest-creds=x:fl_admin",
      `oci:${layout}`,
      `${place()}:v5.0.0`,
    );
    expect(copied.stderr).toBe("");
    const inspected = await call("inspect", "--tls-verify=false", `${place()}:v5.0.0`);
    expect(JSON.parse(inspected.stdout).Labels).toEqual({ a: "b" });
    const other = await call(
      "copy",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      "--dest-creds=x:fl_admin",
      `${place()}:a`,
      `${place()}:v5.0.0`,
    );
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain("means those bytes for ever");
    const out = await call("copy", "--src-tls-verify=false", `${place()}:v5.0.0`, `dir:${join(root, "out")}`);
    expect(out.code).toBe(0);
  });
});
