import { type Clock, err, fault, ok, type Result } from "../../core/index.ts";
import type { JsonObject } from "../../jobs/index.ts";
import { createApi, type KubernetesApi } from "./api.ts";
import { connect } from "./connection.ts";
import { createExec, type Exec } from "./exec.ts";
import { networkPolicies } from "./network-policy.ts";
import { homeLabel } from "./pod-manifest.ts";
import { listOf, objectOf, oneLine, textOf } from "./pod-state.ts";
import { type PodWatch, watchPods } from "./pod-watch.ts";
import type { ClusterSettings } from "./settings.ts";

/** One cluster in use: its API, its single watch, and what is done to pods there. */
export interface OpenCluster {
  readonly settings: ClusterSettings;
  readonly watch: PodWatch;
  readonly exec: Exec;
  /**
   * Makes the pod, after the policies that close its network. `refused`: these cannot be made; `conflict`: another one has
   * its name; `unavailable`: also where a quota leaves no room now;
   * `bad-input`: the server says it is none.
   */
  create(manifest: JsonObject): Promise<Result<void>>;
  /** Has it ended at once; not there any more is as well. */
  remove(name: string): Promise<Result<void>>;
  /** Names of the home's pods that nobody has ended yet. */
  list(): Promise<Result<readonly string[]>>;
  /** Pod, events and node, as far as they can be had. */
  describe(name: string): Promise<JsonObject | undefined>;
  version(): Promise<Result<string>>;
  close(): void;
}

export async function openCluster(options: {
  readonly settings: ClusterSettings;
  readonly clock: Clock;
  readonly home: string;
  readonly reachable: () => readonly string[];
}): Promise<Result<OpenCluster>> {
  const { settings, clock, home } = options;
  const connected = await connect(settings);
  if (!connected.ok) return connected;
  const connection = connected.value;
  const api = createApi(connection, clock);
  let closedFor: string | undefined;
  const pods = `/api/v1/namespaces/${settings.namespace}/pods`;
  const selector = `${homeLabel}=${home}`;
  const remove = async (name: string): Promise<Result<void>> => {
    const answered = await api.call("DELETE", `${pods}/${name}`, {
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 1,
    });
    if (!answered.ok) return answered;
    const { status, said } = answered.value;
    if (status < 300 || status === 404 || status === 409) return ok(undefined);
    return err(fault("failed", `the pod ${name} cannot be removed: ${status} ${said}`));
  };
  const watch = watchPods({ api, clock, path: pods, selector, onStray: (name) => void remove(name) });

  return ok({
    settings,
    watch,
    exec: createExec(connection, clock),
    create: async (manifest) => {
      const reachable = options.reachable();
      if (closedFor !== reachable.join(" ")) {
        const closed = await closeNetwork(api, settings.namespace, home, reachable);
        if (!closed.ok) return closed;
        closedFor = reachable.join(" ");
      }
      const answered = await api.call("POST", pods, manifest);
      if (!answered.ok) return answered;
      const { status, said } = answered.value;
      if (status < 300) return ok(undefined);
      if (status === 409) {
        // An answer that was lost on the way: its name has a random part that nobody else knows.
        const name = textOf(objectOf(manifest.metadata).name);
        const there = await api.call("GET", `${pods}/${name}`);
        const labels = there.ok ? objectOf(objectOf(there.value.body.metadata).labels) : {};
        return labels[homeLabel] === home ? ok(undefined) : err(fault("conflict", oneLine(said)));
      }
      if (status === 403 && said.includes("exceeded quota")) return err(fault("unavailable", oneLine(said)));
      return err(fault("bad-input", `the server answers ${status}: ${oneLine(said)}`));
    },
    remove,
    list: async () => {
      const answered = await api.call("GET", `${pods}?labelSelector=${encodeURIComponent(selector)}`);
      if (!answered.ok) return answered;
      if (answered.value.status !== 200)
        return err(fault("failed", `pods cannot be listed: ${answered.value.status} ${answered.value.said}`));
      const alive = listOf(answered.value.body.items).map((pod) => objectOf(pod.metadata));
      return ok(alive.filter((each) => each.deletionTimestamp === undefined).map((each) => textOf(each.name)));
    },
    describe: async (name) => {
      const [pod, events] = await Promise.all([
        api.call("GET", `${pods}/${name}`),
        api.call(
          "GET",
          `/api/v1/namespaces/${settings.namespace}/events?limit=200&fieldSelector=${encodeURIComponent(`involvedObject.name=${name}`)}`,
        ),
      ]);
      if (!pod.ok || pod.value.status !== 200) return undefined;
      const nodeName = textOf(objectOf(pod.value.body.spec).nodeName);
      const node = nodeName === "" ? undefined : await api.call("GET", `/api/v1/nodes/${nodeName}`);
      return {
        pod: withoutManagers(pod.value.body),
        ...(events.ok && events.value.status === 200
          ? { events: listOf(events.value.body.items).map(withoutManagers) }
          : {}),
        ...(node?.ok && node.value.status === 200 ? { node: withoutManagers(node.value.body) } : {}),
      };
    },
    version: async () => {
      const answered = await api.call("GET", "/version");
      if (!answered.ok) return answered;
      return ok(textOf(answered.value.body.gitVersion));
    },
    close: () => {
      watch.close();
      connection.close();
    },
  });
}

/** Before the first pod: the policies that close its network. Made anew where what the family may reach has changed. */
async function closeNetwork(
  api: KubernetesApi,
  namespace: string,
  home: string,
  reachable: readonly string[],
): Promise<Result<void>> {
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
  for (const policy of networkPolicies(home, reachable)) {
    const name = textOf(objectOf(policy.metadata).name);
    const made = await api.call("POST", path, policy);
    if (!made.ok) return made;
    const answer = made.value.status === 409 ? await api.call("PUT", `${path}/${name}`, policy) : made;
    if (!answer.ok) return answer;
    if (answer.value.status >= 300)
      return err(
        fault("refused", `the network policy ${name} cannot be made in ${namespace}: ${answer.value.said}`, {
          hint: "docs/kubernetes.md says which rights a server needs there",
        }),
      );
  }
  return ok(undefined);
}

/** Who set which field takes more room than the fields, and nobody reads it here. */
function withoutManagers(object: JsonObject): JsonObject {
  const { managedFields: _fields, ...metadata } = objectOf(object.metadata);
  return { ...object, metadata };
}
