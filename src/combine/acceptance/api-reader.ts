import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { type ClusterState, readClusterState } from "./cluster-state.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

const longestAnswer = 64 * 1024 * 1024;
const pageSize = 500;
const mostPages = 40;

/** Pods and what makes them, as the API server has them now; never through code of a run. Faults: `unavailable`, `limit`. */
export async function readCluster(access: ClusterAccess, signal: AbortSignal): Promise<Result<ClusterState>> {
  const below = access.namespace === undefined ? "" : `/namespaces/${encodeURIComponent(access.namespace)}`;
  const lists = await Promise.all([
    listAll(access, `/api/v1${below}/pods`, signal),
    listAll(access, `/apis/apps/v1${below}/deployments`, signal),
    listAll(access, `/apis/apps/v1${below}/statefulsets`, signal),
    listAll(access, `/apis/apps/v1${below}/daemonsets`, signal),
  ]);
  const [pods, deployments, statefulSets, daemonSets] = lists;
  for (const list of lists) if (!list.ok) return list;
  if (!pods?.ok || !deployments?.ok || !statefulSets?.ok || !daemonSets?.ok) throw new Error("not reached");
  return ok(
    readClusterState({
      pods: pods.value,
      deployments: deployments.value,
      statefulSets: statefulSets.value,
      daemonSets: daemonSets.value,
    }),
  );
}

async function listAll(
  access: ClusterAccess,
  path: string,
  signal: AbortSignal,
): Promise<Result<{ readonly items: readonly unknown[] }>> {
  const items: unknown[] = [];
  let next = "";
  for (let page = 0; page < mostPages; page++) {
    const query = `limit=${pageSize}${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`;
    const answer = await get(access, `${path}?${query}`, signal);
    if (!answer.ok) return answer;
    const value = answer.value;
    if (typeof value !== "object" || value === null || !("items" in value) || !Array.isArray(value.items))
      return err(fault("unavailable", `the API server answered no list for ${path}`));
    items.push(...value.items);
    const metadata = "metadata" in value ? value.metadata : undefined;
    const more = typeof metadata === "object" && metadata !== null && "continue" in metadata ? metadata.continue : "";
    if (typeof more !== "string" || more === "") return ok({ items });
    next = more;
  }
  return err(fault("limit", `${path} has more than ${mostPages * pageSize} entries`));
}

async function get(access: ClusterAccess, path: string, signal: AbortSignal): Promise<Result<unknown>> {
  const url = new URL(path, access.server);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return await new Promise((done) => {
    const unavailable = (why: string) => done(err(fault("unavailable", `the API server at ${url.host}: ${why}`)));
    const sent = request(
      url,
      {
        ca: access.authority,
        cert: access.clientCertificate,
        key: access.clientKey,
        servername: access.tlsServerName,
        signal,
        timeout: 30_000,
        headers: {
          accept: "application/json",
          ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > longestAnswer) sent.destroy(new Error(`an answer of more than ${longestAnswer} bytes`));
          else chunks.push(chunk);
        });
        response.once("error", (error) => unavailable(error.message));
        response.once("end", () => {
          if (response.statusCode !== 200) return unavailable(`${response.statusCode} for ${url.pathname}`);
          try {
            done(ok(JSON.parse(Buffer.concat(chunks).toString("utf8"))));
          } catch {
            unavailable(`no JSON for ${url.pathname}`);
          }
        });
      },
    );
    sent.once("timeout", () => sent.destroy(new Error("no answer within 30 s")));
    sent.once("error", (error) => unavailable(error.message));
    sent.end();
  });
}
