import { createReadStream, createWriteStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, pack } from "tar-stream";
import type { Masking } from "./masking.ts";

/** More came out than may be kept. */
export class OverBound extends Error {}

const mostMembers = 50_000;

/**
 * Copies an open file to a new one, at most `bytes` unpacked. With masking, compressed files are unpacked, masked and packed
 * again, the members of compressed archives each for itself (Prow 4.4). Constant memory.
 */
export async function copyBounded(
  source: FileHandle,
  target: string,
  how: { readonly path: string; readonly bytes: number; readonly masking: Masking | undefined },
): Promise<{ readonly size: number; readonly compressed: boolean }> {
  const { size } = await source.stat();
  const compressed = await startsLikeGzip(source);
  // The length was looked at before: a sparse or growing file gives no more than it said.
  const from = createReadStream("", { fd: source.fd, autoClose: false, start: 0, end: Math.max(size - 1, 0) });
  const to = createWriteStream(target, { flags: "wx", mode: 0o600 });
  const bound = boundedTo(how.bytes);
  const masking = how.masking?.empty ? undefined : how.masking;
  if (!masking) await pipeline(from, bound, to);
  else if (!compressed) await pipeline(from, bound, masked(masking), to);
  else if (/\.(tar\.gz|tgz)$/.test(how.path)) {
    const [members, repacked] = [extract(), pack()];
    await together(
      [
        pipeline(from, createGunzip(), bound, members),
        repack(members, masking, repacked),
        pipeline(repacked, createGzip(), to),
      ],
      [members, repacked],
    );
  } else await pipeline(from, createGunzip(), bound, masked(masking), createGzip(), to);
  return { size: to.bytesWritten, compressed };
}

export async function startsLikeGzip(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(2), position: 0 });
  return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
}

export function boundedTo(most: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > most) done(new OverBound(`more than ${most} bytes`));
      else done(null, chunk);
    },
  });
}

function masked(masking: Masking): Transform {
  const masker = masking.masker();
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, masker.write(chunk)),
    flush: (done) => done(null, masker.end()),
  });
}

/** Hands an archive's members on with their contents masked; headers stay as they are. */
async function repack(members: ReturnType<typeof extract>, masking: Masking, into: ReturnType<typeof pack>) {
  let count = 0;
  for await (const member of members) {
    if (++count > mostMembers) throw new OverBound(`more than ${mostMembers} members`);
    await pipeline(member, masked(masking), into.entry(member.header));
  }
  into.finalize();
}

/** Waits for all; the first failure ends what the others read and write, so that none of them waits for ever. */
async function together(work: readonly Promise<void>[], streams: readonly { destroy(error?: Error): void }[]) {
  try {
    await Promise.all(work);
  } catch (error) {
    for (const stream of streams) stream.destroy(error instanceof Error ? error : undefined);
    await Promise.allSettled(work);
    throw error;
  }
}
