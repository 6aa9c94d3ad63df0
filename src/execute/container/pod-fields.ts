import type { JsonObject } from "../../jobs/index.ts";
import { ignoredPodFields } from "../host/index.ts";
import type { IgnoredField } from "../model.ts";

/** As for processes, but the image, the privileges that the family file allows and the limit of processors count here. */
export function ignoredInContainer(spec: JsonObject, privileged: boolean): readonly IgnoredField[] {
  return ignoredPodFields(spec).flatMap((field) => {
    if (/^containers\[0\]\.(image|imagePullPolicy)$/.test(field.path)) return [];
    if (field.path !== "containers[0].securityContext") return [field];
    return privileged
      ? []
      : [
          {
            ...field,
            consequence: "the job has no privileges: the family file does not list it under execute.privileged",
          },
        ];
  });
}
