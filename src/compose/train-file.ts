import { readFile } from "node:fs/promises";
import { readTrainFile } from "../config/index.ts";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import type { TrainRequest } from "../intake/index.ts";

export interface TrainInFile {
  readonly request: TrainRequest;
  /** A fault of the server about one of the releases, with its place in the file. */
  placed(error: Fault): Fault;
}

/** Fault `not-found`, or `bad-input` with the place of the first error. */
export async function readTrain(file: string): Promise<Result<TrainInFile>> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined)
    return err(
      fault("not-found", `there is no train at ${file}`, { hint: `write one: fairlead train --output ${file}` }),
    );
  const { train, diagnostics, placeOf } = readTrainFile(file, text);
  const [first] = diagnostics;
  if (!train) {
    if (!first) throw new Error("a train that cannot be read has an error");
    const { line, column, message, hint } = first;
    return err(fault("bad-input", message, { place: { file, line, column }, hint }));
  }
  return ok({
    request: { releases: train.releases },
    placed: (error) => {
      const index = error.facts?.["index"];
      return typeof index === "number" ? { ...error, place: { file, ...placeOf(index) } } : error;
    },
  });
}
