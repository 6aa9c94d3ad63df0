import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FaultyRegistry, serveFaulty, sha256 } from "../../../test/fixtures/faulty-registry.ts";
import { type HastyClock, hastyClock } from "../../../test/fixtures/hasty-clock.ts";
import { must, type Result } from "../../core/index.ts";
import { mediaTypes } from "../documents.ts";
import { createRegistryClient, type RegistryClient } from "../registry-client.ts";
import { parseChallenges } from "./challenge.ts";
import { retryAfterMs } from "./host-budget.ts";
import { fallbackTag } from "./referrers.ts";

let registry: FaultyRegistry;
let clock: HastyClock;
let client: RegistryClient;

beforeEach(async () => {
  registry = await serveFaulty();
  clock = hastyClock();
  client = createRegistryClient({ clock });
});
afterEach(() => registry.close());

const subject = `sha256:${"a".repeat(64)}`;
const outcome = (result: Result<unknown>) =>
  result.ok ? "ok" : `${result.error.code}: ${result.error.message.replaceAll(registry.host, "HOST")}`;

function attachment(mark: string, artifactType = "application/x.proof") {
  const descriptor = { mediaType: "application/octet-stream", digest: sha256(mark), size: mark.length };
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: { mediaType: mediaTypes.ociEmpty, digest: sha256("{}"), size: 2 },
    layers: [descriptor],
    subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 9 },
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return {
    digest: sha256(bytes),
    write: { host: registry.host, repository: "a", reference: sha256(bytes), mediaType: mediaTypes.ociManifest, bytes },
  };
}

const listed = async (artifactType?: string) =>
  must(await client.referrers(registry.host, "a", subject, artifactType)).map((each) => each.digest);

describe("what refers to an image", () => {
  it("is left to a registry that says OCI-Subject", async () => {
    const one = attachment("one");
    must(await client.pushManifest(one.write));
    expect(registry.count("PUT", /manifests/)).toBe(1);
    expect(await listed()).toEqual([one.digest]);
  });

  it("is listed under the fallback tag where a registry says nothing", async () => {
    registry.indexesSubjects = false;
    const [one, two] = [attachment("one"), attachment("two", "application/x.other")];
    must(await client.pushManifest(one.write));
    must(await client.pushManifest(two.write));
    must(await client.pushManifest(one.write));
    expect(await listed()).toEqual([one.digest, two.digest]);
    expect(fallbackTag(subject)).toBe(`sha256-${"a".repeat(64)}`);
    const stored = registry.manifests.get(`a:${fallbackTag(subject)}`);
    expect(JSON.parse(stored?.bytes.toString() ?? "").manifests[1]).toMatchObject({
      digest: two.digest,
      artifactType: "application/x.other",
    });
    expect(await listed("application/x.other")).toEqual([two.digest]);
  });

  it("is whole when many write the fallback at once", async () => {
    registry.indexesSubjects = false;
    for (const knowsEtags of [true, false]) {
      registry.knowsEtags = knowsEtags;
      registry.manifests.clear();
      const all = Array.from({ length: 4 }, (_, at) => attachment(`${knowsEtags} ${at}`));
      // Each has a client of its own, as other processes have.
      const written = await Promise.all(all.map((each) => createRegistryClient({ clock }).pushManifest(each.write)));
      expect(written.map(outcome)).toEqual(["ok", "ok", "ok", "ok"]);
      // Without entity tags a writer may still be overwritten after it looked; it is found when it writes again.
      for (const each of all) must(await client.pushManifest(each.write));
      expect([...(await listed())].sort()).toEqual(all.map((each) => each.digest).sort());
    }
  });

  it("is filtered here where a registry knows no filter", async () => {
    must(await client.pushManifest(attachment("one").write));
    const two = attachment("two", "application/x.other");
    must(await client.pushManifest(two.write));
    expect(await listed()).toHaveLength(2);
    expect(await listed("application/x.other")).toEqual([two.digest]);
  });

  it("is nothing where nothing is, and a fault where the answer is none", async () => {
    expect(await listed()).toEqual([]);
    registry.indexesSubjects = false;
    expect(await listed()).toEqual([]);
    registry.fault = (request, response) => {
      if (!request.url?.includes("/referrers/")) return false;
      response.end("<html>");
      return true;
    };
    expect(outcome(await client.referrers(registry.host, "a", subject))).toBe(
      `corrupt: HOST/a: what refers to ${subject} is no index`,
    );
  });
});

