import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface GitAnswer {
  readonly ok: boolean;
  readonly out: string;
  /** What the server and git said, for people. */
  readonly said: string;
}

/** Git as a person at a shell has it, but with nobody's configuration. */
export async function git(folder: string, args: readonly string[]): Promise<GitAnswer> {
  const env = {
    PATH: process.env["PATH"],
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_NAME: "Ann Example",
    GIT_AUTHOR_EMAIL: "ann@example.invalid",
    GIT_COMMITTER_NAME: "Ann Example",
    GIT_COMMITTER_EMAIL: "ann@example.invalid",
  };
  try {
    const { stdout, stderr } = await promisify(execFile)("git", ["-C", folder, ...args], { env, timeout: 60_000 });
    return { ok: true, out: stdout.trim(), said: stderr };
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
    return { ok: false, out: "", said };
  }
}

/** The `remote:` lines of a push: what Fairlead told. */
export function remoteLines(said: string): readonly string[] {
  return said
    .split(/[\r\n]+/)
    .filter((line) => line.startsWith("remote:"))
    .map((line) => line.slice("remote:".length).trim())
    .filter((line) => line !== "");
}
