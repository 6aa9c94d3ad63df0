import { z } from "zod";
import { err, fault, type Result } from "../../core/index.ts";
import type { RunProgram } from "./programs.ts";

/** kubectl on one kubeconfig. Answers stdout; never prints it into the log. */
export type Kubectl = (
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly log?: (line: string) => void; readonly stdin?: string },
) => Promise<Result<string>>;

export function kubectlOn(run: RunProgram, program: string, kubeconfig: string): Kubectl {
  return (args, { signal, log, stdin }) =>
    run({
      argv: [program, "--kubeconfig", kubeconfig, "--request-timeout=30s", ...args],
      // A proxy is for the outside; the API of a cluster is reached as its kubeconfig says.
      stdin,
      signal,
      log: log ?? (() => undefined),
      quiet: true,
    });
}

const version = z.object({ serverVersion: z.object({ gitVersion: z.string() }) });

/** What the API server says it is. */
export async function serverVersion(kubectl: Kubectl, signal: AbortSignal): Promise<Result<string>> {
  const said = await kubectl(["version", "-o", "json"], { signal });
  if (!said.ok) return said;
  const read = parsed(said.value, version);
  return read.ok ? { ok: true, value: read.value.serverVersion.gitVersion } : read;
}

/** kubectl's JSON, held to a shape. Fault `failed` where it has another. */
export function parsed<T>(text: string, shape: z.ZodType<T>): Result<T> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    return err(fault("failed", "kubectl printed no JSON", { cause }));
  }
  const read = shape.safeParse(document);
  if (read.success) return { ok: true, value: read.data };
  return err(fault("failed", `kubectl printed something else: ${z.prettifyError(read.error)}`));
}
