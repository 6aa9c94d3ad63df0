import { type Fault, fault } from "../../core/index.ts";
import { type Instruction, takenFrom } from "../dockerfile/instructions.ts";
import { type Stage, stageNamed } from "../dockerfile/stages.ts";
import { quotedWords } from "../dockerfile/words.ts";
import type { PlatformSpec } from "../model.ts";

/** Numbers of the stages that `last` is FROM or copies from, itself included; stages that nothing needs are left out. */
export function neededStages(stages: readonly Stage[], last: number): ReadonlySet<number> {
  const needed = new Set<number>();
  const pending = [last];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    const stage = stages[index];
    if (!stage || needed.has(index)) continue;
    needed.add(index);
    for (const name of [stage.from, ...stage.instructions.flatMap(takenFrom)]) {
      const number = /^\d{1,4}$/.test(name) ? Number(name) : stageNamed(stages, name, index);
      if (number !== undefined && number < index) pending.push(number);
    }
  }
  return needed;
}

/** Docker takes these without a declaration. */
const undeclaredAllowed =
  /^(?:(?:HTTPS?|FTP|NO|ALL)_PROXY|SOURCE_DATE_EPOCH|BUILDKIT_.*|(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT))$/i;

/** Build arguments that no ARG of the Dockerfile declares have no effect, which is rarely meant. */
export function undeclaredWarnings(instructions: readonly Instruction[], spec: PlatformSpec): readonly Fault[] {
  const declared = new Set(
    instructions
      .filter((instruction) => instruction.name === "ARG")
      .flatMap((instruction) => quotedWords(instruction.rest, instruction.escapeMark))
      .map((word) => word.text.replace(/=[\s\S]*$/, "")),
  );
  return Object.keys(spec.args)
    .filter((name) => !declared.has(name) && !undeclaredAllowed.test(name))
    .map((name) =>
      fault("bad-input", `the build argument ${name} is declared nowhere in ${spec.dockerfile}`, {
        hint: `add ARG ${name} where it is used`,
      }),
    );
}
