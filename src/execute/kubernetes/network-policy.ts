import type { JsonObject } from "../../jobs/index.ts";
import { homeLabel, networkLabel } from "./pod-manifest.ts";

/** What the egress proxy of one machine refuses too: nothing but public addresses. */
const closed = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/**
 * Two policies for the pods of one home: nothing comes in and nothing goes out; and, for those that may, names are asked
 * for in the cluster and public addresses reached. Private `host:port` targets of the family file are opened where the
 * host is an address, since a policy knows no names.
 */
export function networkPolicies(home: string, reachable: readonly string[]): readonly JsonObject[] {
  const open = reachable.flatMap((target) => {
    const [, address, port] = /^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(target) ?? [];
    return address === undefined
      ? []
      : [{ to: [{ ipBlock: { cidr: `${address}/32` } }], ports: [{ protocol: "TCP", port: Number(port) }] }];
  });
  const policy = (name: string, spec: JsonObject): JsonObject => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: `fairlead-${home.slice(0, 8)}-${name}`, labels: { [homeLabel]: home } },
    spec,
  });
  const dns = ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 }));
  return [
    policy("closed", {
      podSelector: { matchLabels: { [homeLabel]: home } },
      policyTypes: ["Ingress", "Egress"],
    }),
    policy("egress", {
      podSelector: { matchLabels: { [homeLabel]: home, [networkLabel]: "egress" } },
      policyTypes: ["Egress"],
      egress: [
        {
          to: [{ namespaceSelector: {}, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }],
          ports: dns,
        },
        { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: closed } }, { ipBlock: { cidr: "2000::/3" } }] },
        ...open,
      ],
    }),
  ];
}
