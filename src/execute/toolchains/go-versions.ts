import { err, fault, ok, type Result } from "../../core/index.ts";
import { readAddress } from "./download.ts";
import { goPlatform } from "./go.ts";

/** Versions of a module that a GOPROXY lists (Go modules reference, GOPROXY protocol); none for one without tags. */
export async function listModuleVersions(goproxy: string, module: string): Promise<Result<readonly string[]>> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._~/-]{0,200}$/.test(module) || module.includes("..") || module.includes("//"))
    return err(fault("bad-input", `${JSON.stringify(module.slice(0, 80))} is no path of a module`));
  const escaped = module.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
  const read = await readAddress(`${goproxy.replace(/\/+$/, "")}/${escaped}/@v/list`);
  return read.ok ? ok(wordsOf(read.value)) : read;
}

/** Releases of Go, `1.26.5`, as the go command itself finds them: versions of the module `golang.org/toolchain`. */
export async function listGoVersions(goproxy: string): Promise<Result<readonly string[]>> {
  const listed = await listModuleVersions(goproxy, "golang.org/toolchain");
  if (!listed.ok) return listed;
  const ending = `.${goPlatform()}`;
  return ok(
    listed.value.flatMap((version) =>
      version.startsWith("v0.0.1-go") && version.endsWith(ending)
        ? [version.slice("v0.0.1-go".length, -ending.length)]
        : [],
    ),
  );
}

function wordsOf(answer: Buffer): readonly string[] {
  return answer
    .toString("utf8")
    .split("\n")
    .flatMap((line) => line.trim().split(/\s+/)[0] || [])
    .slice(0, 50_000);
}
