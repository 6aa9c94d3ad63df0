import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { type Clock, err, type Fault, fault, type Ids, ok, systemClock } from "../core/index.ts";
import type { Digest } from "./documents.ts";
import { isDigest } from "./reference.ts";
import type { SweepableBlobStore } from "./store.ts";
import { writeWhole } from "./write-whole.ts";

const touchEveryMs = 3_600_000;

/**
 * Blobs as files below `root`; what a dead process left half-written is removed when the store is opened. A file's
 * modification time says when the blob was last touched.
 */
export async function openFsBlobStore(options: {
  readonly root: string;
  readonly ids: Ids;
  readonly clock?: Clock;
}): Promise<SweepableBlobStore> {
  const { root, ids, clock = systemClock } = options;
  const incoming = join(root, "incoming");
  const removed = join(root, "removed");
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  await mkdir(removed, { recursive: true, mode: 0o700 });
  for (const name of await readdir(incoming)) await rm(join(incoming, name), { force: true });
  for (const name of await readdir(removed)) await rename(join(removed, name), pathOf(name.replace("-", ":")));

  function pathOf(digest: Digest): string {
    if (!isDigest(digest)) throw new Error(`not a digest: ${JSON.stringify(digest.slice(0, 100))}`);
    const [algorithm = "", hex = ""] = digest.split(":");
    return join(root, algorithm, hex.slice(0, 2), hex);
  }

  async function untouchedSizeOf(digest: Digest): Promise<number | undefined> {
    return isDigest(digest) ? (await stat(pathOf(digest)).catch(() => undefined))?.size : undefined;
  }

  async function sizeOf(digest: Digest): Promise<number | undefined> {
    const path = pathOf(digest);
    const there = await stat(path).catch(() => undefined);
    if (!there) return undefined;
    const now = clock.now();
    if (now - there.mtimeMs < touchEveryMs) return there.size;
    // Gone in between: the collector was faster, and the caller must not rely on the blob.
    const touched = await utimes(path, now / 1000, now / 1000).then(
      () => true,
      () => false,
    );
    return touched ? there.size : undefined;
  }

  async function keep(beside: string, digest: Digest): Promise<void> {
    const path = pathOf(digest);
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rename(beside, path);
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  }

  return {
    sizeOf,
    pathOf,
    read: async (digest, range) => {
      const size = await untouchedSizeOf(digest);
      if (size === undefined) return err(absent(digest));
      const stream = createReadStream(pathOf(digest), range ? { start: range.start, end: range.end } : {});
      return ok(Readable.toWeb(stream));
    },
    readAll: async (digest, limit) => {
      const size = await untouchedSizeOf(digest);
      if (size === undefined) return err(absent(digest));
      if (size > limit) return err(fault("limit", `${digest} has ${size} bytes; at most ${limit} are read here`));
      return ok(await readFile(pathOf(digest)));
    },
    write: async (source, expected) => {
      const beside = join(incoming, ids.hex(12));
      const algorithm = expected?.digest?.startsWith("sha512:") ? "sha512" : "sha256";
      const hash = createHash(algorithm);
      let size = 0;
      try {
        const file = await open(beside, "wx", 0o600);
        try {
          for await (const chunk of source instanceof Uint8Array ? [source] : source) {
            if (expected?.size !== undefined && size + chunk.length > expected.size) {
              size += chunk.length;
              break;
            }
            hash.update(chunk);
            await writeWhole(file, chunk, size);
            size += chunk.length;
          }
          await file.sync();
        } finally {
          await file.close();
        }
        const digest = `${algorithm}:${hash.digest("hex")}`;
        const wrong =
          (expected?.size !== undefined && expected.size !== size) ||
          (expected?.digest !== undefined && expected.digest !== digest);
        if (wrong) {
          await rm(beside, { force: true });
          const wanted = `${expected.digest ?? "any digest"}, ${expected.size ?? "any number of"} bytes`;
          return err(fault("corrupt", `the bytes are not what was announced: ${digest}, ${size} bytes, not ${wanted}`));
        }
        await keep(beside, digest);
        return ok({ digest, size });
      } catch (error) {
        await rm(beside, { force: true });
        return err(storageFault(error));
      }
    },
    adopt: async (file, digest) => {
      try {
        const beside = join(incoming, ids.hex(12));
        await link(file, beside);
        await keep(beside, digest);
        return ok(undefined);
      } catch (error) {
        return err(storageFault(error));
      }
    },
    delete: async (digest) => {
      await rm(pathOf(digest), { force: true });
    },
    list: async function* () {
      for (const algorithm of ["sha256", "sha512"]) {
        for (const folder of await readdir(join(root, algorithm)).catch(() => [])) {
          for (const hex of await readdir(join(root, algorithm, folder))) {
            const digest = `${algorithm}:${hex}`;
            const there = isDigest(digest) ? await stat(pathOf(digest)).catch(() => undefined) : undefined;
            if (there) yield { digest, size: there.size, touchedAt: there.mtimeMs };
          }
        }
      }
    },
    deleteUntouched: async (digest, before) => {
      // Moved aside first: from then on nobody can touch it, so what its time says is final.
      const path = pathOf(digest);
      const aside = join(removed, digest.replace(":", "-"));
      if (((await stat(path).catch(() => undefined))?.mtimeMs ?? before) >= before) return false;
      await rename(path, aside);
      const touched = (await stat(aside)).mtimeMs >= before;
      if (touched) await rename(aside, path);
      else await rm(aside);
      return !touched;
    },
  };
}

function absent(digest: string): Fault {
  return fault("not-found", `there is no blob ${digest.slice(0, 140)}`);
}

/** A full disk is told apart, as waiting for room can help; anything else is a failure of its own. */
export function storageFault(error: unknown): Fault {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return fault("disk-full", "there is no room left for images", {
      hint: "free space below the home; it is tried again",
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return fault("unavailable", `image bytes could not be stored: ${message}`, { cause: error });
}
