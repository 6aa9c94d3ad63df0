import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { atFirst, type FaultyRegistry, serveFaulty, sha256 } from "../../../test/fixtures/faulty-registry.ts";
import { type HastyClock, hastyClock } from "../../../test/fixtures/hasty-clock.ts";
import { turns } from "../../../test/fixtures/until.ts";
import { must, ok, type Result } from "../../core/index.ts";
import { mediaTypes } from "../documents.ts";
import { createRegistryClient, type RegistryClient } from "../registry-client.ts";
import type { Upload } from "./upload.ts";

const bytes = randomBytes(1_000_000);
const blob = { digest: sha256(bytes), size: bytes.length };
let registry: FaultyRegistry;
let clock: HastyClock;
let client: RegistryClient;
const servers: Server[] = [];

beforeEach(async () => {
  registry = await serveFaulty();
  clock = hastyClock();
  client = createRegistryClient({ clock, credentials: (host) => (host === registry.host ? login : undefined) });
});
afterEach(() => {
  registry.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const login = { username: "u", password: "secret" };
const outcome = (result: Result<unknown>) =>
  result.ok ? String(result.value) : `${result.error.code}: ${result.error.message.replaceAll(registry.host, "HOST")}`;

function upload(repository = "a", mountFrom?: string): Upload {
  return {
    host: registry.host,
    repository,
    blob,
    mountFrom,
    open: async (range) => {
      const part = range ? bytes.subarray(range.start, range.end + 1) : bytes;
      const pieces = Array.from({ length: Math.ceil(part.length / 65_536) }, (_, at) =>
        part.subarray(at * 65_536, (at + 1) * 65_536),
      );
      return ok(Readable.toWeb(Readable.from(pieces)));
    },
  };
}

/** A server that is no registry; answers its host, and counts who came with credentials. */
async function elsewhere(): Promise<{ readonly host: string; readonly asked: (string | undefined)[] }> {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    request.resume();
    request.once("end", () => response.writeHead(201).end());
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`, asked };
}

describe("uploading a blob", () => {
  it("sends it once, and then not again", async () => {
    expect(outcome(await client.pushBlob(upload()))).toBe("uploaded");
    expect(outcome(await client.pushBlob(upload()))).toBe("present");
    expect(registry.count("PUT", /uploads/)).toBe(1);
    expect(registry.blobs.get(blob.digest)?.equals(bytes)).toBe(true);
  });

  it("authorizes anew when the token ends in the middle, and sends it again", async () => {
    const live = new Set(["t0"]);
    let issued = 0;
    registry.fault = (request, response) => {
      const url = request.url ?? "";
      if (url.startsWith("/token")) {
        expect(request.headers.authorization).toBe(`Basic ${Buffer.from("u:secret").toString("base64")}`);
        live.clear();
        live.add(`t${++issued}`);
        response.end(JSON.stringify({ token: `t${issued}`, expires_in: 300 }));
        return true;
      }
      if (request.method === "PUT" && issued === 1) live.clear();
      if (live.has((request.headers.authorization ?? "").replace("Bearer ", ""))) return false;
      request.resume();
      const challenge = `Bearer realm="http://${registry.host}/token",service="s",scope="x"`;
      request.once("end", () => response.writeHead(401, { "www-authenticate": challenge }).end());
      return true;
    };
    expect(outcome(await client.pushBlob(upload()))).toBe("uploaded");
    expect(issued).toBe(2);
    expect(registry.seen.find(({ url }) => url.startsWith("/token"))?.url).toBe(
      "/token?service=s&scope=repository%3Aa%3Apull%2Cpush",
    );
  });

  it("mounts it from another repository without a byte", async () => {
    must(await client.pushBlob(upload("base")));
    expect(outcome(await client.pushBlob(upload("a", "base")))).toBe("mounted");
    expect(registry.count("PUT", /uploads/)).toBe(1);
  });

  it("goes on with the session that a refused mount opened", async () => {
    expect(outcome(await client.pushBlob(upload("a", "empty")))).toBe("uploaded");
    expect(registry.count("POST", /uploads/)).toBe(1);
    expect(registry.seen.find(({ method }) => method === "POST")?.url).toContain("from=empty");
  });

  it("does not take a mount's word for it", async () => {
    registry.fault = atFirst("POST", /mount=/, (_, response) => response.writeHead(201).end());
    expect(outcome(await client.pushBlob(upload("a", "base")))).toBe("uploaded");
    expect(registry.count("POST", /uploads/)).toBe(2);
  });

  it("uploads to the registry itself when it may not read the other repository", async () => {
    registry.fault = atFirst("POST", /mount=/, (_, response) => response.writeHead(403).end());
    expect(outcome(await client.pushBlob(upload("a", "private")))).toBe("uploaded");
  });

  it("follows an upload to another host without credentials", async () => {
    const other = await elsewhere();
    registry.fault = (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      if (request.method !== "POST") return false;
      response.writeHead(202, { location: `http://${other.host}/session` }).end();
      return true;
    };
    const pushed = await client.pushBlob(upload());
    expect(other.asked.length).toBeGreaterThan(0);
    expect(other.asked.every((authorization) => authorization === undefined)).toBe(true);
    // That host took the bytes; the registry does not have them, which is what counts.
    expect(outcome(pushed)).toBe(`unavailable: HOST took ${blob.digest}, and now does not have it`);
  });

  it("answers no other host that asks for credentials", async () => {
    const other = createServer((request, response) => {
      request.resume();
      request.once("end", () => response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end());
    });
    servers.push(other);
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const address = other.address();
    const port = typeof address === "object" && address ? address.port : 0;
    registry.fault = atFirst("POST", /uploads/, (_, response) =>
      response.writeHead(202, { location: `http://127.0.0.1:${port}/session` }).end(),
    );
    expect(outcome(await client.pushBlob(upload()))).toBe(
      `forbidden: HOST led to 127.0.0.1:${port}, which asks for credentials; they are not sent there`,
    );
  });

  it.each(["http://registry.example/u", "ftp://registry.example/u", "https://u:p@registry.example/u"])(
    "is not led to %s",
    async (location) => {
      registry.fault = atFirst("POST", /uploads/, (_, response) => response.writeHead(202, { location }).end());
      expect(outcome(await client.pushBlob(upload()))).toMatch(
        /^forbidden: HOST leads to .*registry\.example, which is not followed$/,
      );
    },
  );

  it("goes on where the connection broke", async () => {
    registry.fault = atFirst("PUT", /uploads\/u1/, (request) => request.once("data", () => request.destroy()));
    expect(outcome(await client.pushBlob(upload()))).toBe("uploaded");
    expect(registry.count("POST", /uploads/)).toBe(1);
    expect(registry.count("GET", /uploads\/u1/)).toBe(1);
  });

  it("sends only the rest of what a registry kept", async () => {
    const kept = 300_000;
    let broken = false;
    registry.fault = async (request, response) => {
      if (broken || request.method !== "PUT" || !request.url?.includes("uploads")) return false;
      broken = true;
      const path = request.url.replace(/&digest=.*/, "");
      request.destroy();
      response.destroy();
      // What a registry keeps of a broken upload: its beginning.
      await fetch(`http://${registry.host}${path}`, { method: "PATCH", body: bytes.subarray(0, kept) });
      return true;
    };
    expect(outcome(await client.pushBlob(upload()))).toBe("uploaded");
    const rest = registry.seen.find(({ headers }) => headers["content-range"] !== undefined);
    expect([rest?.headers["content-range"], rest?.received]).toEqual([
      `${kept}-${bytes.length - 1}`,
      bytes.length - kept,
    ]);
  });

  it("sends pieces where a proxy takes no large body, and resumes after 416", async () => {
    let refusals = 0;
    let unruly = true;
    registry.fault = (request, response) => {
      if (!request.url?.includes("uploads/u")) return false;
      if (Number(request.headers["content-length"]) > 600_000) {
        refusals += 1;
        request.resume();
        request.once("end", () => response.writeHead(413).end());
        return true;
      }
      if (request.method !== "PATCH" || !unruly || request.headers["content-range"]?.startsWith("0-")) return false;
      unruly = false;
      request.resume();
      request.once("end", () => response.writeHead(416).end());
      return true;
    };
    expect(outcome(await client.pushBlob(upload()))).toBe("uploaded");
    expect(refusals).toBeGreaterThan(0);
    expect(registry.count("PATCH", /uploads/)).toBeGreaterThanOrEqual(3);
    expect(registry.count("GET", /uploads\/u1/)).toBeGreaterThanOrEqual(1);
  });

  it("finds a registry out that says it stored something else, or that stored nothing", async () => {
    const lie = sha256("something else");
    registry.fault = atFirst("PUT", /uploads/, (request, response) => {
      request.resume();
      request.once("end", () => response.writeHead(201, { "docker-content-digest": lie }).end());
    });
    expect(outcome(await client.pushBlob(upload()))).toBe(
      `corrupt: HOST was given ${blob.digest} and says that it stored ${lie}`,
    );
    registry.fault = (request, response) => {
      if (request.method !== "PUT") return false;
      request.resume();
      request.once("end", () => response.writeHead(201).end());
      return true;
    };
    expect(outcome(await client.pushBlob(upload()))).toContain("unavailable: HOST took");
    registry.fault = atFirst("HEAD", /blobs/, (_, response) =>
      response.writeHead(200, { "content-length": "7" }).end(),
    );
    expect(outcome(await client.pushBlob(upload()))).toContain("corrupt: HOST/a has 7 bytes under");
  });

  it("repeats no request that was refused for good", async () => {
    registry.fault = (request, response) => {
      if (request.method !== "PUT") return false;
      request.resume();
      request.once("end", () => response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}'));
      return true;
    };
    expect(outcome(await client.pushBlob(upload()))).toContain("HOST answered 400");
    expect(registry.count("PUT", /uploads/)).toBe(1);
  });
});

