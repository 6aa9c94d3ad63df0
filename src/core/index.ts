export { canonicalJson, hashOf, sha256Hex } from "./canonical.ts";
export { type Clock, ManualClock, type Millis, systemClock } from "./clock.ts";
export { formatGoDuration, humanDuration, parseDuration } from "./duration.ts";
export {
  describeFault,
  exitCodeOf,
  type Fault,
  type FaultCode,
  fault,
  httpStatusOf,
  isRetryable,
  type Place,
} from "./fault.ts";
export { forOneLine, forTerminal } from "./foreign-text.ts";
export { countingIds, type Ids, nextBuildId, systemIds } from "./ids.ts";
export { compilePattern, type Pattern } from "./regex.ts";
export { err, must, ok, type Result } from "./result.ts";
export { createSerial } from "./serial.ts";
