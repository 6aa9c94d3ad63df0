import { readFile } from "node:fs/promises";
import { type FamilyReading, type KnownRules, readFamilyFile } from "../config/index.ts";
import { err, fault, ok, type Result } from "../core/index.ts";
import type { Family } from "../family/index.ts";
import { rules } from "../policy/index.ts";

export const knownRules: KnownRules = Object.fromEntries(rules.map((rule) => [rule.id, { fixed: !rule.overridable }]));

/** Reads and checks a family file on disk. Faults: `not-found` where there is none. */
export async function readFamilyAt(file: string): Promise<Result<FamilyReading>> {
  const text = await readFile(file, "utf8").catch((error: unknown) => error);
  if (typeof text !== "string")
    return err(
      fault("not-found", `there is no family file at ${file}`, {
        hint: "fairlead init URL… writes one; --config names another",
      }),
    );
  return ok(readFamilyFile(file, text, knownRules));
}

/** A family that may be served, or the first error with its place. */
export function familyOrFault(reading: FamilyReading): Result<Family> {
  if (reading.family) return ok(reading.family);
  const errors = reading.diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const [first] = errors;
  if (!first) throw new Error("a family that cannot be read has an error");
  const { file, line, column, message, hint } = first;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more: fairlead check)` : "";
  return err(fault("bad-input", `${message}${more}`, { place: { file, line, column }, hint }));
}
