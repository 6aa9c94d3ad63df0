import type { JsonObject } from "../../jobs/index.ts";

/** A field of a pod spec that runs in the process executor do without. */
export interface IgnoredField {
  /** Path in the pod spec: `nodeSelector`, `containers[0].securityContext`. */
  readonly path: string;
  readonly consequence: string;
}

const honouredInPod = new Set(["containers"]);
const honouredInContainer = new Set(["name", "command", "args", "env"]);

const consequences: ReadonlyMap<string, string> = new Map([
  ["image", "the tools of this machine are used instead of those of the image"],
  ["resources", "requests and limits of the job are not applied"],
  ["securityContext", "the job has no privileges and runs as the user of the cage"],
  ["volumes", "nothing is mounted for the job but its own tree"],
  ["volumeMounts", "nothing is mounted for the job but its own tree"],
  ["envFrom", "variables from config maps and secrets are absent"],
  ["hostNetwork", "the job has a network of its own"],
  ["workingDir", "the job starts in its checkout"],
  ["hostPID", "the job sees its own processes only"],
  ["initContainers", "they are not run"],
]);

/** Which fields of a pod spec are ignored when it runs as a process of this machine, in the order of the file. */
export function ignoredPodFields(spec: JsonObject): readonly IgnoredField[] {
  const { containers } = spec;
  const inContainers = Array.isArray(containers)
    ? containers.flatMap((container: unknown, index) => {
        if (typeof container !== "object" || container === null) return [];
        return fieldsBeyond(Object.keys(container), honouredInContainer, `containers[${index}].`);
      })
    : [];
  return [...fieldsBeyond(Object.keys(spec), honouredInPod, ""), ...inContainers];
}

function fieldsBeyond(names: readonly string[], honoured: ReadonlySet<string>, prefix: string): IgnoredField[] {
  return names
    .filter((name) => !honoured.has(name))
    .map((name) => ({ path: prefix + name, consequence: consequences.get(name) ?? "it has no effect here" }));
}
