import { type Fault, fault } from "../../core/index.ts";
import type { Platform } from "../../oci/index.ts";
import { binaryKind } from "./binaries.ts";
import { environmentOf } from "./configure.ts";
import { imagePath } from "./copy.ts";
import { type Draft, usualPath } from "./draft.ts";
import { locate, type TreeFile } from "./image-tree.ts";

/** Where the program that an image starts stands; `undefined`: it starts none, or PATH finds none. */
export function entrypointFile(draft: Draft, platform: Platform) {
  const { config, tree } = draft;
  const [program] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (program === undefined) return undefined;
  const windows = platform.os === "windows";
  const workingDir = config.WorkingDir ?? "/";
  const named = windows ? /[\\/]/.test(program) : program.includes("/");
  const folders = (environmentOf(config).get("PATH") ?? usualPath).split(windows ? ";" : ":");
  const places = named
    ? [imagePath(workingDir, program, windows)]
    : folders.map((each) => imagePath("/", `${each}/${program}`, windows));
  return { program, named, node: places.map((path) => locate(tree, path)?.node).find((node) => node !== undefined) };
}

/** An image whose entrypoint is missing or cannot run is made all the same; that it will not start is said. */
export async function entrypointWarnings(draft: Draft, platform: Platform): Promise<readonly Fault[]> {
  const { config, tree } = draft;
  const warn = (message: string, hint?: string) => [fault("bad-input", message, { hint })];
  const starts = entrypointFile(draft, platform);
  if (!starts) return warn("the image has neither ENTRYPOINT nor CMD");
  const { program, named, node: found } = starts;
  const windows = platform.os === "windows";
  if (!found) {
    if (!tree.complete || (windows && !named)) return [];
    const elsewhere = locate(tree, imagePath(config.WorkingDir ?? "/", program.replace(/^.*[\\/]/, ""), windows));
    return warn(
      `the entrypoint ${program} is not in the image`,
      elsewhere?.node ? `/${elsewhere.path} is: a relative destination of COPY counts from WORKDIR` : undefined,
    );
  }
  const runs = found.kind === "file" && (windows || (found.mode & 0o111) !== 0);
  if (!runs) return warn(`the entrypoint ${program} is not an executable file`);
  const kind = binaryKind(await headOf(found));
  const { architecture } = platform;
  if (!kind) return [];
  if ((kind.format === "PE") !== windows)
    return warn(`the entrypoint ${program} is ${kind.format}, the image for ${platform.os}`);
  return kind.architecture === architecture
    ? []
    : warn(`the entrypoint ${program} is for ${kind.architecture}, the image for ${architecture}`);
}

export async function headOf(file: TreeFile): Promise<Uint8Array> {
  const opened = await file.open();
  if (!opened.ok) return new Uint8Array(0);
  for await (const chunk of opened.value) return Uint8Array.from(chunk.subarray(0, 4096));
  return new Uint8Array(0);
}
