import { parentPort } from "node:worker_threads";
import { createPart } from "./part.ts";
import type { PartRequest } from "./threads.ts";

const part = createPart();
parentPort?.on("message", (request: PartRequest) => {
  const answer = request.step === "open" ? part.open(request.files) : part.finish(request.around);
  void answer.then((value) => parentPort?.postMessage(value));
});
