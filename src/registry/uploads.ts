import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, err, fault, type Ids, ok, type Result } from "../core/index.ts";
import { type BlobStore, storageFault, writeWhole } from "../oci/index.ts";

/** Uploads under way: bytes on disk, offsets and digests in memory. After a restart clients begin again. */
export interface Uploads {
  begin(repository: string, user: string): Promise<string>;
  /** Bytes so far; `undefined`: no such upload there, or not theirs. */
  sizeOf(id: string, repository: string, user: string): number | undefined;
  /** Appends. Faults: `limit`, `disk-full`, `conflict` when another request writes to it. */
  append(id: string, body: AsyncIterable<Uint8Array>): Promise<Result<number>>;
  /** Becomes a blob if the bytes have the digest; else fault `corrupt`, and the upload is gone. `conflict` as above. */
  finish(id: string, digest: string, blobs: BlobStore): Promise<Result<number>>;
  cancel(id: string): Promise<void>;
}

interface Upload {
  readonly repository: string;
  readonly user: string;
  readonly file: string;
  readonly hash: Hash;
  size: number;
  busy: boolean;
  forget: () => void;
}

const lifetimeMs = 24 * 3_600_000;
const mostUploads = 1000;
const largestBlob = 20 * 1024 ** 3;

export async function openUploads(options: {
  readonly folder: string;
  readonly clock: Clock;
  readonly ids: Ids;
}): Promise<Uploads> {
  const { folder, clock, ids } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  const open_ = new Map<string, Upload>();

  async function cancel(id: string): Promise<void> {
    const upload = open_.get(id);
    if (!upload) return;
    upload.forget();
    open_.delete(id);
    await rm(upload.file, { force: true });
  }

  async function digestOf(upload: Upload, algorithm: string): Promise<string> {
    if (algorithm === "sha256") return upload.hash.copy().digest("hex");
    const hash = createHash(algorithm);
    if (upload.size > 0)
      for await (const chunk of createReadStream(upload.file, { end: upload.size - 1 })) hash.update(chunk);
    return hash.digest("hex");
  }

  return {
    begin: async (repository, user) => {
      const oldest = open_.size >= mostUploads ? [...open_].find(([, upload]) => !upload.busy)?.[0] : undefined;
      if (oldest !== undefined) await cancel(oldest);
      const id = ids.hex(16);
      const file = join(folder, id);
      await (await open(file, "wx", 0o600)).close();
      const forget = clock.after(lifetimeMs, () => void cancel(id));
      open_.set(id, { repository, user, file, hash: createHash("sha256"), size: 0, busy: false, forget });
      return id;
    },
    sizeOf: (id, repository, user) => {
      const upload = open_.get(id);
      return upload?.repository === repository && upload.user === user ? upload.size : undefined;
    },
    append: async (id, body) => {
      const upload = open_.get(id);
      if (!upload) return err(fault("not-found", "there is no such upload"));
      if (upload.busy) return err(fault("conflict", "another request writes to this upload"));
      upload.busy = true;
      try {
        const file = await open(upload.file, "r+");
        try {
          for await (const chunk of body) {
            if (upload.size + chunk.length > largestBlob)
              return err(fault("limit", `a blob has at most ${largestBlob} bytes`));
            await writeWhole(file, chunk, upload.size);
            upload.hash.update(chunk);
            upload.size += chunk.length;
          }
        } finally {
          await file.close();
        }
        return ok(upload.size);
      } catch (error) {
        return err(storageFault(error));
      } finally {
        upload.busy = false;
      }
    },
    finish: async (id, digest, blobs) => {
      const upload = open_.get(id);
      if (!upload) return err(fault("not-found", "there is no such upload"));
      // Held to the end: bytes appended now would come after the digest was taken, into what is a blob by then.
      if (upload.busy) return err(fault("conflict", "another request writes to this upload"));
      upload.busy = true;
      const [algorithm = ""] = digest.split(":");
      const got = `${algorithm}:${await digestOf(upload, algorithm)}`;
      if (got !== digest) {
        await cancel(id);
        return err(fault("corrupt", `the bytes are ${got}, not ${digest}`));
      }
      try {
        const file = await open(upload.file, "r+");
        try {
          // What a full disk took of a refused chunk is no part of the blob.
          await file.truncate(upload.size);
          await file.sync();
        } finally {
          await file.close();
        }
        const kept = await blobs.adopt(upload.file, digest);
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
