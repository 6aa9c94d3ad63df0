import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ids } from "../../core/index.ts";

/** Told apart from every other home's processes and containers, also after a crash. */
export async function homeMark(folder: string, ids: Ids): Promise<string> {
  const file = join(folder, "mark");
  const known = await readFile(file, "utf8").catch(() => "");
  if (/^[0-9a-f]{32}$/.test(known)) return known;
  const fresh = ids.hex(16);
  await writeFile(file, fresh, { mode: 0o600 });
  return fresh;
}
