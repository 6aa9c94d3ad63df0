import type { Result } from "../../core/index.ts";
import { carryPerl } from "../host/index.ts";
import { carrierScript, podInitScript } from "./pod-scripts.ts";

/** What the containers beside a job are made of, as a folder. Fault `missing-need`. */
export function carryPrograms(folder: string): Promise<Result<string>> {
  return carryPerl(folder, { "init.pl": podInitScript, "carrier.pl": carrierScript });
}
