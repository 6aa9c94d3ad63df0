import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { err, fault, ok, type Result } from "../core/index.ts";

/** How one git process is started. */
export interface GitCall {
  readonly gitDir?: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly input?: string | Uint8Array | undefined;
  /** Bytes of stdout; above it the process is killed and the answer is fault `limit`. Default 64 MiB. */
  readonly maxOutput?: number | undefined;
  /** Called with each line of stderr while it runs. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Protocols that may be spoken; none unless said. */
  readonly protocols?: string | undefined;
}

export interface GitAnswer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path));

/**
 * The environment of every git process: no configuration of the machine or of a user, no prompts, no replace refs, no
 * protocols but those asked for (`GIT_ALLOW_PROTOCOL` empty allows none).
 */
export function gitEnvironment(call: Pick<GitCall, "gitDir" | "env" | "protocols">): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C",
    TZ: "UTC",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ALLOW_PROTOCOL: call.protocols ?? "",
    ...(call.gitDir === undefined ? {} : { GIT_DIR: call.gitDir }),
    ...call.env,
  };
}

/** Starts git; where the machine has setpriv, it dies with us however we die. */
export function spawnGit(args: readonly string[], call: GitCall): ChildProcessWithoutNullStreams {
  const [command, argv] =
    setpriv === undefined ? ["git", args] : [setpriv, ["--pdeathsig", "KILL", "--", "git", ...args]];
  return spawn(command, argv, { cwd: call.cwd ?? "/", env: gitEnvironment(call), stdio: "pipe" });
}

/** Runs git to its end. The exit code is part of the answer: many commands say something by it. */
export function runGit(args: readonly string[], call: GitCall = {}): Promise<Result<GitAnswer>> {
  const maxOutput = call.maxOutput ?? 64 * 1024 * 1024;
  return new Promise((resolve) => {
    const child = call.onProgress
      ? spawnGit(args, call)
      : spawn("git", args, { cwd: call.cwd ?? "/", env: gitEnvironment(call), stdio: "pipe" });
    const out: Buffer[] = [];
    let size = 0;
    let stderr = "";
    let tooMuch = false;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxOutput) {
        tooMuch = true;
        child.kill("SIGKILL");
      } else out.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      const text = chunk.toString("utf8");
      if (stderr.length < 64 * 1024) stderr += text;
      if (call.onProgress) for (const line of text.split(/[\r\n]+/)) if (line !== "") call.onProgress(line);
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(call.input ?? "");
    child.on("error", (cause) => resolve(err(fault("failed", `git cannot be started: ${cause.message}`, { cause }))));
    child.on("close", (code) => {
      if (tooMuch) resolve(err(fault("limit", `git ${args[0]} answered more than ${maxOutput} bytes`)));
      else resolve(ok({ code: code ?? -1, stdout: Buffer.concat(out), stderr }));
    });
  });
}

/** As `runGit`, where anything but exit code 0 is fault `failed` with git's own words. */
export async function gitText(args: readonly string[], call: GitCall = {}): Promise<Result<string>> {
  const answer = await runGit(args, call);
  if (!answer.ok) return answer;
  if (answer.value.code !== 0) return err(gitFault(args, answer.value));
  return ok(answer.value.stdout.toString("utf8"));
}

export function gitFault(args: readonly string[], answer: GitAnswer) {
  const said = answer.stderr.trim().split("\n").slice(-3).join("; ") || `exit code ${answer.code}`;
  const full = /no space left on device/i.test(answer.stderr);
  return fault(full ? "disk-full" : "failed", `git ${args[0]}: ${said}`);
}
