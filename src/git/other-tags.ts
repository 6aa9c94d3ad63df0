import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectId } from "./model.ts";

/** Version tags, those of a folder's own module included: `v1.2.3-rc1`, `client/v4.0.0`. */
const versionLike = /^(?:.+\/)?v\d+(?:\.\d+)*(?:[-+].*)?$/;

/**
 * Takes away from a fresh checkout every version tag but one that stands on the commit, and answers their names: an
 * annotated candidate on the commit of a release makes `git describe` name the candidate. To be called before anything of
 * the job has run in the directory.
 */
export async function hideOtherTags(directory: string, tag: string, commit: ObjectId): Promise<readonly string[]> {
  const file = join(directory, ".git", "packed-refs");
  const text = await readFile(file, "utf8").catch(() => "");
  const hidden: string[] = [];
  // A line a ref, and below it, with `^`, the commit that an annotated tag means.
  const kept = (text.match(/^[^^\n].*\n?(?:\^.*\n?)?/gm) ?? []).filter((entry) => {
    const [, object, name = ""] = /^([0-9a-f]+) refs\/tags\/(.*)/.exec(entry) ?? [];
    const means = /^\^([0-9a-f]+)/m.exec(entry)?.[1] ?? object;
    const hide = means === commit && name !== tag && versionLike.test(name);
    if (hide) hidden.push(name);
    return !hide;
  });
  if (hidden.length > 0) await writeFile(file, kept.join(""));
  return hidden;
}
