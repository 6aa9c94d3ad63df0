import type { CopyEntry } from "../context/copy-source.ts";

/** Docker: ADD takes addresses of files and of git repositories. */
export function isRemote(text: string): boolean {
  return /^(?:https?|ftp|git|ssh):\/\/|^git@/.test(text);
}

/** First bytes of gzip, bzip2, xz and zstd. */
const packed = ["1f8b", "425a68", "fd377a585a00", "28b52ffd"];

/** Docker: ADD unpacks a file of the context that is an archive, which it knows by its first bytes and not by its name. */
export async function unpackedByAdd(entry: CopyEntry): Promise<boolean> {
  if (entry.kind !== "file") return false;
  const opened = await entry.open();
  if (!opened.ok) return false;
  for await (const chunk of opened.value) {
    const head = Buffer.from(chunk.subarray(0, 512));
    const begins = head.toString("hex", 0, 6);
    return packed.some((magic) => begins.startsWith(magic)) || head.toString("latin1", 257, 262) === "ustar";
  }
  return false;
}
