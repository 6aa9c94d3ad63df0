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
    const repacked = pack();
    await Promise.all([
      pipeline(from, createGunzip(), bound, membersMasked(masking, repacked)),
      pipeline(repacked, createGzip(), to),
    ]);
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

/** Takes an archive apart and hands its members on with their contents masked; headers stay as they are. */
function membersMasked(masking: Masking, into: ReturnType<typeof pack>) {
  const members = extract();
  let count = 0;
  members.on("entry", (header, content, next) => {
    if (++count > mostMembers) {
      next(new OverBound(`more than ${mostMembers} members`));
      return;
    }
    const member = into.entry(header, (error) => next(error));
    pipeline(content, masked(masking), member).catch(next);
  });
  members.on("finish", () => into.finalize());
  members.on("error", (error) => into.destroy(error));
  members.on("close", () => into.destroy());
  return members;
}
