import { err, fault, ok, parseDuration, type Result } from "../../core/index.ts";
import type { ContainerConfig } from "../../oci/index.ts";
import { type Instruction, placeOf } from "../dockerfile/instructions.ts";
import { jsonForm } from "../dockerfile/words.ts";

type Healthcheck = NonNullable<ContainerConfig["Healthcheck"]>;

const times: Readonly<Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval">> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

/** Docker: `HEALTHCHECK NONE` or `HEALTHCHECK [options] CMD command`; times are Go durations, stored in nanoseconds. */
export function healthcheckOf(instruction: Instruction): Result<Partial<ContainerConfig>> {
  const { rest, flags } = instruction;
  if (/^NONE$/i.test(rest) && flags.length === 0) return ok({ Healthcheck: { Test: ["NONE"] } });
  const command = /^CMD\s+([\s\S]+)$/i.exec(rest)?.[1];
  if (command === undefined)
    return err(
      fault("bad-input", "HEALTHCHECK is followed by NONE alone or by CMD and a command", {
        place: placeOf(instruction, 0),
      }),
    );
  const list = jsonForm(command);
  let check: Healthcheck = { Test: list ? ["CMD", ...list] : ["CMD-SHELL", command] };
  for (const { name, value, at } of flags) {
    const place = placeOf(instruction, at - instruction.restAt);
    const member = times[name];
    if (member === undefined) {
      if (!/^\d{1,6}$/.test(value) || Number(value) < 1)
        return err(fault("bad-input", `HEALTHCHECK --retries=${value.slice(0, 40)} is no count`, { place }));
      check = { ...check, Retries: Number(value) };
      continue;
    }
    const duration = parseDuration(value);
    if (!duration.ok) return err({ ...duration.error, place });
    check = { ...check, [member]: Math.round(duration.value * 1e6) };
  }
  return ok({ Healthcheck: check });
}
