import { err, fault, ok, type Result } from "../core/index.ts";
import { spawnGit } from "./run-git.ts";

export interface TreeSize {
  readonly files: number;
  readonly bytes: number;
  /** Some folder has a `.gitattributes`: merging must see the work tree. */
  readonly attributes: boolean;
  readonly submodules: boolean;
}

/**
 * Counts a tree before anything of it is written: a few kilobytes of git can hold a billion files. Listing stops at the
 * bound, so that counting is bounded too.
 */
export async function measureTree(
  gitDir: string,
  commit: string,
  limits: { readonly files: number; readonly bytes: number },
): Promise<Result<TreeSize>> {
  const child = spawnGit(["ls-tree", "-r", "-l", "-z", "--full-tree", commit], { gitDir });
  child.stdin.end();
  let files = 0;
  let bytes = 0;
  let attributes = false;
  let submodules = false;
  let rest = "";
  let over = false;
  child.stderr.resume();
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("latin1")).split("\0");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      files += 1;
      // "<mode> <type> <id> <size>\t<path>"
      const tab = line.indexOf("\t");
      bytes += Number(line.slice(52, tab)) || 0;
      if (line.endsWith(".gitattributes") && (line[tab + 1] === "." || line.endsWith("/.gitattributes")))
        attributes = true;
      if (line.startsWith("160000 ")) submodules = true;
    }
    if (files > limits.files || bytes > limits.bytes) {
      over = true;
      child.kill("SIGKILL");
    }
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
  if (over) {
    return err(
      fault(
        "limit",
        `the tree of ${commit.slice(0, 7)} is larger than ${limits.files.toLocaleString("en")} files or ${limits.bytes.toLocaleString("en")} bytes; nothing was checked out`,
      ),
    );
  }
  if (code !== 0) return err(fault("failed", `the tree of ${commit.slice(0, 7)} cannot be listed`));
  return ok({ files, bytes, attributes, submodules });
}
