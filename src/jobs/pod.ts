import type { Json, JsonObject } from "./model.ts";

/** A container of a pod as far as an executor acts on it; everything else stays in the pod's own JSON. */
export interface Container {
  readonly name: string;
  readonly image: string;
  /** `Always`, `IfNotPresent`, `Never`; `undefined`: by the image's tag. */
  readonly pullPolicy: string | undefined;
  /** `command` and `args` together: the program and its arguments (Prow: the image's ENTRYPOINT is not consulted). */
  readonly argv: readonly string[];
  /** In order; the later of two equal names wins, as in Kubernetes. Variables taken from elsewhere are not among them. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Names of variables with `valueFrom`, and whole sources of `envFrom`. */
  readonly envFromElsewhere: readonly string[];
  readonly privileged: boolean;
  readonly mounts: readonly { readonly name: string; readonly path: string; readonly readOnly: boolean }[];
  /** Kubernetes quantities as written: `4`, `9Gi`. */
  readonly limits: Readonly<Record<string, string>>;
}

export function containersOf(spec: JsonObject): readonly Container[] {
  return listOf(spec.containers).map((container) => {
    const env = listOf(container.env);
    const security = objectOf(container.securityContext);
    return {
      name: textOf(container.name),
      image: textOf(container.image),
      pullPolicy: typeof container.imagePullPolicy === "string" ? container.imagePullPolicy : undefined,
      argv: [...textsOf(container.command), ...textsOf(container.args)],
      env: env
        .filter((variable) => variable.valueFrom === undefined)
        .map((variable) => ({ name: textOf(variable.name), value: textOf(variable.value) })),
      envFromElsewhere: [
        ...env.filter((variable) => variable.valueFrom !== undefined).map((variable) => textOf(variable.name)),
        ...listOf(container.envFrom).map((source) => `envFrom ${Object.keys(source).join(" ")}`),
      ],
      privileged: security.privileged === true,
      mounts: listOf(container.volumeMounts).map((mount) => ({
        name: textOf(mount.name),
        path: textOf(mount.mountPath),
        readOnly: mount.readOnly === true,
      })),
      limits: Object.fromEntries(
        Object.entries(objectOf(objectOf(container.resources).limits)).map(([name, value]) => [name, textOf(value)]),
      ),
    };
  });
}

/**
 * Kubernetes: `$(NAME)` in command and args stands for the container's variable, `$$(NAME)` for the text `$(NAME)`;
 * a name that is not set is left as it is.
 */
export function expandArguments(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  return argv.map((argument) =>
    argument.replace(/\$\$|\$\(([^()$\s]+)\)/g, (whole, name: string | undefined) => {
      if (name === undefined) return "$";
      return Object.hasOwn(env, name) ? (env[name] ?? whole) : whole;
    }),
  );
}

export function listOf(value: Json | undefined): readonly JsonObject[] {
  return isList(value) ? value.map(objectOf) : [];
}

function textsOf(value: Json | undefined): readonly string[] {
  return isList(value) ? value.map(textOf) : [];
}

export function textOf(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
