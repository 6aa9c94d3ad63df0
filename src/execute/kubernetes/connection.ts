import { Agent as HttpAgent, type RequestOptions } from "node:http";
import { Agent, type RequestOptions as SecureOptions } from "node:https";
import { err, fault, ok, type Result } from "../../core/index.ts";

/** Where a cluster is reached, and as whom. */
export interface ClusterAddress {
  /** File of kubectl; `undefined`: this process runs in the cluster, as its service account. */
  readonly kubeconfig: string | undefined;
  /** `undefined`: the file's current one. */
  readonly context: string | undefined;
}

export interface Connection {
  readonly server: URL;
  /** Certificates, and the headers of authentication as they are now: tokens are renewed. */
  options(): Promise<SecureOptions & RequestOptions>;
  close(): void;
}

/**
 * Reads a kubeconfig as kubectl does: certificates, tokens, token files, programs that give credentials. The library is
 * loaded here and only here, since it takes 80 MB. Fault `bad-input`.
 */
export async function connect(address: ClusterAddress): Promise<Result<Connection>> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const named = address.kubeconfig ?? "the service account of this pod";
  try {
    if (address.kubeconfig === undefined) config.loadFromCluster();
    else config.loadFromFile(address.kubeconfig);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    return err(fault("bad-input", `${named} cannot be read as a kubeconfig: ${said.slice(0, 300)}`, { cause }));
  }
  if (address.context !== undefined) {
    const known = config.getContexts().map((each) => each.name);
    if (!known.includes(address.context))
      return err(
        fault("bad-input", `${named} has no context ${address.context}`, {
          hint: `it has ${known.join(", ") || "none"}`,
        }),
      );
    config.setCurrentContext(address.context);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster || !URL.canParse(cluster.server))
    return err(
      fault("bad-input", `${named} names no server`, {
        hint:
          address.kubeconfig === undefined
            ? "outside a cluster, name a kubeconfig in execute.clusters of the family file"
            : "kubectl config view shows what it holds",
      }),
    );
  const server = new URL(cluster.server);
  const kept = server.protocol === "https:" ? new Agent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  return ok({
    server,
    options: async () => {
      const options: SecureOptions = {};
      await config.applyToHTTPSOptions(options);
      // Its own agent is made anew for each request; one for a proxy is needed.
      const proxied = options.agent && options.agent.constructor !== Agent && options.agent.constructor !== HttpAgent;
      return { ...options, agent: proxied ? options.agent : kept };
    },
    close: () => kept.destroy(),
  });
}
