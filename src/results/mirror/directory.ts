import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { err, fault, type Ids, ok } from "../../core/index.ts";
import type { ResultMirror } from "./model.ts";

/** A directory, a network mount perhaps. Objects appear whole. Content types and links are not kept: files have none. */
export function createDirectoryMirror(options: { readonly folder: string; readonly ids: Ids }): ResultMirror {
  const { folder } = options;
  return {
    name: folder,
    addressOf: (path) => pathToFileURL(join(folder, path)).href,
    put: async ({ path, content }) => {
      const target = join(folder, path);
      const beside = `${target}.${options.ids.hex(4)}.tmp`;
      try {
        await mkdir(dirname(target), { recursive: true });
        if ("file" in content) await copyFile(content.file, beside);
        else await writeFile(beside, content.text);
        await rename(beside, target);
        return ok(undefined);
      } catch (error) {
        await rm(beside, { force: true }).catch(() => undefined);
        return err(
          fault(
            "unavailable",
            `${target} could not be written: ${error instanceof Error ? error.message : String(error)}`,
            {
              hint: `look whether ${folder} is mounted, writable and not full`,
              cause: error,
            },
          ),
        );
      }
    },
  };
}
