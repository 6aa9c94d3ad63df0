import { createWriteStream } from "node:fs";
import { lutimes, mkdir, symlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { err, fault, ok, type Result } from "../../core/index.ts";
import type { CopySource } from "../context/copy-source.ts";

const mostBytes = 16 * 1024 ** 3;

/**
 * Writes a build context anew, as COPY of the assembler would take it: what .dockerignore leaves, regular files, folders
 * and links, modes 0755 or 0644, one time. A builder then sees nothing else, and no link of the original is followed.
 */
export async function writeContext(source: CopySource, folder: string, epoch: number): Promise<Result<void>> {
  const entries = await source.below("");
  if (!entries.ok) return entries;
  const seconds = epoch / 1000;
  let bytes = 0;
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const folders: string[] = [folder];
  for (const entry of entries.value) {
    const path = join(folder, entry.path);
    if (entry.kind === "folder") {
      await mkdir(path, { recursive: true, mode: 0o755 });
      folders.push(path);
    } else if (entry.kind === "link") {
      await symlink(entry.target, path);
      await lutimes(path, seconds, seconds);
    } else {
      bytes += entry.size;
      if (bytes > mostBytes) return err(fault("limit", "the build context has more than 16 GiB"));
      const opened = await entry.open();
      if (!opened.ok) return opened;
      await pipeline(Readable.from(opened.value), createWriteStream(path, { flags: "wx", mode: entry.mode }));
      await utimes(path, seconds, seconds);
    }
  }
  for (const path of folders.reverse()) await utimes(path, seconds, seconds);
  return ok(undefined);
}