describe("manifests", () => {
  function attachmentWrite(reference: string) {
    return { ...attachment("one").write, reference };
  }

  it("are read back, so that a registry that stored something else is found out", async () => {
    registry.fault = (request, response) => {
      if (request.method !== "PUT") return false;
      registry.manifests.set("a:v1", { type: mediaTypes.ociManifest, bytes: attachment("two").write.bytes });
      request.resume();
      request.once("end", () => response.writeHead(201).end());
      return true;
    };
    expect(outcome(await client.pushManifest(attachmentWrite("v1")))).toBe(
      `corrupt: HOST/a:v1 is ${attachment("two").digest} after ${attachment("one").digest} was written`,
    );
    registry.fault = (request, response) => {
      if (request.method !== "PUT") return false;
      request.resume();
      request.once("end", () => response.writeHead(201).end());
      return true;
    };
    expect(outcome(await client.pushManifest(attachmentWrite("v2")))).toBe(
      "unavailable: HOST took a:v2, and now does not have it",
    );
    registry.fault = (request, response) => {
      if (request.method !== "PUT") return false;
      request.resume();
      request.once("end", () => response.writeHead(201, { "docker-content-digest": sha256("x") }).end());
      return true;
    };
    expect(outcome(await client.pushManifest(attachmentWrite("v3")))).toContain("and says that it stored");
  });

  it.each([
    ["not JSON", "{", mediaTypes.ociManifest, "corrupt"],
    ["of another type than said", '{"schemaVersion":2,"mediaType":"a/b"}', mediaTypes.ociManifest, "corrupt"],
    ["of no type that is one", '{"schemaVersion":2}', "text/html", "corrupt"],
    ["both image and index", '{"schemaVersion":2,"layers":[],"manifests":[]}', mediaTypes.ociIndex, "corrupt"],
    ["larger than any", " ".repeat(5_000_000), mediaTypes.ociManifest, "limit"],
  ])("are refused when %s", async (_, body, type, code) => {
    registry.fault = (_request, response) => {
      response.writeHead(200, { "content-type": type }).end(body);
      return true;
    };
    const read = await client.manifest(registry.host, "a", "v1");
    expect(read.ok ? "read" : read.error.code).toBe(code);
  });

  it("are refused when the header names another digest than the bytes have", async () => {
    registry.fault = (_, response) => {
      const headers = { "content-type": mediaTypes.ociManifest, "docker-content-digest": sha256("x") };
      response.writeHead(200, headers).end(attachment("one").write.bytes);
      return true;
    };
    expect(outcome(await client.manifest(registry.host, "a", "v1"))).toMatch(/^corrupt: HOST\/a:v1 says /);
  });
});

describe("tags", () => {
  it("are listed over all pages, and not in a circle", async () => {
    const one = attachment("one").write;
    for (const tag of ["v1", "v2", "v3", "v4", "v5"])
      registry.manifests.set(`a:${tag}`, { type: one.mediaType, bytes: one.bytes });
    expect(must(await client.tags(registry.host, "a"))).toEqual(["v1", "v2", "v3", "v4", "v5"]);
    expect(registry.count("GET", /tags\/list/)).toBe(3);
    registry.fault = (request, response) => {
      const link = `<${request.url}&again=${registry.seen.length}>; rel="next"`;
      response.writeHead(200, { link }).end('{"tags":["v1","no tag",7]}');
      return true;
    };
    expect(must(await client.tags(registry.host, "a"))).toEqual(["v1"]);
    registry.fault = (_, response) => {
      response.end('{"tags":null}');
      return true;
    };
    expect(must(await client.tags(registry.host, "a"))).toEqual([]);
  });
});

describe("headers", () => {
  it("of challenges are read with all their schemes and quotes", () => {
    expect(parseChallenges('Negotiate, Basic realm="a, \\"b\\"" , Bearer realm="https://r/t?x=1",service=s')).toEqual([
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: 'a, "b"' } },
      { scheme: "bearer", parameters: { realm: "https://r/t?x=1", service: "s" } },
    ]);
    for (const broken of ["", "=", '"', "Bearer realm", `Bearer ${"x".repeat(9000)}`])
      expect(parseChallenges(broken).every(({ parameters }) => parameters["realm"] === undefined)).toBe(true);
  });

  it("of Retry-After are seconds or a date, and nothing else", () => {
    const now = Date.UTC(2026, 0, 1);
    expect(retryAfterMs("120", now)).toBe(120_000);
    expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
    expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
    for (const nonsense of [null, "", "-1", "1.5", "soon", "2026-01-01"])
      expect(retryAfterMs(nonsense, now)).toBeUndefined();
  });
});
