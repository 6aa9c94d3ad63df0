import { err, fault, ok, type Result } from "../../core/index.ts";
import { type Instruction, placeOf } from "./instructions.ts";

export interface Stage {
  /** Lower case. */
  readonly name: string | undefined;
  /** As written after FROM, not yet substituted. */
  readonly from: string;
  readonly opening: Instruction;
  readonly instructions: readonly Instruction[];
}

export interface Stages {
  /** ARGs before the first FROM. */
  readonly globals: readonly Instruction[];
  readonly stages: readonly Stage[];
}

/** Divides a Dockerfile at its FROM lines. */
export function splitStages(instructions: readonly Instruction[]): Result<Stages> {
  const globals: Instruction[] = [];
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const instruction of instructions) {
    const current = stages.at(-1);
    if (instruction.name !== "FROM") {
      if (current) current.instructions.push(instruction);
      else if (instruction.name === "ARG") globals.push(instruction);
      else
        return err(
          fault("bad-input", `${instruction.name} stands before the first FROM`, { place: placeOf(instruction) }),
        );
      continue;
    }
    const match = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(instruction.rest);
    const [, from = "", name] = match ?? [];
    if (!match || (name !== undefined && !/^[A-Za-z][A-Za-z0-9_.-]*$/.test(name)))
      return err(
        fault("bad-input", "FROM is followed by an image and, if wanted, AS and a name", {
          place: placeOf(instruction, 0),
        }),
      );
    stages.push({ name: name?.toLowerCase(), from, opening: instruction, instructions: [] });
  }
  return ok({ globals, stages });
}

/** The stage that a name means to the stage `before`: only those above it count, of equal names the nearest. */
export function stageNamed(stages: readonly Stage[], name: string, before: number): number | undefined {
  const wanted = name.toLowerCase();
  const found = stages.slice(0, before).findLastIndex((stage) => stage.name === wanted);
  return found < 0 ? undefined : found;
}
