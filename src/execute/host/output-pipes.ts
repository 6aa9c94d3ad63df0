import { execFile } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * One pipe for a job's stdout and stderr, so that their order is kept. A named pipe, because Node's own are sockets, on
 * which `echo > /dev/stderr` fails.
 */
export interface OutputPipe {
  readonly writeFd: number;
  /** Every byte, until the last writer is gone. Never pushes back on the job. */
  readonly drained: Promise<void>;
  /** Closes our writing end, once the job holds its own. */
  release(): void;
  destroy(): void;
}

export interface OutputPipes {
  open(onOutput: (chunk: Uint8Array) => void): Promise<OutputPipe>;
}

const batch = 16;

export function createOutputPipes(folder: string): OutputPipes {
  const spare: string[] = [];
  let made = 0;
  let making: Promise<void> | undefined;

  async function makeMore(): Promise<void> {
    const paths = Array.from({ length: batch }, () => join(folder, `out-${process.pid}-${made++}`));
    await promisify(execFile)("mkfifo", ["-m", "600", ...paths]);
    spare.push(...paths);
  }

  async function take(): Promise<string> {
    for (;;) {
      const path = spare.pop();
      if (path) return path;
      making ??= makeMore().finally(() => {
        making = undefined;
      });
      await making;
    }
  }

  return {
    open: async (onOutput) => {
      const path = await take();
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writeFd = openSync(path, constants.O_WRONLY);
      rmSync(path);
      const reader = new Socket({ fd: readFd, readable: true, writable: false });
      const drained = new Promise<void>((done) => {
        reader.on("data", onOutput);
        reader.once("close", () => done());
        reader.on("error", () => reader.destroy());
      });
      let held = true;
      const release = () => {
        if (held) closeSync(writeFd);
        held = false;
      };
      return {
        writeFd,
        drained,
        release,
        destroy: () => {
          release();
          reader.destroy();
        },
      };
    },
  };
}
