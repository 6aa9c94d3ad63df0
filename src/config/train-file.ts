import { z } from "zod";
import { parseVersionTag } from "../family/index.ts";
import type { Diagnostic } from "./diagnostics.ts";
import { readYaml } from "./yaml-document.ts";

const name = z.string().min(1).max(100);

/** What `fairlead train --output FILE` writes and `fairlead release --train FILE` takes. */
const trainSchema = z.strictObject({
  family: name.optional(),
  releases: z
    .array(
      z.strictObject({
        component: name,
        version: z.string().superRefine((text, context) => {
          const parsed = parseVersionTag(text);
          if (!parsed.ok) context.addIssue({ code: "custom", message: parsed.error.hint ?? parsed.error.message });
        }),
        commit: z
          .string()
          .regex(/^[0-9a-f]{40}$/, "a full commit id of 40 hexadecimal digits")
          .optional(),
        after: z.array(name).max(100).optional(),
      }),
    )
    .min(1, "has no release")
    .max(100),
});

export type TrainDocument = z.infer<typeof trainSchema>;

export interface TrainReading {
  readonly train: TrainDocument | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** Where the release of this index stands. */
  placeOf(index: number): { readonly line: number; readonly column: number };
}

export function readTrainFile(file: string, text: string): TrainReading {
  const read = readYaml(file, text, trainSchema);
  return {
    train: read.value,
    diagnostics: read.diagnostics,
    placeOf: (index) => read.placeOf(["releases", index]),
  };
}