describe("a registry that wants quiet", () => {
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, config: { mediaType: "x/y", digest: blob.digest, size: 1 }, layers: [] }),
  );
  beforeEach(() => {
    registry.manifests.set("a:v1", { type: mediaTypes.ociManifest, bytes: manifest });
  });

  it.each([
    ["seconds", () => "7", 7000],
    ["a date", (now: number) => new Date(now + 9000).toUTCString(), 9000],
  ])("is left alone as long as Retry-After says in %s, by everybody", async (_, header, pause) => {
    registry.fault = atFirst("GET", /manifests/, (_request, response) =>
      response.writeHead(429, { "retry-after": header(clock.now()) }).end(),
    );
    const asked = await Promise.all([1, 2, 3].map(() => client.manifest(registry.host, "a", "v1")));
    expect(asked.map(outcome)).toEqual(Array.from({ length: 3 }, () => "[object Object]"));
    expect(clock.pauses.some((each) => each > pause - 2000 && each <= pause)).toBe(true);
  });

  it("is not waited for when it wants more than a minute; nobody asks it in the meantime", async () => {
    registry.fault = atFirst("GET", /manifests/, (_, response) =>
      response.writeHead(429, { "retry-after": "600" }).end(),
    );
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toBe("unavailable: HOST answered 429");
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toMatch(
      /^unavailable: HOST asked not to be asked before 2026-01-01T00:10:0/,
    );
    expect(registry.seen).toHaveLength(1);
  });

  it("does not get more requests a second than one budget has, whoever asks", async () => {
    const many = await Promise.all(Array.from({ length: 120 }, () => client.manifest(registry.host, "a", "v1")));
    expect(many.every((each) => each.ok)).toBe(true);
    expect(Math.max(...clock.pauses)).toBeGreaterThan(1000);
  });

  it("that hangs is given up, asked again, and given up for good", async () => {
    registry.fault = () => true;
    const asked = client.manifest(registry.host, "a", "v1");
    let done = false;
    void asked.then(() => {
      done = true;
    });
    let passed = 0;
    while (!done) {
      await turns(20);
      if (registry.seen.length > passed) passed += clock.passDeadlines();
    }
    expect(outcome(await asked)).toBe("unavailable: HOST could not be reached: nothing was heard for 120 s");
    expect([registry.seen.length, passed]).toEqual([4, 4]);
    // The next one is told at once: one host that hangs takes nobody else's time.
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toContain("could not be reached");
    expect(registry.seen).toHaveLength(4);
  });
});

