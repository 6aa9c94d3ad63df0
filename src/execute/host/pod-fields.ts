import type { JsonObject } from "../../jobs/index.ts";
import type { IgnoredField } from "../model.ts";

const honouredInPod = new Set(["containers", "volumes"]);
const honouredInContainer = new Set(["name", "command", "args", "env", "volumeMounts", "resources"]);

const consequences: ReadonlyMap<string, string> = new Map([
  ["image", "the tools of this machine are used instead of those of the image"],
  ["securityContext", "the job has no privileges and runs as the user of the cage"],
  ["envFrom", "variables from config maps and secrets are absent"],
  ["hostNetwork", "the job has a network of its own"],
  ["workingDir", "the job starts in its checkout"],
  ["hostPID", "the job sees its own processes only"],
  ["initContainers", "they are not run"],
]);

/**
 * Which fields of a pod spec are ignored when it runs as a process of this machine, in the order of the file. Volumes are
 * given where they begin empty; of resources the memory limit counts.
 */
export function ignoredPodFields(spec: JsonObject): readonly IgnoredField[] {
  const containers = objectsOf(spec.containers);
  return [
    ...fieldsBeyond(Object.keys(spec), honouredInPod, ""),
    ...objectsOf(spec.volumes).flatMap((volume, index) => volumeOf(volume, index)),
    ...containers.flatMap((container, index) => [
      ...(index === 0 ? [] : [{ path: `containers[${index}]`, consequence: "only the first container is run" }]),
      ...fieldsBeyond(Object.keys(container), honouredInContainer, `containers[${index}].`),
      ...objectsOf(container.env).flatMap((variable, at) =>
        variable.valueFrom === undefined
          ? []
          : [{ path: `containers[${index}].env[${at}].valueFrom`, consequence: "the variable is absent" }],
      ),
    ]),
  ];
}

function volumeOf(volume: JsonObject, index: number): readonly IgnoredField[] {
  const kind = Object.keys(volume).find((key) => key !== "name");
  if (kind === undefined || kind === "emptyDir") return [];
  return [{ path: `volumes[${index}].${kind}`, consequence: "nothing stands at its mount paths" }];
}

function fieldsBeyond(names: readonly string[], honoured: ReadonlySet<string>, prefix: string): IgnoredField[] {
  return names
    .filter((name) => !honoured.has(name))
    .map((name) => ({ path: prefix + name, consequence: consequences.get(name) ?? "it has no effect here" }));
}

function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value)
    ? value.filter((item): item is JsonObject => typeof item === "object" && item !== null)
    : [];
}
