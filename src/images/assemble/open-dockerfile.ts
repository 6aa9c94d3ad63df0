import { err, fault, ok, type Result } from "../../core/index.ts";
import type { Platform } from "../../oci/index.ts";
import type { BuildContext } from "../context/context.ts";
import { type Instruction, parseDockerfile, placeOf } from "../dockerfile/instructions.ts";
import { type Stage, type Stages, splitStages } from "../dockerfile/stages.ts";
import { type Lookup, substitute } from "../dockerfile/substitute.ts";
import type { PlatformSpec } from "../model.ts";
import { declareArguments } from "./configure.ts";
import { neededStages } from "./needed-stages.ts";

const largestDockerfile = 1024 * 1024;

/** A Dockerfile as one platform of an image reads it. */
export interface OpenedDockerfile {
  readonly text: string;
  readonly instructions: readonly Instruction[];
  readonly stages: Stages;
  /** Numbers of the stages that the last one needs, itself included, in their order. */
  readonly needed: readonly number[];
  /** ARGs before the first FROM, and what is predefined. */
  readonly globals: Lookup;
  readonly predefined: Lookup;
}

/** Reads, divides and declares; nothing is carried out. */
export async function openDockerfile(context: BuildContext, spec: PlatformSpec): Promise<Result<OpenedDockerfile>> {
  const text = await context.readText(spec.dockerfile, largestDockerfile);
  if (text === undefined)
    return err(
      fault("bad-input", `${spec.dockerfile} is not in the repository`, {
        hint: "name it with `dockerfile:` in .fairlead.yaml",
      }),
    );
  const instructions = parseDockerfile(spec.dockerfile, text);
  if (!instructions.ok) return instructions;
  const stages = splitStages(instructions.value);
  if (!stages.ok) return stages;
  const needed = [...neededStages(stages.value.stages, stages.value.stages.length - 1)].sort((a, b) => a - b);
  const predefined = platformArguments(spec.platform);
  const values = new Map<string, string>();
  const globals: Lookup = (name) => values.get(name) ?? predefined(name);
  for (const instruction of stages.value.globals) {
    const declared = declareArguments(instruction, spec.args, values, globals, predefined);
    if (!declared.ok) return declared;
  }
  return ok({ text, instructions: instructions.value, stages: stages.value, needed, globals, predefined });
}

/** What stands after FROM, variables replaced: an image, `scratch` or an earlier stage. */
export function baseNameOf({ globals }: OpenedDockerfile, stage: Stage): Result<string> {
  const place = placeOf(stage.opening, 0);
  const name = substitute(stage.from, globals, stage.opening.escapeMark);
  if (!name.ok) return err({ ...name.error, place });
  if (name.value !== "") return name;
  return err(
    fault("bad-input", `FROM ${stage.from} is empty: an ARG before it has no value`, {
      place,
      hint: "give the ARG a default, or name it among the build arguments",
    }),
  );
}

function platformArguments({ os, architecture, variant }: Platform): Lookup {
  const platform = [os, architecture, variant].filter((part) => part !== undefined).join("/");
  const values = new Map<string, string>();
  for (const side of ["TARGET", "BUILD"]) {
    values.set(`${side}PLATFORM`, platform);
    values.set(`${side}OS`, os);
    values.set(`${side}ARCH`, architecture);
    values.set(`${side}VARIANT`, variant ?? "");
  }
  return (name) => values.get(name);
}