describe("tokens", () => {
  const asksAt = (realm: string) => {
    registry.fault = (_, response) => {
      response.writeHead(401, { "www-authenticate": `Negotiate, Bearer realm="${realm}", service="s"` }).end();
      return true;
    };
  };

  it("are not fetched with credentials from another host", async () => {
    const other = await elsewhere();
    asksAt(`http://${other.host}/token`);
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toBe(
      `forbidden: HOST wants its credentials sent to ${other.host}, another host; they are not`,
    );
    expect(other.asked).toEqual([]);
  });

  it.each(["http://registry.example/token", "nothing", "https://user:pw@registry.example/"])(
    "are not fetched from %s",
    async (realm) => {
      asksAt(realm);
      expect(outcome(await client.manifest(registry.host, "a", "v1"))).toMatch(/^forbidden: /);
      expect(registry.seen).toHaveLength(1);
    },
  );

  it("are no tokens where the answer is none", async () => {
    registry.fault = (request, response) => {
      if (request.url?.startsWith("/token")) response.end("<html>sign in</html>");
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end();
      return true;
    };
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toBe(
      "unavailable: HOST answered no token when asked for one",
    );
  });

  it("are exchanged for an identity token by OAuth2's form", async () => {
    const refreshing = createRegistryClient({
      clock,
      credentials: () => ({ username: "", password: "", identityToken: "refresh" }),
    });
    let form = "";
    registry.fault = async (request, response) => {
      if (request.url?.startsWith("/token")) {
        for await (const piece of request) form += String(piece);
        response.end(JSON.stringify({ access_token: "t", expires_in: 60 }));
        return true;
      }
      if (request.headers.authorization === "Bearer t") return false;
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token",service="s"` }).end();
      return true;
    };
    expect(outcome(await refreshing.manifest(registry.host, "a", "v1"))).toBe("undefined");
    expect(form).toBe(
      "grant_type=refresh_token&client_id=fairlead&scope=repository%3Aa%3Apull&service=s&refresh_token=refresh",
    );
  });
});
