import { err, fault, ok, type Result } from "../../core/index.ts";
import { carriedCommand, carriedInside, findOnPath } from "../host/index.ts";
import { askEngine, type Engine, saidBy } from "./engine.ts";
import type { HardLimits } from "./hard-limits.ts";

export interface FoundEngine {
  readonly engine: Engine;
  /** May memory, processes and processors be bounded by the engine? */
  readonly limits: boolean;
  /** Is root inside somebody else outside? Only then a container holds strangers. */
  readonly userNamespace: boolean;
  readonly version: string;
}

export interface EngineSearch {
  /** `podman` or `docker`; `undefined`: whichever works, podman first. */
  readonly wanted: "podman" | "docker" | undefined;
  /** Options before every command, as the family file gives them; `undefined`: what works is found. */
  readonly options: readonly string[] | undefined;
  readonly carried: string;
  readonly authFile: string;
  readonly hard: HardLimits;
}

const probeImage = "localhost/fairlead/probe:1";
const timeoutMs = 60_000;
/** In a confined machine (no systemd, few capabilities) crun and systemd's control groups do not work. */
const confined = ["--runtime", "runc", "--cgroup-manager", "cgroupfs"];

/** Looks for an engine by starting a container, since `--version` answers where nothing can run. Fault `missing-need`. */
export async function findEngine(search: EngineSearch): Promise<Result<FoundEngine>> {
  const tried: string[] = [];
  for (const name of search.wanted === undefined ? (["podman", "docker"] as const) : [search.wanted]) {
    const program = await findOnPath(name);
    if (program === undefined) {
      tried.push(`${name} is not installed`);
      continue;
    }
    const choices = search.options ? [search.options] : name === "podman" ? [[], confined] : [[]];
    for (const options of choices) {
      const found = await probe({ name, program, options }, search);
      if (found.ok) return found;
      tried.push(`${[name, ...options].join(" ")}: ${found.error.message}`);
    }
  }
  return err(
    fault("missing-need", `no container engine works here: ${tried.join("; ").slice(0, 800)}`, {
      hint: "apt-get install podman; execute.options of the family file names its storage and runtime",
    }),
  );
}

async function probe(engine: Engine, search: EngineSearch): Promise<Result<FoundEngine>> {
  const call = { authFile: search.authFile, timeoutMs };
  const there = await askEngine(engine, ["image", "inspect", "--format", "{{.Id}}", probeImage], call);
  if (!there.ok) return there;
  if (there.value.code !== 0) {
    // An archive that holds nothing: what runs in it is what is mounted.
    const made = await askEngine(engine, ["import", "-", probeImage], { ...call, input: new Uint8Array(10_240) });
    if (!made.ok) return made;
    if (made.value.code !== 0) return err(fault("missing-need", saidBy(made.value)));
  }
  const perl = carriedCommand("init.pl").slice(0, -1);
  const run = (bounds: readonly string[]) =>
    askEngine(
      engine,
      [
        "run",
        "--rm",
        "--network",
        "none",
        "--cap-drop",
        "ALL",
        "--ulimit",
        `nofile=${search.hard.openFiles}:${search.hard.openFiles}`,
        "--ulimit",
        `nproc=${search.hard.processes}:${search.hard.processes}`,
        ...bounds,
        "--mount",
        `type=bind,src=${search.carried},dst=${carriedInside},readonly`,
        "--entrypoint",
        perl[0] ?? "",
        probeImage,
        ...perl.slice(1),
        "-e",
        'open(my $map, "<", "/proc/self/uid_map"); print "map", <$map>;',
      ],
      call,
    );
  const bounded = await run(["--memory", "268435456", "--pids-limit", "64"]);
  if (!bounded.ok) return bounded;
  const answer = bounded.value.code === 0 ? bounded : await run([]);
  if (!answer.ok) return answer;
  if (answer.value.code !== 0) return err(fault("missing-need", saidBy(bounded.value)));
  const [, outside] = /map\s+0\s+(\d+)\s/.exec(answer.value.stdout) ?? [];
  const version = await askEngine(engine, ["--version"], call);
  return ok({
    engine,
    limits: bounded.value.code === 0,
    userNamespace: outside !== undefined && outside !== "0",
    version: version.ok ? version.value.stdout.trim() : engine.name,
  });
}
