import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes a folder that a job wrote, folders without permissions included (Go's module cache is read-only). Links are
 * removed, not followed.
 */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    await openUp(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What a removal that failed still takes away meanwhile is not there any more, which is what was wanted. */
async function openUp(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined);
  if (!found?.isDirectory()) return;
  const names = await chmod(folder, 0o700)
    .then(() => readdir(folder))
    .catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
  for (const name of names) await openUp(join(folder, name));
}
