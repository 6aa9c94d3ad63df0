import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { download, readAddress } from "./download.ts";
import { golangSumKey, lookUpSum } from "./sumdb.ts";
import { unpackZip } from "./unpack.ts";

/** `linux-amd64`: what the archives of Go are called. */
export function goPlatform(): string {
  return `linux-${process.arch === "x64" ? "amd64" : process.arch}`;
}

export interface GoSource {
  readonly goproxy: string;
  /** For tests; else the key of sum.golang.org. */
  readonly sumKey?: string | undefined;
}

/**
 * Go as a module, `golang.org/toolchain`, from a GOPROXY: the way the go command itself takes it (Go toolchains, 2023).
 * Its sum comes from the checksum database, which the proxy passes on and cannot forge. `folder` must not be there.
 */
export async function fetchGo(
  source: GoSource,
  version: string,
  scratch: string,
  folder: string,
): Promise<Result<void>> {
  const module = { path: "golang.org/toolchain", version: `v0.0.1-go${version}.${goPlatform()}` };
  const proxy = source.goproxy.replace(/\/+$/, "");
  const key = source.sumKey ?? golangSumKey;
  const database = key.slice(0, key.indexOf("+"));
  const sum = await lookUpSum((path) => readAddress(`${proxy}/sumdb/${database}${path}`), key, module);
  if (!sum.ok) return sum;
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const archive = join(scratch, "archive.zip");
  const got = await download(`${proxy}/${module.path}/@v/${module.version}.zip`, archive);
  if (!got.ok) return got;
  const lines: string[] = [];
  const unpacked = join(scratch, "unpacked");
  const done = await unpackZip(archive, unpacked, (name, sha256) => lines.push(`${sha256}  ${name}\n`)).catch(
    (cause: unknown) => err(fault("bad-input", `the archive of Go ${version} cannot be read`, { cause })),
  );
  if (!done.ok) return done;
  const found = hashOne(lines);
  if (found !== sum.value)
    return err(
      fault("corrupt", `Go ${version} from ${proxy} is not what ${database} knows: ${found} instead of ${sum.value}`),
    );
  const root = join(unpacked, `${module.path}@${module.version}`);
  await restore(root);
  await rename(root, folder);
  return ok(undefined);
}

/** Go's `h1:` sum: of the sorted lines of sums and names (golang.org/x/mod, dirhash). */
function hashOne(lines: readonly string[]): string {
  const name = (line: string) => line.slice(66);
  const sorted = [...lines].sort((a, b) => (name(a) < name(b) ? -1 : 1));
  const sum = createHash("sha256");
  for (const line of sorted) sum.update(line);
  return `h1:${sum.digest("base64")}`;
}

/** A module's archive keeps no modes, and holds no go.mod but its own: theirs are called `_go.mod` in it. */
async function restore(root: string): Promise<void> {
  for (const path of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!path.isFile()) continue;
    const file = join(path.parentPath, path.name);
    if (path.name === "_go.mod") await rename(file, join(path.parentPath, "go.mod"));
    else if (file.startsWith(join(root, "bin/")) || file.startsWith(join(root, "pkg/tool/"))) await chmod(file, 0o755);
  }
}
