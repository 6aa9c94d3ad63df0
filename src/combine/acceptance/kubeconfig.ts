import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** How the API of a cluster is reached and who asks, everything in the open: no file is named any more. */
export interface ClusterAccess {
  readonly server: string;
  /** PEM. */
  readonly authority: string | undefined;
  readonly tlsServerName: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
}

const text = z.string().max(1_000_000);
const schema = z.object({
  "current-context": text,
  contexts: z.array(
    z.object({ name: text, context: z.object({ cluster: text, user: text, namespace: text.optional() }) }),
  ),
  clusters: z.array(
    z.object({
      name: text,
      cluster: z.object({
        server: z.url({ protocol: /^https?$/ }),
        "certificate-authority": text.optional(),
        "certificate-authority-data": text.optional(),
        "tls-server-name": text.optional(),
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: text,
      user: z.object({
        "client-certificate": text.optional(),
        "client-certificate-data": text.optional(),
        "client-key": text.optional(),
        "client-key-data": text.optional(),
        token: text.optional(),
        tokenFile: text.optional(),
      }),
    }),
  ),
});

/** Reads the current context of a kubeconfig. Fault `bad-input`. */
export async function readKubeconfig(file: string): Promise<Result<ClusterAccess>> {
  const wrong = (why: string) =>
    err(fault("bad-input", `the kubeconfig ${file} cannot be used: ${why}`, { hint: "kubectl config view --flatten" }));
  const source = await readFile(file, "utf8").catch(() => undefined);
  if (source === undefined) return wrong("it is not there");
  let document: unknown;
  try {
    document = parse(source);
  } catch {
    return wrong("it is not YAML");
  }
  const read = schema.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    return wrong(`${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "not one"}`);
  }
  const { contexts, clusters, users } = read.data;
  const context = contexts.find((each) => each.name === read.data["current-context"])?.context;
  const cluster = clusters.find((each) => each.name === context?.cluster)?.cluster;
  const user = users.find((each) => each.name === context?.user)?.user;
  if (!context || !cluster || !user) return wrong("its current context names what is not in it");
  const whole = async (data: string | undefined, name: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
    return name === undefined ? undefined : await readFile(isAbsolute(name) ? name : join(dirname(file), name), "utf8");
  };
  try {
    return ok({
      server: cluster.server,
      authority: await whole(cluster["certificate-authority-data"], cluster["certificate-authority"]),
      tlsServerName: cluster["tls-server-name"],
      clientCertificate: await whole(user["client-certificate-data"], user["client-certificate"]),
      clientKey: await whole(user["client-key-data"], user["client-key"]),
      token: user.token ?? (await whole(undefined, user.tokenFile))?.trim(),
      namespace: context.namespace,
    });
  } catch (error) {
    return wrong(error instanceof Error ? error.message : "a file that it names is not there");
  }
}

/** A kubeconfig by which code in the cage reaches this one cluster, through the cage's way out. JSON is YAML. */
export function kubeconfigFor(access: ClusterAccess, proxy: string): string {
  const encoded = (value: string | undefined) =>
    value === undefined ? undefined : Buffer.from(value, "utf8").toString("base64");
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "run",
      contexts: [{ name: "run", context: { cluster: "run", user: "run", namespace: access.namespace } }],
      clusters: [
        {
          name: "run",
          cluster: {
            server: access.server,
            "certificate-authority-data": encoded(access.authority),
            "tls-server-name": access.tlsServerName,
            // Programs of Kubernetes ask no proxy of the environment for a loopback address, but always this one.
            "proxy-url": proxy,
          },
        },
      ],
      users: [
        {
          name: "run",
          user: {
            "client-certificate-data": encoded(access.clientCertificate),
            "client-key-data": encoded(access.clientKey),
            token: access.token,
          },
        },
      ],
    },
    undefined,
    2,
  )}\n`;
}
