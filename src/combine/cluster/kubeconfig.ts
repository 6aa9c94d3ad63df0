import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { err, fault, ok, type Result } from "../../core/index.ts";

const named = z.object({ name: z.string() });
const shape = z.object({
  "current-context": z.string().default(""),
  clusters: z.array(named.extend({ cluster: z.looseObject({ server: z.string() }) })).default([]),
  contexts: z
    .array(
      named.extend({
        context: z.object({ cluster: z.string(), user: z.string().default(""), namespace: z.string().optional() }),
      }),
    )
    .default([]),
  users: z.array(named.extend({ user: z.looseObject({}) })).default([]),
});

/** One context of a kubeconfig, complete in itself. */
export interface KubeContext {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string | undefined;
  /** `https://host:port`. */
  readonly server: string;
  /** A kubeconfig of this context alone, files named absolutely, with the namespace given. */
  only(namespace: string | undefined): string;
}

/** Reads the context wanted, or the current one. Faults: `not-found`, `bad-input`, each naming the file. */
export async function readContext(file: string, wanted?: string): Promise<Result<KubeContext>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    return err(fault("not-found", `there is no kubeconfig ${file}`, { cause }));
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (cause) {
    return err(fault("bad-input", `${file} is no YAML: ${cause instanceof Error ? cause.message : ""}`, { cause }));
  }
  const read = shape.safeParse(document);
  if (!read.success) return err(fault("bad-input", `${file} is no kubeconfig: ${z.prettifyError(read.error)}`));
  const name = wanted ?? read.data["current-context"];
  const context = read.data.contexts.find((each) => each.name === name)?.context;
  if (!context) {
    const known = read.data.contexts.map((each) => each.name).join(", ");
    return err(fault("bad-input", `${file} has no context ${name || "that is current"}`, { hint: `it has: ${known}` }));
  }
  const cluster = read.data.clusters.find((each) => each.name === context.cluster)?.cluster;
  const user = read.data.users.find((each) => each.name === context.user)?.user ?? {};
  if (!cluster || !URL.canParse(cluster.server))
    return err(fault("bad-input", `${file}: context ${name} names no cluster with a server`));
  const folder = dirname(file);
  return ok({
    name,
    cluster: context.cluster,
    user: context.user,
    namespace: context.namespace,
    server: cluster.server,
    only: (namespace) =>
      stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": name,
        clusters: [{ name: context.cluster, cluster: absolute(cluster, folder, ["certificate-authority"]) }],
        contexts: [{ name, context: { ...context, ...(namespace === undefined ? {} : { namespace }) } }],
        users: [
          { name: context.user, user: absolute(user, folder, ["client-certificate", "client-key", "tokenFile"]) },
        ],
      }),
  });
}

function absolute(
  of: Readonly<Record<string, unknown>>,
  folder: string,
  files: readonly string[],
): Record<string, unknown> {
  const copy = { ...of };
  for (const name of files) {
    const value = copy[name];
    if (typeof value === "string") copy[name] = resolve(folder, value);
  }
  return copy;
}

/** Where the API is served, as the egress proxy names targets. */
export function serverOf(context: KubeContext): { readonly host: string; readonly port: number } {
  const url = new URL(context.server);
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return { host, port: url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port) };
}

const productive = /^(prod|production|prd|live)\d*$/;

/** Which names say that this is production, each with where it stands; the cluster's own labels are asked for elsewhere. */
export function signsOfProduction(names: Readonly<Record<string, string | undefined>>): readonly string[] {
  const signs: string[] = [];
  for (const [where, value] of Object.entries(names)) {
    const words = value?.toLowerCase().split(/[^a-z0-9]+/) ?? [];
    if (words.some((word) => productive.test(word))) signs.push(`${where} ${value}`);
  }
  return signs;
}
