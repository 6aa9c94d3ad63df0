import { spawn } from "node:child_process";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** A container engine that was seen to work here, and how it is called. */
export interface Engine {
  readonly name: "podman" | "docker";
  readonly program: string;
  /** Options before every command: storage and runtime. */
  readonly options: readonly string[];
}

export interface EngineAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const mostBytes = 1024 * 1024;

/**
 * The environment of every engine process: no credentials (images are pulled anonymously), nothing of a job. `HOME` is
 * the server's own, since rootless podman keeps its images there.
 */
export function engineEnvironment(authFile: string): Record<string, string> {
  const kept = ["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "DOCKER_HOST", "CONTAINER_HOST"];
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
    REGISTRY_AUTH_FILE: authFile,
    ...Object.fromEntries(kept.flatMap((name) => (process.env[name] ? [[name, process.env[name] ?? ""]] : []))),
  };
}

/** Runs one command of the engine to its end. Faults: `unavailable` on time-out, `failed` when it cannot be started. */
export function askEngine(
  engine: Engine,
  args: readonly string[],
  call: { readonly authFile: string; readonly timeoutMs: number; readonly input?: Uint8Array },
): Promise<Result<EngineAnswer>> {
  return new Promise((resolve) => {
    const child = spawn(engine.program, [...engine.options, ...args], {
      env: engineEnvironment(call.authFile),
      stdio: "pipe",
      timeout: call.timeoutMs,
      killSignal: "SIGKILL",
    });
    const out: Buffer[] = [];
    let stderr = "";
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= mostBytes) out.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < 64 * 1024) stderr += chunk.toString("utf8");
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(call.input ?? "");
    child.once("error", (cause) =>
      resolve(err(fault("failed", `${engine.name} cannot be started: ${cause.message}`, { cause }))),
    );
    child.once("close", (code, signal) => {
      if (signal !== null)
        resolve(err(fault("unavailable", `${engine.name} ${args[0]} did not end within ${call.timeoutMs / 1000} s`)));
      else resolve(ok({ code: code ?? -1, stdout: Buffer.concat(out).toString("utf8"), stderr }));
    });
  });
}

/** The last lines of what the engine said, as one. */
export function saidBy(answer: EngineAnswer): string {
  const lines = answer.stderr.trim().split("\n").slice(-2).join("; ");
  return lines.replaceAll(/\s+/g, " ").slice(0, 400) || `exit code ${answer.code}`;
}
