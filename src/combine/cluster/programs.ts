import { spawn } from "node:child_process";
import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";

/** Bytes of stdout that are kept; more is a fault, as half an answer is none. */
const longestAnswer = 64 * 1024 * 1024;
const longestLine = 4000;
/** Between SIGTERM and SIGKILL. */
const graceMs = 20_000;

/** A program that the family file or this machine names: trusted, run by the server, never through a shell. */
export interface ProgramCall {
  readonly argv: readonly string[];
  /** On top of what programs of clusters get of the server's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly stdin?: string | undefined;
  readonly signal: AbortSignal;
  /** Every line of stderr, and of stdout unless `quiet`. */
  readonly log: (line: string) => void;
  readonly quiet?: boolean | undefined;
  /** Called once it runs, with the process group's id. */
  readonly started?: ((group: number) => Promise<void>) | undefined;
}

export type RunProgram = (call: ProgramCall) => Promise<Result<string>>;

/** What such programs need of the server's environment; secrets that stand beside it are none of their business. */
const passedOn =
  /^(PATH|HOME|USER|LANG|LC_ALL|TMPDIR|TZ|XDG_.+|DOCKER_.+|CONTAINER_HOST|KIND_EXPERIMENTAL_.+|GO(PATH|CACHE|PROXY|FLAGS|TOOLCHAIN)|(HTTPS?|NO)_PROXY|(https?|no)_proxy)$/;

export function environmentOfPrograms(own: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) if (value !== undefined && passedOn.test(name)) kept[name] = value;
  return kept;
}

/**
 * Runs a program in a process group of its own and answers its stdout. Faults: `missing-need` (not there), `timeout` and
 * `failed` (aborted; by the signal's reason), `failed` with the last words.
 */
export function programRunner(clock: Clock): RunProgram {
  return (call) =>
    new Promise((done) => {
      const [program = "", ...args] = call.argv;
      if (call.signal.aborted) return done(err(stopped(program, call.signal)));
      const child = spawn(program, args, {
        cwd: call.cwd,
        env: { ...environmentOfPrograms(), ...call.env },
        detached: true,
        stdio: ["pipe", "pipe", "pipe"],
      });
      const out: Buffer[] = [];
      let size = 0;
      let last = "";
      const lines = (take: (line: string) => void) => {
        let rest = "";
        return {
          add: (text: string) => {
            const parts = (rest + text).split("\n");
            rest = (parts.pop() ?? "").slice(0, longestLine);
            for (const line of parts) take(line.slice(0, longestLine));
          },
          end: () => {
            if (rest !== "") take(rest);
          },
        };
      };
      const said = lines((line) => {
        if (line.trim() !== "") last = line.trim();
        call.log(line);
      });
      const printed = lines((line) => call.log(line));
      const kill = (signal: "SIGTERM" | "SIGKILL") => {
        try {
          if (child.pid !== undefined) process.kill(-child.pid, signal);
        } catch {
          // Already gone.
        }
      };
      let cancel = () => {};
      const abort = () => {
        kill("SIGTERM");
        cancel = clock.after(graceMs, () => kill("SIGKILL"));
      };
      call.signal.addEventListener("abort", abort, { once: true });
      child.stdout.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size <= longestAnswer) out.push(chunk);
        if (!call.quiet) printed.add(chunk.toString("utf8"));
      });
      child.stderr.on("data", (chunk: Buffer) => said.add(chunk.toString("utf8")));
      child.stdin.on("error", () => undefined);
      child.stdin.end(call.stdin ?? "");
      const ready = child.pid === undefined ? undefined : call.started?.(child.pid);
      const end = (result: Result<string>) => {
        call.signal.removeEventListener("abort", abort);
        cancel();
        done(result);
      };
      child.once("error", (error) =>
        end(
          err(
            fault("missing-need", `${program} could not be started: ${error.message}`, {
              hint: `install ${program}, or name the program that is meant in the family file`,
            }),
          ),
        ),
      );
      child.once("close", (code, signal) => {
        said.end();
        if (!call.quiet) printed.end();
        const answer = () => {
          if (call.signal.aborted) return end(err(stopped(program, call.signal)));
          if (size > longestAnswer)
            return end(err(fault("limit", `${program} printed more than ${longestAnswer} bytes`)));
          if (code === 0) return end(ok(Buffer.concat(out).toString("utf8")));
          const words = last === "" ? "" : `: ${last.slice(0, 500)}`;
          return end(err(fault("failed", `${call.argv.slice(0, 3).join(" ")} ended with ${signal ?? code}${words}`)));
        };
        if (ready)
          ready.then(answer, (cause: unknown) =>
            end(err(fault("failed", `${program}: its start could not be recorded`, { cause }))),
          );
        else answer();
      });
    });
}

function stopped(program: string, signal: AbortSignal) {
  const reason: unknown = signal.reason;
  const late = reason instanceof Error && reason.name === "TimeoutError";
  const why = reason instanceof Error ? reason.message : String(reason);
  return fault(late ? "timeout" : "failed", `${program} was stopped: ${why}`);
}
