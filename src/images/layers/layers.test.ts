import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { Deflate } from "pako";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, ok, systemIds } from "../../core/index.ts";
import { type BlobStore, mediaTypes, openFsBlobStore } from "../../oci/index.ts";
import { chooseCompression } from "./compression.ts";
import { writeLayer } from "./layer.ts";
import { createLayerReader } from "./read-layer.ts";
import type { TarEntry } from "./tar.ts";
import { windowsEntries } from "./windows.ts";

let root: string;
let blobs: BlobStore;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "layers-"));
  blobs = await openFsBlobStore({ root, ids: systemIds });
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

function file(path: string, content: string | Buffer, more: Partial<TarEntry> = {}): TarEntry {
  const bytes = Buffer.from(content);
  const open = async () => ok(inChunks(bytes, 70_000));
  return { path, kind: "file", mode: 0o644, uid: 0, gid: 0, size: bytes.length, target: "", open, ...more };
}
const write = (entries: readonly TarEntry[]) =>
  writeLayer(blobs, chooseCompression(), entries, mediaTypes.ociLayerGzip, 1_700_000_000);

describe("compression", () => {
  it("writes what pako writes, however the bytes come in", async () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 4000 }))
        .map(([part, times]) => Uint8Array.from(Buffer.alloc(part.length * times, part))),
    );
    const { compress, engine } = chooseCompression();
    expect(["zlib", "pako"]).toContain(engine);
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.integer({ min: 1000, max: 70_000 }),
        async (parts, size) => {
          const bytes = Buffer.concat(parts);
          const reference = new Deflate({ level: 3, raw: true });
          reference.push(bytes, true);
          const packed = await all(compress(inChunks(bytes, size)));
          expect((await all(chooseCompression("pako").compress(inChunks(bytes, size)))).equals(packed)).toBe(true);
          expect(packed.subarray(0, 10).toString("hex")).toBe("1f8b08000000000000ff");
          expect(packed.subarray(10, -8).equals(Buffer.from(reference.result))).toBe(true);
          expect(gunzipSync(packed).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("hands the failure of its source to its reader, and to nobody else", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10);
      throw new Error("gone");
    }
    await expect(all(chooseCompression().compress(failing()))).rejects.toThrow("gone");
    await new Promise((done) => setImmediate(done));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it("lets its source go when the reader stops early", async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(64 * 1024, String(Math.random()));
      } finally {
        closed = true;
      }
    }
    let seen = 0;
    for await (const chunk of chooseCompression().compress(endless())) {
      seen += chunk.length;
      if (seen > 1000) break;
    }
    expect(closed).toBe(true);
  });
});

describe("layers", () => {
  it("are read back as they were written, long names, large owners and content", async () => {
    const long = `${"é".repeat(80)}/${"x".repeat(150)}`;
    const big = Buffer.alloc(300_000, "abc");
    const entries = [
      file("a/", "", { kind: "folder", mode: 0o755 }),
      file("a/big", big, { mode: 0o755, uid: 3_000_000, gid: 65_532 }),
      file("a/link", "", { kind: "link", target: `../${"t".repeat(120)}` }),
      file(long, "deep"),
    ];
    const { descriptor, diffId } = must(await write(entries));
    const reader = createLayerReader(blobs);
    const listed = must(await reader.list(descriptor, diffId));
    expect(listed?.map(({ path, kind, uid, gid, mode }) => [path, kind, uid, gid, mode.toString(8)])).toEqual([
      ["a", "folder", 0, 0, "755"],
      ["a/big", "file", 3_000_000, 65_532, "755"],
      ["a/link", "link", 0, 0, "644"],
      [long, "file", 0, 0, "644"],
    ]);
    expect(listed?.[2]?.target).toBe(`../${"t".repeat(120)}`);
    expect((await all(must(await reader.open(descriptor, 1)))).equals(big)).toBe(true);
    expect((await all(must(await reader.open(descriptor, 3)))).toString()).toBe("deep");
  });

  it("are refused when their content is not what the configuration says, is cut short or leads out", async () => {
    const good = must(await write([file("a", "b")]));
    const reader = createLayerReader(blobs);
    const lying = await reader.list(good.descriptor, `sha256:${"0".repeat(64)}`);
    expect(!lying.ok && lying.error.message).toContain("the image's configuration says");
    const bytes = must(await blobs.readAll(good.descriptor.digest, 1e6));
    const cut = must(await blobs.write(bytes.subarray(0, bytes.length - 12)));
    expect((await reader.list({ ...good.descriptor, ...cut }, "sha256:1")).ok).toBe(false);
    const out = must(await write([file("../a", "b")]));
    const leading = await reader.list(out.descriptor, out.diffId);
    expect(!leading.ok && leading.error.message).toContain("leads out");
    const zstd = { ...good.descriptor, mediaType: mediaTypes.ociLayerZstd };
    expect(await reader.list(zstd, "sha256:2")).toEqual(ok(undefined));
  });

  it("fail as bad input when a file shrinks or grows while it is read", async () => {
    for (const size of [1, 100]) {
      const result = await write([file("a", "four", { size })]);
      expect(!result.ok && result.error).toMatchObject({ code: "bad-input", message: "a changed while it was read" });
    }
  });

  it("for Windows stand below Files/, with the administrators as owner", () => {
    const made = windowsEntries([file("app.exe", "x")]);
    expect(made.map((entry) => [entry.path, entry.pax?.["MSWINDOWS.fileattr"]])).toEqual([
      ["Files/", "16"],
      ["Files/app.exe", "32"],
      ["Hives/", "16"],
    ]);
    const descriptor = Buffer.from(made[1]?.pax?.["MSWINDOWS.rawsd"] ?? "", "base64");
    expect(descriptor).toHaveLength(52);
    const sid = "01020000000000052000000020020000";
    expect(descriptor.toString("hex")).toBe(`0100008014000000240000000000000000000000${sid}${sid}`);
  });
});
