import type { Json, JsonObject } from "../../jobs/index.ts";
import { objects, podOf, textOf } from "./pod.ts";
import { type Complaints, structOf } from "./struct.ts";
import type { Yaml } from "./yaml-scalars.ts";

/** Prow 1.11: what is added to every job with all of its labels; without labels to every job. */
export interface Preset {
  readonly labels: Readonly<Record<string, string>>;
  /** The same as pairs: looked at for every job. */
  readonly pairs: readonly (readonly [string, string])[];
  readonly env: readonly JsonObject[];
  readonly volumes: readonly JsonObject[];
  readonly volumeMounts: readonly JsonObject[];
  readonly tolerations: readonly JsonObject[];
}

const members: ReadonlySet<string> = new Set(["labels", "env", "volumes", "volumeMounts", "tolerations"]);

export function presetOf(value: Yaml, path: readonly (string | number)[], complaints: Complaints): Preset {
  const read = structOf(value, path, members, complaints);
  const list = (name: string): readonly JsonObject[] => {
    const raw = read.raw(name);
    if (raw === undefined) return [];
    // Read as members of a pod, so that names and scalars become what Kubernetes wants.
    const container = name === "env" || name === "volumeMounts";
    const pod = podOf(container ? { containers: [{ [name]: raw }] } : { [name]: raw }, path, complaints);
    return objects(container ? objects(pod.containers)[0]?.[name] : pod[name]);
  };
  const labels = read.record("labels");
  return {
    labels,
    pairs: Object.entries(labels),
    env: list("env"),
    volumes: list("volumes"),
    volumeMounts: list("volumeMounts"),
    tolerations: list("tolerations"),
  };
}

/** The same `label: value` pair may be declared by one preset only. Answers the pairs that are declared again. */
export function duplicatePairs(
  presets: readonly Preset[],
): readonly { readonly index: number; readonly pair: string }[] {
  const seen = new Set<string>();
  return presets.flatMap((preset, index) =>
    Object.entries(preset.labels).flatMap(([label, value]) => {
      const pair = `${label}: ${value}`;
      if (seen.has(pair)) return [{ index, pair }];
      seen.add(pair);
      return [];
    }),
  );
}

/** Presets that a job's labels call for, in the order in which they were loaded. */
export function presetsFor(labels: Readonly<Record<string, string>>, presets: readonly Preset[]): readonly Preset[] {
  const found: Preset[] = [];
  for (const preset of presets) if (callsFor(labels, preset)) found.push(preset);
  return found;
}

function callsFor(labels: Readonly<Record<string, string>>, preset: Preset): boolean {
  for (const pair of preset.pairs) if (labels[pair[0]] !== pair[1]) return false;
  return true;
}

/** The pod with the presets in it, and each conflict as a sentence: there are no rules for overriding. */
export function withPresets(
  pod: JsonObject,
  presets: readonly Preset[],
): { readonly pod: JsonObject; readonly conflicts: readonly string[] } {
  if (presets.length === 0) return { pod, conflicts: [] };
  const conflicts: string[] = [];
  const volumes = [...objects(pod.volumes)];
  const tolerations = [...objects(pod.tolerations)];
  const containers = objects(pod.containers).map((container) => ({
    container,
    env: [...objects(container.env)],
    mounts: [...objects(container.volumeMounts)],
  }));
  for (const preset of presets) {
    const whose = Object.entries(preset.labels).map(([label, value]) => `${label}: ${value}`);
    const from = whose.length === 0 ? "a preset without labels" : `the preset ${whose.join(", ")}`;
    addAll(volumes, preset.volumes, (name) => conflicts.push(`the volume ${name} of ${from} is in the pod already`));
    for (const toleration of preset.tolerations) {
      const same = JSON.stringify(toleration);
      if (tolerations.some((each) => JSON.stringify(each) === same))
        conflicts.push(`a toleration of ${from} is in the pod already`);
      else tolerations.push(toleration);
    }
    for (const { env, mounts } of containers) {
      addAll(env, preset.env, (name) => conflicts.push(`the variable ${name} of ${from} is set already`));
      addAll(mounts, preset.volumeMounts, (name) => conflicts.push(`the mount ${name} of ${from} is there already`));
    }
  }
  const made: Record<string, Json> = {
    ...pod,
    containers: containers.map(({ container, env, mounts }) => ({
      ...container,
      ...(env.length > 0 ? { env } : {}),
      ...(mounts.length > 0 ? { volumeMounts: mounts } : {}),
    })),
  };
  if (volumes.length > 0) made["volumes"] = volumes;
  if (tolerations.length > 0) made["tolerations"] = tolerations;
  return { pod: made, conflicts };
}

function addAll(into: JsonObject[], more: readonly JsonObject[], clash: (name: string) => void): void {
  for (const item of more) {
    const name = textOf(item.name);
    if (holds(into, name)) clash(name);
    else into.push(item);
  }
}

function holds(items: readonly JsonObject[], name: string): boolean {
  for (const item of items) if (textOf(item.name) === name) return true;
  return false;
}
