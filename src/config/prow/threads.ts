import { Worker } from "node:worker_threads";
import type { JobSurroundings } from "./job.ts";
import type { Part, PartFile, PartOpening, PartResult } from "./part.ts";

/** What goes to a thread; one answer comes back for each. */
export type PartRequest =
  | { readonly step: "open"; readonly files: readonly PartFile[] }
  | { readonly step: "finish"; readonly around: JobSurroundings };

/** A part whose work is done by a thread, so that megabytes of YAML hold nobody up. `program`: the built worker. */
export function createThreadPart(program: string | URL): Part {
  const worker = new Worker(program);
  const ask = <T>(request: PartRequest) =>
    new Promise<T>((done, fail) => {
      const settle = () => {
        worker.off("message", onMessage);
        worker.off("error", onError);
        worker.off("exit", onExit);
      };
      const onMessage = (answer: T) => {
        settle();
        done(answer);
      };
      const onError = (error: unknown) => {
        settle();
        fail(error);
      };
      const onExit = (code: number) => {
        settle();
        fail(new Error(`the thread that reads job files ended with ${code}`));
      };
      worker.on("message", onMessage);
      worker.on("error", onError);
      worker.on("exit", onExit);
      worker.postMessage(request);
    });
  return {
    open: (files) => ask<PartOpening>({ step: "open", files }),
    finish: (around) => ask<PartResult>({ step: "finish", around }),
    close: () => void worker.terminate(),
  };
}
