import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock, must, systemIds } from "../core/index.ts";
import { type BlobStore, openFsBlobStore } from "../oci/index.ts";
import { openUploads, type Uploads } from "./uploads.ts";

const digestOf = (bytes: Uint8Array, algorithm = "sha256") =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
let root: string;
let blobs: BlobStore;
let uploads: Uploads;
let clock: ManualClock;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "uploads-"));
  clock = new ManualClock();
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  uploads = await openUploads({ folder: join(root, "uploads"), clock, ids: systemIds });
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

async function* of(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe("uploads", () => {
  it("let nobody write into what is becoming a blob", async () => {
    const bytes = randomBytes(50_000);
    const id = must(await uploads.begin("fam/a", "t", "sha256"));
    must(await uploads.append(id, of(bytes)));
    const finishing = uploads.finish(id, digestOf(bytes), blobs);
    const late = await uploads.append(id, of(Buffer.from("more")));
    expect(late.ok ? "appended" : late.error.code).toBe("conflict");
    must(await finishing);
    expect(Buffer.compare(must(await blobs.readAll(digestOf(bytes), 100_000)), bytes)).toBe(0);
    expect(await readdir(join(root, "uploads"))).toEqual([]);
  });

  it("go on after a broken connection, and leave no stray bytes behind the end", async () => {
    // More than is held in memory.
    const start = randomBytes(100_000);
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield start;
      throw new Error("gone");
    }
    const id = must(await uploads.begin("fam/a", "t", "sha256"));
    expect((await uploads.append(id, breaking())).ok).toBe(false);
    expect(uploads.sizeOf(id, "fam/a", "t")).toBe(100_000);
    // As a disk leaves it that took a part of a chunk before it was full.
    await truncate(join(root, "uploads", id), 100_005);
    must(await uploads.append(id, of(Buffer.from("45"))));
    const whole = Buffer.concat([start, Buffer.from("45")]);
    must(await uploads.finish(id, digestOf(whole, "sha512"), blobs));
    expect(Buffer.compare(must(await blobs.readAll(digestOf(whole, "sha512"), 200_000)), whole)).toBe(0);
  });

  it("belong to one repository and one token, and end after a day", async () => {
    const id = must(await uploads.begin("fam/a", "t", "sha256"));
    expect(uploads.sizeOf(id, "fam/b", "t")).toBeUndefined();
    expect(uploads.sizeOf(id, "fam/a", "other")).toBeUndefined();
    clock.advance(24 * 3_600_000);
    expect(uploads.sizeOf(id, "fam/a", "t")).toBeUndefined();
  });

  it("are gone with a wrong digest", async () => {
    const id = must(await uploads.begin("fam/a", "t", "sha256"));
    must(await uploads.append(id, of(Buffer.from("x"))));
    const finished = await uploads.finish(id, digestOf(Buffer.from("y")), blobs);
    expect(finished.ok ? "kept" : finished.error.code).toBe("corrupt");
    expect(uploads.sizeOf(id, "fam/a", "t")).toBeUndefined();
  });
});
