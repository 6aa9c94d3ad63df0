import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { dockerRegistry, type OtherRegistry, serveDockerRegistry } from "../fixtures/docker-registry.ts";
import { run } from "../fixtures/programs.ts";
import { program, type ServedFamily, serveProgram } from "../fixtures/served-program.ts";
import { pushStandInBases } from "../fixtures/stand-in-bases.ts";
import { mirrorOf, organisation, type RealComponent } from "./repositories.ts";

export interface RealFamilyOptions {
  readonly components: readonly RealComponent[];
  /** Merged into the component's entry of the family file that `init` wrote. */
  readonly settings?: Partial<Record<RealComponent, Readonly<Record<string, unknown>>>>;
  /** Platforms that components are built for by convention; all of release-tools unless set. */
  readonly platforms?: Partial<Record<RealComponent, string>>;
  /** Merged into the family file. */
  readonly family?: Readonly<Record<string, unknown>>;
}

export interface RealFamily extends ServedFamily {
  /** Does a step and tells how long it took. */
  step<T>(what: string, act: () => Promise<T>): Promise<T>;
  /** Every step with its seconds, in order. */
  readonly times: readonly { readonly what: string; readonly seconds: number }[];
}

/** Nobody waits longer for one run of a real component on a small machine. */
const patience = 3_600_000;

/**
 * A family of the public components as `fairlead init` writes it, served, with what this place lacks made up for openly:
 * base images come from a registry of stand-ins, and the fetch of `verify-subtree.sh` from GitHub goes to Fairlead's own
 * copy of csi-release-tools. Needs Debian's docker-registry.
 */
export async function serveRealFamily(options: RealFamilyOptions): Promise<RealFamily> {
  const root = await mkdtemp(join(tmpdir(), "fairlead-real-"));
  const port = await freePort();
  const family = serveProgram(root, { patience, port });
  const times: { what: string; seconds: number }[] = [];
  const step = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await act();
    } finally {
      const seconds = (performance.now() - started) / 1000;
      times.push({ what, seconds });
      console.log(`${seconds.toFixed(1).padStart(8)} s  ${what}`);
    }
  };
  const bases: OtherRegistry = await serveDockerRegistry(join(root, "bases"));
  const close = async () => {
    await bases.stop();
    if (process.env["FAIRLEAD_REAL_KEEP"] === undefined) await rm(root, { recursive: true, force: true });
    else console.log(`kept: ${root}`);
  };
  try {
    const mirrors = await step("fill the registry of stand-in bases", () => pushStandInBases(bases.host));
    await step(`fairlead init ${options.components.length} repositories`, () => initiate(root, options.components));
    await settle(join(root, "fairlead.yaml"), options, mirrors, port);
    await step("fairlead serve takes them in", () => family.start());
  } catch (error) {
    await family.kill().catch(() => undefined);
    await close();
    throw error;
  }
  return {
    ...family,
    times,
    step,
    remove: async () => {
      await family.stop();
      await close();
    },
  };
}

async function initiate(root: string, components: readonly RealComponent[]): Promise<void> {
  const urls = components.map((component) => `file://${mirrorOf(component)}`);
  const config = join(root, "fairlead.yaml");
  const args = [program, "init", "--family", organisation, "--config", config, ...urls];
  const ended = await run(process.execPath, args, { timeout: patience });
  if (ended.code !== 0) throw new Error(ended.stderr);
}

async function settle(
  file: string,
  options: RealFamilyOptions,
  mirrors: Readonly<Record<string, string>>,
  port: number,
): Promise<void> {
  const document = parseDocument(await readFile(file, "utf8"));
  for (const component of options.components) {
    const platforms = options.platforms?.[component];
    const env = {
      UPSTREAM_URL: `http://127.0.0.1:${port}/git/csi-release-tools.git`,
      ...(platforms === undefined ? {} : { CSI_PROW_BUILD_PLATFORMS: platforms }),
    };
    document.setIn(["components", component, "org"], organisation);
    document.setIn(["components", component, "jobs"], document.createNode({ env, timeout: "2h" }));
    for (const [key, value] of Object.entries(options.settings?.[component] ?? {}))
      document.setIn(["components", component, key], document.createNode(value));
  }
  document.setIn(["registries", "mirrors"], document.createNode(mirrors));
  document.setIn(["registries", "mirrorsMayResolve"], true);
  document.setIn(["reachable"], document.createNode([`127.0.0.1:${port}`]));
  for (const [key, value] of Object.entries(options.family ?? {})) document.setIn([key], document.createNode(value));
  await writeFile(file, document.toString());
}

/** Written into the family file before the server starts, so that jobs may reach its git door. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise<void>((closed) => server.close(() => closed()));
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** Why no family of real components can be served here; `undefined`: it can. */
export function lackingPrograms(): string | undefined {
  return dockerRegistry === undefined ? "docker-registry is not installed: apt-get install docker-registry" : undefined;
}
