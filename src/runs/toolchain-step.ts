import type { Toolchain, Toolchains } from "../execute/index.ts";
import type { ReleaseConfiguration } from "../family/index.ts";
import type { LogWriter } from "../results/index.ts";

/** What a run's steps get to stand on: mounts and folders before PATH. */
export type ProvidedTools =
  | { readonly ok: true; readonly tools: readonly Toolchain[] }
  | { readonly ok: false; readonly need: string; readonly message: string; readonly hint: string };

/** Every tool that the release configuration asks for, installed where it is missing and named in the log. */
export async function provideTools(
  toolchains: Toolchains,
  configuration: ReleaseConfiguration,
  log: LogWriter,
): Promise<ProvidedTools> {
  const tools: Toolchain[] = [];
  for (const [name, version] of Object.entries(configuration.toolchain)) {
    const provided = await toolchains.provide(name, version, (line) => log.line(`fairlead: ${line}`));
    if (!provided.ok) {
      const { message, hint } = provided.error;
      log.line(`fairlead: ${message}${hint === undefined ? "" : `; ${hint}`}`);
      return { ok: false, need: `${name} ${version}`, message, hint: hint ?? "fairlead doctor" };
    }
    log.line(`fairlead: uses ${provided.value.origin}`);
    tools.push(provided.value);
  }
  return { ok: true, tools };
}
