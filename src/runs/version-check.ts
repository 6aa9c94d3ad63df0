import { createWriteStream } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Executor } from "../execute/index.ts";
import type { Tier } from "../family/index.ts";
import type { ImageInspector } from "../images/index.ts";
import type { Platform } from "../oci/index.ts";

/** What a binary says of its version, against the tag that it is released under. */
export type VersionVerdict =
  | { readonly kind: "agrees" }
  | { readonly kind: "differs"; readonly why: string }
  /** Nothing was found out, and why. */
  | { readonly kind: "unchecked"; readonly why: string };

const versionLike = /(?<![\w.+-])v\d+\.\d+\.\d+(?:[-+][\w.+-]*)?/g;

/**
 * `git describe --long`, as build.make of kubernetes-csi uses it, adds `-0-g<commit>` to a tag on the commit itself. What
 * prints no version at all is only held against a program whose flag was named in `.fairlead.yaml`.
 */
export function judgeVersion(said: string, exitCode: number, tag: string, named: boolean): VersionVerdict {
  const versions = [...new Set(said.match(versionLike) ?? [])];
  const agrees = versions.some((version) => version.replace(/-0-g[0-9a-f]{7,40}$/, "") === tag);
  if (agrees) return { kind: "agrees" };
  const shown = versions.slice(0, 3).join(", ");
  if (versions.length > 0 && (exitCode === 0 || named))
    return { kind: "differs", why: `it prints ${shown}, not ${tag}` };
  const why = exitCode === 0 ? "it prints no version" : `it ends with ${exitCode}`;
  return named ? { kind: "differs", why: `${why}, where ${tag} was expected` } : { kind: "unchecked", why };
}

export interface VersionCheck {
  /** The cage; a binary of a job is started in nothing less. */
  readonly executor: Executor;
  readonly inspector: ImageInspector;
  readonly platforms: readonly { readonly platform: Platform; readonly digest: string }[];
  /** How `.fairlead.yaml` says that it is asked; `undefined`: `--version`. */
  readonly asked: string | undefined;
  readonly tag: string;
  readonly place: { readonly runId: string; readonly buildId: string; readonly tier: Tier; readonly folder: string };
}

const inside = "/fairlead-version";
const longestMs = 20_000;
const limits = { logBytes: 65_536, diskBytes: 1024 ** 2, processes: 256, memoryBytes: 1024 ** 3 };

/** Starts the program of the image of this machine's platform, alone, without credentials and network, and listens. */
export async function checkVersion(check: VersionCheck): Promise<VersionVerdict> {
  const unchecked = (why: string): VersionVerdict => ({ kind: "unchecked", why });
  const here = process.arch === "x64" ? "amd64" : process.arch;
  const own = check.platforms.find(({ platform }) => platform.os === "linux" && platform.architecture === here);
  if (!own) return unchecked(`the image has nothing for linux/${here}`);
  const isolation = await check.executor.isolation();
  if (!isolation.full) return unchecked(`there is no cage here: ${isolation.missing.join(", ")}`);
  const program = await check.inspector.entrypoint(own.digest, own.platform);
  if (!program.ok) return unchecked(program.error.message);
  if (!program.value) return unchecked("the image starts nothing that is in it");
  if (program.value.elf !== here && check.asked === undefined) return unchecked("its entrypoint is no binary");
  const opened = await program.value.open();
  if (!opened.ok) return unchecked(opened.error.message);
  const folder = join(check.place.folder, "version");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "program");
  await pipeline(Readable.from(opened.value), createWriteStream(file));
  await chmod(file, 0o755);
  const said: Uint8Array[] = [];
  let size = 0;
  const started = await check.executor.start({
    runId: check.place.runId,
    buildId: `${check.place.buildId}-version`,
    tier: check.place.tier,
    argv: [`${inside}/program`, ...(check.asked ?? "--version").split(/\s+/).filter((word) => word !== "")],
    cwd: "/tmp",
    env: { PATH: "/usr/bin:/bin", HOME: "/home/prow" },
    mounts: [{ host: folder, inside, writable: false }],
    timeoutMs: longestMs,
    graceMs: 500,
    limits,
    network: "none",
    onOutput: (chunk) => {
      size += chunk.length;
      if (size <= limits.logBytes) said.push(chunk);
    },
  });
  if (!started.ok) return unchecked(started.error.message);
  const outcome = await started.value.outcome;
  await rm(folder, { recursive: true, force: true });
  const named = check.asked !== undefined;
  if (outcome.kind !== "exited" && !named) return unchecked(`it ${outcome.description}`);
  return judgeVersion(Buffer.concat(said).toString("utf8"), outcome.exitCode, check.tag, named);
}
