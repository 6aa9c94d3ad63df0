import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, ok, type Result, systemClock, systemIds } from "../../src/core/index.ts";
import {
  type CredentialSource,
  createRegistryClient,
  createRemoteRegistry,
  mediaTypes,
  openFsBlobStore,
  type RegistryClient,
  type SweepableBlobStore,
} from "../../src/oci/index.ts";
import { dockerRegistry, type OtherRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { serveFlaky } from "../fixtures/flaky-proxy.ts";
import { digestOf, type ServedRegistry, serveRegistry } from "../fixtures/served-registry.ts";

interface Place {
  readonly host: string;
  readonly credentials: CredentialSource;
  close(): Promise<void>;
}

const login = (username: string, password: string) => (host: string) =>
  host === "" ? undefined : { username, password };

async function ours(): Promise<Place> {
  const registry: ServedRegistry = await serveRegistry();
  return { host: registry.host, credentials: login("x", "fl_admin"), close: () => registry.close() };
}

async function debians(access: "open" | "htpasswd"): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "docker-registry-"));
  const served: OtherRegistry = await serveDockerRegistry(folder, access);
  return {
    host: served.host,
    credentials: access === "open" ? () => undefined : login("robot", "secret"),
    close: async () => {
      await served.stop();
      await rm(folder, { recursive: true });
    },
  };
}

const without = dockerRegistry === undefined;
const places: readonly (readonly [string, () => Promise<Place>, boolean])[] = [
  ["our registry (a token of push scope for Basic)", ours, false],
  ["Debian's docker-registry, open (skipped where it is not installed)", () => debians("open"), without],
  ["Debian's docker-registry with htpasswd (skipped where it is not installed)", () => debians("htpasswd"), without],
];
const outcome = (result: Result<unknown>) => (result.ok ? String(result.value) : result.error.code);

describe.each(places)("the registry client and %s", (_, serve, skipped) => {
  let place: Place;
  let client: RegistryClient;
  let root: string;
  let blobs: SweepableBlobStore;
  beforeAll(async () => {
    if (skipped) return;
    place = await serve();
    client = createRegistryClient({ clock: systemClock, credentials: place.credentials });
    root = await mkdtemp(join(tmpdir(), "registry-client-"));
    blobs = await openFsBlobStore({ root, ids: systemIds });
  });
  afterAll(async () => {
    if (skipped) return;
    await place.close();
    await rm(root, { recursive: true });
  });

  function uploadOf(bytes: Buffer, repository: string, mountFrom?: string) {
    const blob = { digest: digestOf(bytes), size: bytes.length };
    const open = async (range?: { start: number; end: number }) => {
      const part = range ? bytes.subarray(range.start, range.end + 1) : bytes;
      return ok(Readable.toWeb(Readable.from([part])));
    };
    return { host: place.host, repository, blob, open, mountFrom };
  }

  it.skipIf(skipped)("uploads once, mounts, and reads back what it wrote", async () => {
    const bytes = randomBytes(3_000_000);
    expect(outcome(await client.pushBlob(uploadOf(bytes, "fam/greeter")))).toBe("uploaded");
    expect(outcome(await client.pushBlob(uploadOf(bytes, "fam/greeter")))).toBe("present");
    expect(outcome(await client.pushBlob(uploadOf(bytes, "fam/other", "fam/greeter")))).toBe("mounted");
    const { blob } = uploadOf(bytes, "");
    const read = must(await client.blob(place.host, "fam/other", blob));
    expect(must(await blobs.write(read, blob)).size).toBe(bytes.length);
    expect(outcome(await client.blob(place.host, "fam/other", { digest: digestOf(Buffer.from("x")), size: 1 }))).toBe(
      "not-found",
    );
  });

  it.skipIf(skipped)("goes on with an upload that broke, and sends pieces where it must", async () => {
    const proxy = await serveFlaky(place.host);
    try {
      const through = createRegistryClient({ clock: systemClock, credentials: place.credentials });
      let cut = 0;
      proxy.mood = (method) => (method === "PUT" && cut++ < 1 ? "cut" : "pass");
      const one = { ...uploadOf(randomBytes(2_000_000), "fam/greeter"), host: proxy.host };
      expect(outcome(await through.pushBlob(one))).toBe("uploaded");
      const sent = proxy.count("PATCH");
      let large = true;
      proxy.mood = (method) => (method === "PUT" && large ? "413" : "pass");
      const two = { ...uploadOf(randomBytes(20_000_000), "fam/greeter"), host: proxy.host };
      const open = two.open;
      const pushed = await through.pushBlob({
        ...two,
        open: async (range) => {
          if (range) large = false;
          return await open(range);
        },
      });
      expect(outcome(pushed)).toBe("uploaded");
      // 16 MiB at a time.
      expect(proxy.count("PATCH") - sent).toBe(2);
    } finally {
      proxy.close();
    }
  });

  it.skipIf(skipped)("keeps an image whole, its version where it is, and lists tags and referrers", async () => {
    const registry = createRemoteRegistry({ name: place.host, client, blobs });
    const roots = [];
    for (const mark of ["one", "two"]) {
      const layer = Buffer.from(mark);
      must(await blobs.write(layer));
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociManifest,
          config: { mediaType: mediaTypes.ociConfig, digest: digestOf(layer), size: layer.length },
          layers: [{ mediaType: mediaTypes.ociLayerTar, digest: digestOf(layer), size: layer.length }],
        }),
      );
      const root = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length };
      must(await blobs.write(manifest));
      must(await registry.push("fam/greeter", { root }));
      roots.push(root);
    }
    const [one, two] = roots;
    if (!one || !two) throw new Error("no images");
    must(await registry.tag("fam/greeter", "v1.0.0", one, "immutable"));
    expect(outcome(await registry.tag("fam/greeter", "v1.0.0", two, "immutable"))).toBe("refused");
    must(await registry.tag("fam/greeter", "trial", two, "moving"));
    expect([...must(await registry.tags("fam/greeter"))].sort()).toEqual(["trial", "v1.0.0"]);
    expect(must(await registry.tags("fam/nothing"))).toEqual([]);
    const proof = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        artifactType: "application/x.proof",
        config: { mediaType: mediaTypes.ociConfig, digest: digestOf(Buffer.from("one")), size: 3 },
        layers: [],
        subject: one,
      }),
    );
    must(
      await client.pushManifest({
        host: place.host,
        repository: "fam/greeter",
        reference: digestOf(proof),
        mediaType: mediaTypes.ociManifest,
        bytes: proof,
      }),
    );
    const attached = must(await registry.referrers("fam/greeter", one.digest));
    expect(attached.map((each) => [each.digest, each.artifactType])).toEqual([
      [digestOf(proof), "application/x.proof"],
    ]);
    expect(must(await registry.referrers("fam/greeter", two.digest))).toEqual([]);
  });

  it.skipIf(skipped)("is told apart from one without or with wrong credentials", async () => {
    const wrong = createRegistryClient({ clock: systemClock, credentials: login("robot", "wrong") });
    const none = createRegistryClient({ clock: systemClock });
    const needed = (await place.credentials(place.host)) !== undefined;
    for (const other of [wrong, none])
      expect(outcome(await other.pushBlob(uploadOf(randomBytes(10), "fam/greeter")))).toBe(
        needed ? "forbidden" : "uploaded",
      );
  });
});
