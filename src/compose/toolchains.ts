import type { Ids } from "../core/index.ts";
import type { Executor } from "../execute/index.ts";
import { createToolchains, type Toolchains } from "../execute/toolchains/index.ts";
import type { Family } from "../family/index.ts";

const golangProxy = "https://proxy.golang.org";

/** Tools by version, in a folder that stays. The Go of the machine is used where it is the one that is asked for. */
export function toolchainsOf(options: {
  readonly folder: string;
  readonly ids: Ids;
  readonly family: () => Family;
  readonly executor: Executor;
  readonly env: NodeJS.ProcessEnv;
}): Toolchains {
  const { folder, ids, family, executor, env } = options;
  let machine: Promise<string | undefined> | undefined;
  return createToolchains({
    folder,
    ids,
    settings: () => {
      return { goproxy: goproxyOf(family(), env), archives: family().toolchains.archives };
    },
    machineGo: () => {
      machine ??= goOf(executor);
      return machine;
    },
  });
}

/** The one of the family file, else the server's own, else Go's. */
export function goproxyOf(family: Family, env: NodeJS.ProcessEnv): string {
  return family.toolchains.goproxy ?? firstProxy(env["GOPROXY"]) ?? golangProxy;
}

/** A job in a container finds the Go of its image, which is known only there. */
async function goOf(executor: Executor): Promise<string | undefined> {
  if (executor.name === "container") return undefined;
  const go = (await executor.capabilities()).find((each) => each.need === "go" && each.present);
  return /\bgo(\d+\.\d+(?:\.\d+)?)\b/.exec(go?.detail ?? "")?.[1];
}

/** Go: addresses parted by commas or bars, among them `direct` and `off`. */
function firstProxy(text: string | undefined): string | undefined {
  return text?.split(/[,|]/).find((each) => /^https?:\/\//.test(each));
}
