import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";

/** A request's own connection, where there is one: large bodies pass it without a detour over web streams. */
export interface Connection {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

const pieceBytes = 256 * 1024;

/**
 * Sends `length` bytes of the file from `start`. Two buffers, so that one is filled while the other leaves: memory is the
 * same whatever the length. Ends early, without an error, when the client went away.
 */
export async function sendFile(file: FileHandle, start: number, length: number, to: ServerResponse): Promise<void> {
  const size = Math.min(pieceBytes, Math.max(length, 1));
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)] satisfies readonly Buffer[];
  let leaving: Promise<boolean> = Promise.resolve(true);
  for (let done = 0, turn = 0; done < length; turn++) {
    const buffer = buffers[turn % 2] ?? Buffer.alloc(size);
    const wanted = Math.min(size, length - done);
    const { bytesRead } = await file.read(buffer, 0, wanted, start + done);
    if (!(await leaving)) return;
    if (bytesRead === 0) {
      // The announced length cannot be kept: broken off, so that nobody takes the part for the whole.
      to.destroy();
      return;
    }
    done += bytesRead;
    leaving = written(to, buffer.subarray(0, bytesRead));
  }
  if (await leaving) to.end();
}

function written(to: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((done) => {
    if (to.destroyed) return done(false);
    to.write(bytes, (error) => done(!error));
    return undefined;
  });
}
