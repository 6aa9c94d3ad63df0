import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemClock, systemIds } from "../core/index.ts";
import { openFsBlobStore } from "./fs-blobs.ts";
import type { SweepableBlobStore } from "./store.ts";
import { writeWhole } from "./write-whole.ts";

const digestOf = (bytes: Uint8Array, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
const day = 24 * 3_600_000;
let root: string;
let blobs: SweepableBlobStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "blobs-"));
  blobs = await openFsBlobStore({ root, ids: systemIds });
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

async function age(digest: string, by: number): Promise<void> {
  const then = (systemClock.now() - by) / 1000;
  await utimes(blobs.pathOf(digest), then, then);
}

async function* pieces(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

describe("the blob store", () => {
  it("keeps what was announced and leaves nothing of anything else", async () => {
    const bytes = randomBytes(10_000);
    const digest = digestOf(bytes);
    const wrong = [
      await blobs.write(bytes, { digest: digestOf(Buffer.from("other")) }),
      await blobs.write(bytes, { size: 9_999 }),
      await blobs.write(bytes, { size: 10_001 }),
      await blobs.write(pieces(bytes, bytes), { digest, size: 10_000 }),
    ];
    expect(wrong.map((each) => (each.ok ? "kept" : each.error.code))).toEqual(Array(4).fill("corrupt"));
    expect(await blobs.sizeOf(digest)).toBeUndefined();
    expect(await readdir(join(root, "incoming"))).toEqual([]);
    expect(must(await blobs.write(pieces(bytes.subarray(0, 1), bytes.subarray(1)), { digest, size: 10_000 }))).toEqual({
      digest,
      size: 10_000,
    });
    expect(Buffer.compare(must(await blobs.readAll(digest, 10_000)), bytes)).toBe(0);
    const long = digestOf(bytes, "sha512");
    expect(must(await blobs.write(bytes, { digest: long })).digest).toBe(long);
  });

  it("leaves nothing when its source breaks", async () => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("the connection is gone");
    }
    const written = await blobs.write(breaking());
    expect(written.ok ? "kept" : written.error.message).toContain("the connection is gone");
    expect(await readdir(join(root, "incoming"))).toEqual([]);
  });

  it("reads a part, and no more than the limit", async () => {
    const { digest } = must(await blobs.write(Buffer.from("0123456789")));
    expect(await textOf(must(await blobs.read(digest, { start: 2, end: 4 })))).toBe("234");
    const all = await blobs.readAll(digest, 9);
    expect(all.ok ? "read" : all.error.code).toBe("limit");
    for (const name of ["sha256:../../etc/passwd", "md5:x", `sha256:${"0".repeat(64)}`]) {
      const read = await blobs.read(name);
      expect(read.ok ? "read" : read.error.code).toBe("not-found");
    }
    expect(() => blobs.pathOf("sha256:../x")).toThrow("not a digest");
  });

  it("takes the same bytes from many writers at once", async () => {
    const bytes = randomBytes(100_000);
    const written = await Promise.all(Array.from({ length: 20 }, () => blobs.write(bytes)));
    expect(new Set(written.map((each) => must(each).digest))).toEqual(new Set([digestOf(bytes)]));
    expect(await readdir(join(root, "incoming"))).toEqual([]);
  });

  it("removes what a dead process left half-written, and brings back what it was about to remove", async () => {
    const bytes = Buffer.from("x");
    const { digest } = must(await blobs.write(bytes));
    await writeFile(join(root, "incoming", "abc"), "half");
    await writeFile(join(root, "removed", digest.replace(":", "-")), bytes);
    await rm(blobs.pathOf(digest));
    const again = await openFsBlobStore({ root, ids: systemIds });
    expect(await readdir(join(root, "incoming"))).toEqual([]);
    expect(await again.sizeOf(digest)).toBe(1);
  });

  it("deletes only what nobody touched", async () => {
    const { digest } = must(await blobs.write(Buffer.from("x")));
    await age(digest, 2 * day);
    expect(await blobs.sizeOf(digest)).toBe(1);
    expect(await blobs.deleteUntouched(digest, systemClock.now() - day)).toBe(false);
    await age(digest, 2 * day);
    await blobs.readAll(digest, 10);
    expect(await blobs.deleteUntouched(digest, systemClock.now() - day)).toBe(true);
    expect(await blobs.sizeOf(digest)).toBeUndefined();
    expect(await blobs.deleteUntouched(digest, systemClock.now() - day)).toBe(false);
  });

  it("never tells a size of a blob that is then deleted", async () => {
    const { digest } = must(await blobs.write(Buffer.from("contested")));
    for (let round = 0; round < 300; round++) {
      if ((await blobs.sizeOf(digest)) === undefined) must(await blobs.write(Buffer.from("contested")));
      await age(digest, 2 * day);
      const [size, gone] = await Promise.all([
        blobs.sizeOf(digest),
        blobs.deleteUntouched(digest, systemClock.now() - day),
      ]);
      // Told a size and deleted would be a push that relies on nothing.
      expect(size !== undefined && gone).toBe(false);
    }
  });
});

describe("writeWhole", () => {
  it("goes on after a write that took a part", async () => {
    await mkdir(join(root, "w"));
    const file = await open(join(root, "w", "f"), "w");
    const write = file.write.bind(file);
    let calls = 0;
    Object.defineProperty(file, "write", {
      value: async (bytes: Uint8Array, offset: number, length: number, position: number) => {
        calls += 1;
        return await write(bytes, offset, Math.min(length, 3), position);
      },
    });
    await writeWhole(file, Buffer.from("0123456789"), 0);
    await file.close();
    expect([calls, await readFile(join(root, "w", "f"), "utf8")]).toEqual([4, "0123456789"]);
    expect((await stat(join(root, "w", "f"))).size).toBe(10);
  });
});
