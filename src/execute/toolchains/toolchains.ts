import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createSerial, err, type Fault, fault, type Ids, ok, type Result } from "../../core/index.ts";
import { download } from "./download.ts";
import { fetchGo } from "./go.ts";
import type { ArchiveDescription, Toolchain, ToolchainSettings, Toolchains } from "./model.ts";
import { unpack } from "./unpack.ts";

export interface ToolchainsOptions {
  /** Outside of every run; kept. */
  readonly folder: string;
  readonly ids: Ids;
  readonly settings: () => ToolchainSettings;
  /** Version of the Go that runs find without us; `undefined`: none. */
  readonly machineGo: () => Promise<string | undefined>;
  /** For tests; else the key of sum.golang.org. */
  readonly sumKey?: string;
}

const inside = "/fairlead-toolchains";
const exact = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,60}$/;
const toolName = /^[a-z0-9][a-z0-9._-]{0,60}$/;

/**
 * Tools that components ask for by version. Installed beside their place and renamed into it, so that a folder which
 * stands is whole, whoever was killed; two that want the same wait for one another here, and between processes the first
 * one wins.
 */
export function createToolchains(options: ToolchainsOptions): Toolchains {
  const serial = createSerial();
  const { folder } = options;

  async function installed(name: string, version: string): Promise<string | undefined> {
    const place = join(folder, name, version);
    return (await stat(place).catch(() => undefined))?.isDirectory() ? place : undefined;
  }

  async function install(
    name: string,
    version: string,
    tell: (line: string) => void,
  ): Promise<Result<{ readonly place: string; readonly fresh: boolean; readonly described?: ArchiveDescription }>> {
    const { archives, goproxy } = options.settings();
    const described = archives.find((each) => each.name === name && each.version === version);
    const there = await installed(name, version);
    if (there !== undefined) return ok({ place: there, fresh: false, ...(described ? { described } : {}) });
    const place = join(folder, name, version);
    const scratch = join(folder, ".incoming", options.ids.uuid());
    const fresh = join(scratch, "whole");
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    tell(`installing ${name} ${version} from ${described?.url ?? goproxy} …`);
    try {
      const got = described
        ? await fetchArchive(described, scratch, fresh)
        : name === "go"
          ? await fetchGo({ goproxy, sumKey: options.sumKey }, version, join(scratch, "go"), fresh)
          : err(
              fault("missing-need", `nothing says where ${name} ${version} comes from`, {
                hint: `add it to toolchains.archives of the family file, with its url and sha256, or place it in ${place}`,
              }),
            );
      if (!got.ok) return err(withPlace(got.error, name, version, place));
      await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
      await rename(fresh, place).catch(async (cause: unknown) => {
        // Another process was first: what stands there is whole.
        if ((await installed(name, version)) === undefined) throw cause;
      });
      return ok({ place, fresh: true, ...(described ? { described } : {}) });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  async function binOf(place: string, described: ArchiveDescription | undefined, name: string): Promise<string> {
    if (described?.bin !== undefined) return described.bin;
    // Archives of Go hold one folder of that name.
    for (const candidate of ["bin", `${name}/bin`])
      if ((await stat(join(place, candidate)).catch(() => undefined))?.isDirectory()) return candidate;
    return "";
  }

  return {
    provide: async (name, wanted, tell) => {
      const least = wanted.startsWith(">=");
      const version = wanted.replace(/^>=/, "").replace(/^(go|v)(?=\d)/, "");
      if (!toolName.test(name) || !exact.test(version))
        return err(
          fault("bad-input", `${name}: ${JSON.stringify(wanted.slice(0, 80))} is no version of a tool`, {
            hint: "toolchain: {go: 1.26.6}",
          }),
        );
      const machine = name === "go" ? await options.machineGo() : undefined;
      if (machine !== undefined && (machine === version || (least && !isOlder(machine, version))))
        return ok({
          name,
          version: machine,
          mount: undefined,
          path: undefined,
          origin: `go ${machine} of this machine`,
        });
      const got = await serial(`${name} ${version}`, () => install(name, version, tell));
      if (!got.ok) return got;
      const { place, described } = got.value;
      const bin = await binOf(place, described, name);
      const at = `${inside}/${name}-${version}`;
      const toolchain: Toolchain = {
        name,
        version,
        mount: { host: place, inside: at, writable: false },
        path: bin === "" ? at : `${at}/${bin}`,
        origin: described
          ? `${name} ${version} of ${described.url}, with the sum of the family file`
          : `${name} ${version} through ${options.settings().goproxy}, checked against the checksum database`,
      };
      return ok(toolchain);
    },
  };
}

/** Removes what a process that was killed left half-done. Only for whoever alone works on the folder. */
export async function sweepToolchains(folder: string): Promise<void> {
  for (const left of await readdir(join(folder, ".incoming")).catch(() => []))
    await rm(join(folder, ".incoming", left), { recursive: true, force: true });
}

async function fetchArchive(described: ArchiveDescription, scratch: string, folder: string): Promise<Result<void>> {
  const archive = join(scratch, "archive");
  const sum = await download(described.url, archive);
  if (!sum.ok) return sum;
  if (sum.value !== described.sha256)
    return err(
      fault("corrupt", `${described.url} is not what the family file says: sha256 ${sum.value}`, {
        hint: "compare it with the sum that its maker publishes",
      }),
    );
  await mkdir(folder, { recursive: true, mode: 0o755 });
  return await unpack(archive, folder, described.name);
}

/** What to do where there is no network: what goes where. */
function withPlace(error: Fault, name: string, version: string, place: string): Fault {
  if (error.code !== "unavailable") return error;
  const program = name === "go" ? "bin/go" : `bin/${name}`;
  return fault("missing-need", `${name} ${version} is not here and cannot be fetched: ${error.message}`, {
    cause: error,
    hint: `unpack it to ${place} (so that ${program} stands below it), or name a reachable place under toolchains of the family file`,
  });
}

/** By numbers, part by part: `1.9` is older than `1.10`. */
function isOlder(a: string, b: string): boolean {
  return a.localeCompare(b, "en", { numeric: true }) < 0;
}
