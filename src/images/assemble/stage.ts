import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import type { Instruction } from "../dockerfile/instructions.ts";

/** The instructions that make the last stage, those of the stages it is FROM included, and its base image. */
export interface ResolvedStage {
  /** As written after FROM, not yet substituted. */
  readonly base: string;
  readonly baseLine: number;
  readonly instructions: readonly Instruction[];
  /** ARGs before the first FROM. */
  readonly globals: readonly Instruction[];
}

interface Stage {
  readonly name: string | undefined;
  readonly from: string;
  readonly line: number;
  readonly instructions: Instruction[];
}

/** Follows `FROM earlier-stage` from the last stage to a base image. Stages that nothing needs are left out. */
export function resolveLastStage(file: string, instructions: readonly Instruction[]): Result<ResolvedStage> {
  const bad = (line: number, message: string, hint?: string): Result<never, Fault> =>
    err(fault("bad-input", message, { place: { file, line, column: 1 }, hint }));
  const globals: Instruction[] = [];
  const stages: Stage[] = [];
  for (const instruction of instructions) {
    if (instruction.name === "FROM") {
      const match = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(instruction.rest);
      if (!match) return bad(instruction.line, "FROM is followed by an image and, if wanted, AS and a name");
      if (
        instruction.flags["platform"] !== undefined &&
        !/^\$\{?(TARGET|BUILD)PLATFORM\}?$/.test(instruction.flags["platform"])
      )
        return bad(instruction.line, "FROM --platform is not carried out here", "list the platform in .fairlead.yaml");
      const [, from = "", name] = match;
      stages.push({ name: name?.toLowerCase(), from, line: instruction.line, instructions: [] });
      continue;
    }
    const current = stages.at(-1);
    if (current) current.instructions.push(instruction);
    else if (instruction.name === "ARG") globals.push(instruction);
    else return bad(instruction.line, `${instruction.name} stands before the first FROM`);
  }
  let chain: readonly Instruction[] = [];
  let index = stages.length - 1;
  for (;;) {
    const stage = stages[index];
    if (!stage) return bad(1, "there is no FROM");
    chain = [...stage.instructions, ...chain];
    const before = stages.slice(0, index).findLastIndex((each) => each.name === stage.from.toLowerCase());
    if (before < 0) return ok({ base: stage.from, baseLine: stage.line, instructions: chain, globals });
    index = before;
  }
}
