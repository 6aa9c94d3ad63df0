import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, err, type Fault, fault, type Ids, ok, type Result } from "../core/index.ts";
import { type BlobStore, storageFault, writeWhole } from "../oci/index.ts";

/** Uploads under way: small ones in memory, others on disk; offsets and digests in memory. After a restart clients begin again. */
export interface Uploads {
  /** Fault `limit`: this user has too many uploads open, all of them busy or young. */
  begin(repository: string, user: string, algorithm: "sha256" | "sha512"): Promise<Result<string>>;
  /** Bytes so far; `undefined`: no such upload there, or not theirs. */
  sizeOf(id: string, repository: string, user: string): number | undefined;
  /**
   * Appends what comes, at most up to `most` bytes in all; with `expected`, a chunk of another length is taken back. Bytes
   * of a connection that broke stay, to be resumed. Faults: `limit`, `disk-full`, `bad-input` for another length,
   * `conflict` when another request writes to it.
   */
  append(
    id: string,
    body: AsyncIterable<Uint8Array>,
    bounds?: { readonly most?: number | undefined; readonly expected?: number | undefined },
  ): Promise<Result<number>>;
  /** Becomes a blob if the bytes have the digest; else fault `corrupt`, and the upload is gone. `conflict` as above. */
  finish(id: string, digest: string, blobs: BlobStore): Promise<Result<number>>;
  cancel(id: string): Promise<void>;
}

interface Upload {
  readonly repository: string;
  readonly user: string;
  readonly algorithm: "sha256" | "sha512";
  hash: Hash;
  size: number;
  /** The bytes, until they are more than is kept in memory. */
  held: Uint8Array[];
  file: { readonly path: string; readonly handle: FileHandle } | undefined;
  busy: boolean;
  touchedAt: number;
  forget: () => void;
}

const lifetimeMs = 24 * 3_600_000;
const idleMs = 10 * 60_000;
const mostUploadsOfOne = 300;
const largestBlob = 20 * 1024 ** 3;
const heldBytes = 64 * 1024;
const batchBytes = 1024 * 1024;

export async function openUploads(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
}): Promise<Uploads> {
  const { folder, clock, ids } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  const underWay = new Map<string, Upload>();

  async function cancel(id: string): Promise<void> {
    const upload = underWay.get(id);
    if (!upload) return;
    upload.forget();
    underWay.delete(id);
    upload.held = [];
    if (!upload.file) return;
    await upload.file.handle.close().catch(() => undefined);
    await rm(upload.file.path, { force: true });
  }

  function claim(id: string): Result<Upload> {
    const upload = underWay.get(id);
    if (!upload) return err(fault("not-found", "there is no such upload"));
    if (upload.busy) return err(fault("conflict", "another request writes to this upload"));
    upload.busy = true;
    upload.touchedAt = clock.now();
    return ok(upload);
  }

  /** Room for one more of theirs: the one that lay idle longest gives way. */
  async function makeRoom(user: string): Promise<Fault | undefined> {
    const theirs = [...underWay].filter(([, upload]) => upload.user === user);
    if (theirs.length < mostUploadsOfOne) return undefined;
    const idle = theirs.find(([, upload]) => !upload.busy && clock.now() - upload.touchedAt > idleMs);
    if (!idle) {
      return fault("limit", `${mostUploadsOfOne} uploads are open already; finish or cancel some of them`);
    }
    await cancel(idle[0]);
    return undefined;
  }

  async function digestOf(upload: Upload, algorithm: string): Promise<string> {
    if (algorithm === upload.algorithm) return upload.hash.copy().digest("hex");
    const hash = createHash(algorithm);
    if (!upload.file) for (const chunk of upload.held) hash.update(chunk);
    else if (upload.size > 0)
      for await (const chunk of createReadStream(upload.file.path, { end: upload.size - 1 })) hash.update(chunk);
    return hash.digest("hex");
  }

  return {
    begin: async (repository, user, algorithm) => {
      const full = await makeRoom(user);
      if (full) return err(full);
      const id = ids.hex(16);
      underWay.set(id, {
        repository,
        user,
        algorithm,
        hash: createHash(algorithm),
        size: 0,
        held: [],
        file: undefined,
        busy: false,
        touchedAt: clock.now(),
        forget: clock.after(lifetimeMs, () => void cancel(id)),
      });
      return ok(id);
    },
    sizeOf: (id, repository, user) => {
      const upload = underWay.get(id);
      return upload?.repository === repository && upload.user === user ? upload.size : undefined;
    },
    append: async (id, body, bounds = {}) => {
      const claimed = claim(id);
      if (!claimed.ok) return claimed;
      const upload = claimed.value;
      const before = { size: upload.size, hash: upload.hash.copy(), held: [...upload.held] };
      const most = Math.min(bounds.most ?? largestBlob, largestBlob);
      const sink = createSink(upload, async () => {
        const path = join(folder, id);
        return { path, handle: await open(path, "wx+", 0o600) };
      });
      try {
        for await (const chunk of body) {
          const over = before.size + sink.taken() + chunk.length > most;
          if (over) {
            await sink.end();
            return err(fault("limit", `a blob has at most ${most} bytes here`));
          }
          const full = sink.take(chunk);
          if (full) await full;
        }
        await sink.end();
        if (bounds.expected !== undefined && upload.size - before.size !== bounds.expected) {
          const got = upload.size - before.size;
          // What was written behind the size is overwritten by the next chunk, or cut off at the end.
          Object.assign(upload, { ...before, held: upload.file ? [] : before.held });
          return err(fault("bad-input", `the chunk has ${got} bytes, but was announced with ${bounds.expected}`));
        }
        return ok(upload.size);
      } catch (error) {
        const kept = await sink.end().then(
          () => undefined,
          (failure: unknown) => failure,
        );
        return err(storageFault(kept ?? error));
      } finally {
        upload.busy = false;
      }
    },
    finish: async (id, digest, blobs) => {
      const claimed = claim(id);
      if (!claimed.ok) return claimed;
      // Claimed to the end: bytes appended now would come after the digest was taken, into what is a blob by then.
      const upload = claimed.value;
      const [algorithm = ""] = digest.split(":");
      const got = `${algorithm}:${await digestOf(upload, algorithm)}`;
      if (got !== digest) {
        await cancel(id);
        return err(fault("corrupt", `the bytes are ${got}, not ${digest}`));
      }
      try {
        if (!upload.file) {
          const written = await blobs.write(Buffer.concat(upload.held), { digest, size: upload.size });
          return written.ok ? ok(upload.size) : written;
        }
        // What a full disk took of a refused chunk is no part of the blob.
        await upload.file.handle.truncate(upload.size);
        await upload.file.handle.sync();
        const kept = await blobs.adopt(upload.file.path, digest);
        return kept.ok ? ok(upload.size) : kept;
      } catch (error) {
        return err(storageFault(error));
      } finally {
        await cancel(id);
      }
    },
    cancel,
  };
}

