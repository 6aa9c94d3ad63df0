import type { FileHandle } from "node:fs/promises";

/** Writes all of the bytes at the offset. One `write` may take only a part of them, silently, where a disk runs full. */
export async function writeWhole(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
