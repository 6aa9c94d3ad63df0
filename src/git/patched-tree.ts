import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { err, fault, must, ok, type Result } from "../core/index.ts";
import type { ObjectId } from "./model.ts";
import { gitText, runGit } from "./run-git.ts";

/**
 * The tree of a commit with a patch of a stranger applied: through an index of its own, without a work tree, and only to
 * paths that one of the globs matches (`*` crosses folders); what it says of others is left out. Links, submodules and
 * special modes are refused: what it may do is change, add and remove regular files.
 */
export async function patchedTree(
  gitDir: string,
  commit: ObjectId,
  patch: string,
  globs: readonly string[],
): Promise<Result<ObjectId>> {
  const special =
    /^(?:new file mode|new mode|old mode|deleted file mode) (?!100644|100755)|^index [0-9a-f]+\.\.[0-9a-f]+ (?!100644|100755)/m;
  if (special.test(patch)) return err(fault("refused", "the patch makes something else than regular files"));
  const folder = await mkdtemp(join(tmpdir(), "fairlead-index-"));
  const call = { gitDir, env: { GIT_INDEX_FILE: join(folder, "index") } };
  try {
    must(await gitText(["read-tree", commit], call));
    const include = globs.map((glob) => `--include=${glob}`);
    const applied = await runGit(["apply", "--cached", "--whitespace=nowarn", ...include, "-"], {
      ...call,
      input: patch,
    });
    if (!applied.ok) return applied;
    if (applied.value.code !== 0)
      return err(fault("refused", `the patch does not apply: ${applied.value.stderr.trim().slice(0, 300)}`));
    return ok(must(await gitText(["write-tree"], call)).trim());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