interface Sink {
  /** A promise where the caller is to wait: one batch is written while the next one is taken and hashed. */
  take(chunk: Uint8Array): Promise<void> | undefined;
  taken(): number;
  /** Writes what is left; the upload's size and hash are then those of what is stored. Called once or more. */
  end(): Promise<void>;
}

function createSink(upload: Upload, openFile: () => Promise<NonNullable<Upload["file"]>>): Sink {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  let taken = 0;
  let writing: Promise<void> = Promise.resolve();

  /** Hashed while it is written; size and hash move on together, and only past what was written. */
  async function store(chunks: readonly Uint8Array[], size: number): Promise<void> {
    const hash = upload.hash.copy();
    const written = write(chunks, size);
    for (const chunk of chunks) hash.update(chunk);
    await written;
    upload.hash = hash;
    upload.size += size;
  }

  async function write(chunks: readonly Uint8Array[], size: number): Promise<void> {
    if (!upload.file && upload.size + size <= heldBytes) {
      // Copied: the chunk may be a window of a much larger buffer of the connection.
      for (const chunk of chunks) upload.held.push(Uint8Array.from(chunk));
      return;
    }
    if (!upload.file) {
      const file = await openFile();
      upload.file = file;
      await writeWhole(file.handle, Buffer.concat(upload.held), 0);
      upload.held = [];
    }
    const { handle } = upload.file;
    const { bytesWritten } = await handle.writev(chunks, upload.size);
    if (bytesWritten < size)
      await writeWhole(handle, Buffer.concat(chunks).subarray(bytesWritten), upload.size + bytesWritten);
  }

  function flush(): Promise<void> {
    const [chunks, size, before] = [batch, bytes, writing];
    batch = [];
    bytes = 0;
    writing = before.then(() => store(chunks, size));
    // Whoever waits for it hears of a failure; until then it is not unheard.
    writing.catch(() => undefined);
    return before;
  }

  return {
    take: (chunk) => {
      batch.push(chunk);
      bytes += chunk.length;
      taken += chunk.length;
      return bytes >= batchBytes ? flush() : undefined;
    },
    taken: () => taken,
    end: async () => {
      if (bytes > 0) void flush();
      await writing;
    },
  };
}
