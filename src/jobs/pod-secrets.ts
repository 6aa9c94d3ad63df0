import type { Json, JsonObject } from "./model.ts";
import { listOf, objectOf, textOf } from "./pod.ts";

/** A secret as files below a mount path of the first container (Kubernetes: a volume of kind `secret`). */
export interface SecretVolume {
  readonly kind: "volume";
  readonly secret: string;
  readonly mountPath: string;
  /** One file of it stands at the mount path itself. */
  readonly subPath: string | undefined;
  /** Which keys, and where below the mount path; `undefined`: all, each by its name. */
  readonly items: readonly { readonly key: string; readonly path: string }[] | undefined;
  /** Mode of its files. */
  readonly mode: number;
  readonly optional: boolean;
}

/** One key as a variable (`valueFrom.secretKeyRef`), or all of them with a prefix (`envFrom.secretRef`). */
export interface SecretVariable {
  readonly kind: "variable";
  readonly secret: string;
  readonly name: string;
  readonly key: string;
  readonly optional: boolean;
}
export interface SecretVariables {
  readonly kind: "variables";
  readonly secret: string;
  readonly prefix: string;
  readonly optional: boolean;
}

export type SecretUse = SecretVolume | SecretVariable | SecretVariables;

/** Where the first container of a pod wants secrets, in the order of the file. */
export function secretUses(spec: JsonObject): readonly SecretUse[] {
  const container = listOf(spec.containers)[0];
  if (!container) return [];
  const volumes = new Map(
    listOf(spec.volumes).flatMap((volume) =>
      volume.secret === undefined ? [] : [[textOf(volume.name), objectOf(volume.secret)] as const],
    ),
  );
  const mounted = listOf(container.volumeMounts).flatMap((mount): readonly SecretUse[] => {
    const source = volumes.get(textOf(mount.name));
    if (!source) return [];
    return [
      {
        kind: "volume",
        secret: textOf(source.secretName),
        mountPath: textOf(mount.mountPath),
        subPath: textOf(mount.subPath) || undefined,
        items: source.items === undefined ? undefined : listOf(source.items).map(itemOf),
        mode: typeof source.defaultMode === "number" ? source.defaultMode & 0o777 : 0o644,
        optional: source.optional === true,
      },
    ];
  });
  const all = listOf(container.envFrom).flatMap((source): readonly SecretUse[] => {
    const from = objectOf(source.secretRef);
    const prefix = textOf(source.prefix);
    return source.secretRef === undefined
      ? []
      : [{ kind: "variables", secret: textOf(from.name), prefix, optional: from.optional === true }];
  });
  const single = listOf(container.env).flatMap((variable): readonly SecretUse[] => {
    const from = keyRefOf(variable);
    if (!from) return [];
    const name = textOf(variable.name);
    return [
      { kind: "variable", secret: textOf(from.name), name, key: textOf(from.key), optional: from.optional === true },
    ];
  });
  return [...mounted, ...all, ...single];
}

/** The pod with what secrets give it taken for given, for whoever tells what of a pod has no effect. */
export function withSecretsGiven(spec: JsonObject): JsonObject {
  const made: Record<string, Json> = { ...spec };
  const mounted = listOf(listOf(spec.containers)[0]?.volumeMounts).map((mount) => textOf(mount.name));
  if (spec.volumes !== undefined)
    made["volumes"] = listOf(spec.volumes).map((volume) =>
      volume.secret !== undefined && mounted.includes(textOf(volume.name))
        ? { name: textOf(volume.name), emptyDir: {} }
        : volume,
    );
  made["containers"] = listOf(spec.containers).map((container) => {
    const rest: Record<string, Json> = { ...container };
    if (container.env !== undefined)
      rest["env"] = listOf(container.env).map((variable) =>
        keyRefOf(variable) ? { name: textOf(variable.name), value: "" } : variable,
      );
    const others = listOf(container.envFrom).filter((source) => source.secretRef === undefined);
    delete rest["envFrom"];
    return others.length === 0 ? rest : { ...rest, envFrom: others };
  });
  return made;
}

function keyRefOf(variable: JsonObject): JsonObject | undefined {
  const from = objectOf(variable.valueFrom);
  return from.secretKeyRef === undefined ? undefined : objectOf(from.secretKeyRef);
}

function itemOf(item: JsonObject): { readonly key: string; readonly path: string } {
  return { key: textOf(item.key), path: textOf(item.path) };
}
