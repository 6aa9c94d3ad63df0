import { type FileHandle, open } from "node:fs/promises";
import type { LogWriter } from "./model.ts";

const tailBytes = 1024 ** 2;

/**
 * Appends to a file. Over the bound the beginning and the last mebibyte are kept, since the end is what tells why a run
 * failed; what lies between is counted and said.
 */
export async function openLogWriter(path: string, bound: number): Promise<LogWriter> {
  const file: FileHandle = await open(path, "a");
  const headBytes = Math.max(bound - tailBytes, 0);
  let accepted = 0;
  let atLineStart = true;
  let waiting: Uint8Array[] = [];
  let writing: Promise<void> | undefined;
  let failure: unknown;
  const tail: Uint8Array[] = [];
  let tailSize = 0;
  let dropped = 0;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const chunks = waiting;
      waiting = [];
      await file.writev(chunks);
    }
  }

  function write(chunk: Uint8Array): void {
    accepted += chunk.length;
    waiting.push(chunk);
    writing ??= flush()
      .catch((error: unknown) => {
        failure ??= error;
        waiting = [];
      })
      .finally(() => {
        writing = undefined;
      });
  }

  function keepInTail(chunk: Uint8Array): void {
    tail.push(chunk);
    tailSize += chunk.length;
    for (let oldest = tail[0]; oldest && tailSize - oldest.length >= tailBytes; oldest = tail[0]) {
      tail.shift();
      tailSize -= oldest.length;
      dropped += oldest.length;
    }
  }

  function append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    atLineStart = chunk[chunk.length - 1] === 0x0a;
    const room = tail.length > 0 ? 0 : Math.max(headBytes - accepted, 0);
    if (room > 0) write(chunk.subarray(0, room));
    if (chunk.length > room) keepInTail(chunk.slice(room));
  }

  return {
    append,
    line: (text) => append(Buffer.from(`${atLineStart ? "" : "\n"}${text}\n`)),
    get size() {
      return accepted;
    },
    close: async () => {
      if (dropped > 0) write(Buffer.from(`\nfairlead: ${dropped.toLocaleString("en")} bytes of log left out here\n`));
      for (const chunk of tail) write(chunk);
      while (writing) await writing;
      await file.close();
      if (failure !== undefined) throw failure;
      return { bytes: accepted, dropped };
    },
  };
}
