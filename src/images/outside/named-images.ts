import { err, ok, type Result } from "../../core/index.ts";
import { baseNameOf, type OpenedDockerfile } from "../assemble/open-dockerfile.ts";
import { placeOf, takenFrom } from "../dockerfile/instructions.ts";
import { stageNamed } from "../dockerfile/stages.ts";

/** Images from elsewhere that the needed stages of a Dockerfile name, and the one at the bottom of the last stage. */
export interface NamedImages {
  readonly names: readonly string[];
  /** `scratch`, or one of the names. */
  readonly bottom: string;
}

export function namedImages(opened: OpenedDockerfile): Result<NamedImages> {
  const { stages } = opened.stages;
  const bottoms = new Map<number, string>();
  const names = new Set<string>();
  for (const index of opened.needed) {
    const stage = stages[index];
    if (!stage) continue;
    const from = baseNameOf(opened, stage);
    if (!from.ok) return from;
    const before = stageNamed(stages, from.value, index);
    bottoms.set(index, before === undefined ? from.value : (bottoms.get(before) ?? "scratch"));
    if (before === undefined && from.value !== "scratch") names.add(from.value);
    for (const instruction of stage.instructions) {
      for (const name of takenFrom(instruction)) {
        if (/[$\s]/.test(name))
          return err({ code: "bad-input", message: `${name} names no image`, place: placeOf(instruction) });
        const isStage = /^\d{1,4}$/.test(name) || stageNamed(stages, name, index) !== undefined;
        if (!isStage && name !== "") names.add(name);
      }
    }
  }
  return ok({ names: [...names], bottom: bottoms.get(stages.length - 1) ?? "scratch" });
}
