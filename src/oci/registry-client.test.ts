import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hastyClock } from "../../test/fixtures/hasty-clock.ts";
import { must, type Result, systemIds } from "../core/index.ts";
import { createBaseSource } from "./base-source.ts";
import { isLoopback } from "./client/hosts.ts";
import { mediaTypes } from "./documents.ts";
import { openFsBlobStore } from "./fs-blobs.ts";
import { createRegistryClient } from "./registry-client.ts";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const layer = Buffer.from("layer");
const layerBlob = { digest: digestOf(layer), size: layer.length };
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(layer), size: layer.length },
    layers: [],
  }),
);
let clock = hastyClock();
const servers: Server[] = [];
let seen: { host: string; url: string; authorization: string | undefined }[] = [];

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    seen.push({
      host: request.headers.host ?? "",
      url: request.url ?? "",
      authorization: request.headers.authorization,
    });
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

let client = newClient();
function newClient() {
  return createRegistryClient({ clock, credentials: () => ({ username: "u", password: "secret" }) });
}
const outcome = (result: Result<unknown>) => (result.ok ? "ok" : result.error.code);

beforeEach(() => {
  seen = [];
  clock = hastyClock();
  client = newClient();
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe("the registry client and a hostile registry", () => {
  it("does not take other bytes for a digest", async () => {
    const host = await serve((_, response) => response.end("{}"));
    expect(outcome(await client.manifest(host, "a", digestOf(manifest)))).toBe("corrupt");
    const honest = await serve((_, response) =>
      response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(manifest),
    );
    expect(must(await client.manifest(honest, "a", digestOf(manifest)))?.descriptor.digest).toBe(digestOf(manifest));
    const other = await client.manifest(honest, "a", `sha256:${"0".repeat(64)}`);
    expect(other.ok ? "" : other.error.message).toContain("answered other bytes");
  });

  it("sends no credentials after a redirect to another host", async () => {
    const elsewhere = await serve((_, response) => response.end(layer));
    const host = await serve((request, response) => {
      if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      else response.writeHead(307, { location: `http://${elsewhere}/somewhere` }).end();
    });
    const body = must(await client.blob(host, "a", layerBlob));
    expect(await new Response(body).text()).toBe("layer");
    expect(seen.map(({ host: at, authorization }) => [at === host, authorization !== undefined])).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
  });

  it("follows neither to a plain host outside nor in a circle", async () => {
    const host = await serve((request, response) => {
      const location = request.url?.includes("/outside/") ? "http://registry.example/x" : (request.url ?? "");
      response.writeHead(302, { location }).end();
    });
    expect(outcome(await client.blob(host, "outside", layerBlob))).toBe("forbidden");
    expect(outcome(await client.blob(host, "circle", layerBlob))).toBe("unavailable");
  });

  it("uploads to no place that it would not be redirected to", async () => {
    const host = await serve((request, response) =>
      request.method === "HEAD"
        ? response.writeHead(404).end()
        : response.writeHead(202, { location: "http://registry.example/upload" }).end(),
    );
    const descriptor = { mediaType: mediaTypes.ociLayerTar, digest: digestOf(layer), size: layer.length };
    const open = async () => {
      throw new Error("the blob must not be opened");
    };
    const pushed = await client.pushBlob({ host, repository: "a", blob: descriptor, open });
    expect(outcome(pushed)).toBe("forbidden");
  });

  it("asks again after 429 and 5xx, waits longer each time, and gives up", async () => {
    let calls = 0;
    const host = await serve((_, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(429, { "retry-after": "7" }).end();
      else if (calls === 2) response.writeHead(503).end();
      else response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(manifest);
    });
    expect(outcome(await client.manifest(host, "a", "v1"))).toBe("ok");
    expect(clock.pauses).toEqual([500, 6500, 1000]);
    const down = await serve((_, response) => response.writeHead(500).end());
    const failed = await client.manifest(down, "a", "v1");
    expect(failed.ok ? "" : `${failed.error.code} ${failed.error.message}`).toBe(`unavailable ${down} answered 500`);
    expect(seen.filter(({ host: at }) => at === down)).toHaveLength(4);
  });

  it("tells a broken blob from a whole one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "client-"));
    try {
      const blobs = await openFsBlobStore({ root: folder, ids: systemIds });
      const host = await serve((_, response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write("half", () => response.destroy());
      });
      const body = must(await client.blob(host, "a", layerBlob));
      expect(outcome(await blobs.write(body, { digest: digestOf(layer), size: 1000 }))).toBe("unavailable");
      expect(await blobs.sizeOf(digestOf(layer))).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("reads no manifest, token or complaint without end", async () => {
    const flood = (response: ServerResponse) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
      };
      response.on("drain", more);
      more();
    };
    const host = await serve((request, response) => {
      if (request.url?.includes("/big/")) response.writeHead(200);
      else if (request.url?.includes("/token")) response.writeHead(200);
      else if (request.url?.includes("/asks/")) {
        const realm = `http://${request.headers.host ?? ""}/token`;
        response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end();
        return;
      } else response.writeHead(418);
      flood(response);
    });
    expect(outcome(await client.manifest(host, "big", "v1"))).toBe("limit");
    expect(outcome(await client.manifest(host, "asks", "v1"))).toBe("limit");
    expect(outcome(await client.manifest(host, "complains", "v1"))).toBe("unavailable");
  });

  it("shows what a registry says as one harmless line", async () => {
    const host = await serve((_, response) => response.writeHead(400).end("no\u001b[2J\nway"));
    const answer = await client.manifest(host, "a", "v1");
    expect(answer.ok ? "" : answer.error.message).toBe(`${host} answered 400: no␛[2J way`);
  });

  it("says which credentials are missing or wrong", async () => {
    const host = await serve((_, response) => response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end());
    const wrong = await client.manifest(host, "a", "v1");
    expect(wrong.ok ? "" : [wrong.error.code, wrong.error.hint]).toEqual(["forbidden", `docker login ${host}`]);
    const anonymous = createRegistryClient({ clock });
    const missing = await anonymous.manifest(host, "a", "v1");
    expect(missing.ok ? "" : missing.error.message).toBe(`${host} asks for credentials`);
  });

  it("knows this machine by its names only", () => {
    const names = ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000"];
    expect(names.filter(isLoopback)).toEqual(names);
    expect(["127.0.0.1.example", "localhost.example:80", "10.0.0.1", "1127.0.0.1"].filter(isLoopback)).toEqual([]);
  });
});

describe("the source of bases", () => {
  async function source(blobsRoot: string, hosts: readonly string[], mirrors: Readonly<Record<string, string>> = {}) {
    const blobs = await openFsBlobStore({ root: blobsRoot, ids: systemIds });
    const made = createBaseSource({
      client,
      blobs,
      mirrors: () => mirrors,
      mirrorsMayResolve: () => false,
      allowedHosts: () => hosts,
    });
    return { blobs, bases: made };
  }

  it("pulls from this machine only where the family file lists it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bases-"));
    try {
      const host = await serve((_, response) =>
        response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end(manifest),
      );
      const closed = await source(folder, []);
      expect(outcome(await closed.bases.resolve(`${host}/a:v1`))).toBe("refused");
      expect(seen).toEqual([]);
      const open = await source(folder, [host]);
      expect(must(await open.bases.resolve(`${host}/a:v1`)).digest).toBe(digestOf(manifest));
      expect(outcome(await open.bases.resolve("gcr.io/a:v1"))).toBe("refused");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("asks a mirror by digest, never what a tag means", async () => {
    const folder = await mkdtemp(join(tmpdir(), "bases-"));
    try {
      const answer: Answer = (request, response) => {
        const isManifest = request.url?.includes("/manifests/");
        response
          .writeHead(200, isManifest ? { "content-type": mediaTypes.ociManifest } : {})
          .end(isManifest ? manifest : layer);
      };
      const origin = await serve(answer);
      const mirror = await serve(answer);
      const { bases, blobs } = await source(folder, [origin], { [origin]: `${mirror}/copies` });
      const root = must(await bases.resolve(`${origin}/a:v1`));
      must(await bases.fetch(`${origin}/a:v1`, root, { os: "linux", architecture: "amd64" }));
      expect(await blobs.sizeOf(digestOf(layer))).toBe(layer.length);
      expect(seen.map(({ host, url }) => [host === mirror ? "mirror" : "origin", url])).toEqual([
        ["origin", "/v2/a/manifests/v1"],
        ["mirror", `/v2/copies/a/manifests/${digestOf(manifest)}`],
        ["mirror", `/v2/copies/a/blobs/${digestOf(layer)}`],
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
