import type { ClusterAddress } from "./connection.ts";

/** One build cluster, as the family file describes it. */
export interface ClusterSettings extends ClusterAddress {
  /** Where the pods of runs go; it is there already, and holds nothing else of value. */
  readonly namespace: string;
  /** The image that `fairlead pod-image` makes, as the cluster pulls it. */
  readonly image: string;
  /** Accounts of the namespace that jobs of the tiers `branch` and `release` may run as. */
  readonly serviceAccounts: readonly string[];
  /** Its network enforces policies: the administrator's word, since no API tells. */
  readonly networkPolicies: boolean;
  /** Pods run in user namespaces (Kubernetes 1.33, or its feature gate). */
  readonly userNamespaces: boolean;
}
