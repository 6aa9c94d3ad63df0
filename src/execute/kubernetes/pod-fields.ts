import type { Tier } from "../../family/index.ts";
import type { JsonObject } from "../../jobs/index.ts";
import { ignoredPodFields } from "../host/index.ts";
import type { IgnoredField } from "../model.ts";
import { mayUseAccount } from "./pod-manifest.ts";
import { listOf, objectOf, textOf } from "./pod-state.ts";

const honoured = new Set([
  "nodeSelector",
  "tolerations",
  "affinity",
  "topologySpreadConstraints",
  "priorityClassName",
  "runtimeClassName",
  "schedulerName",
  "imagePullSecrets",
  "securityContext",
  "terminationGracePeriodSeconds",
  "automountServiceAccountToken",
]);
const identity = new Set(["runAsUser", "runAsGroup", "runAsNonRoot"]);
const ofPodSecurity = new Set([...identity, "fsGroup", "fsGroupChangePolicy", "supplementalGroups"]);

/** As for containers of one machine, but whatever places a pod counts, and an account that the family file lists. */
export function ignoredInPod(
  spec: JsonObject,
  privileged: boolean,
  tier: Tier,
  serviceAccounts: readonly string[],
): readonly IgnoredField[] {
  const container = listOf(spec.containers)[0] ?? {};
  return ignoredPodFields(spec).flatMap((field): readonly IgnoredField[] => {
    const { path } = field;
    if (honoured.has(path)) {
      const others = Object.keys(objectOf(spec.securityContext)).filter((name) => !ofPodSecurity.has(name));
      return path === "securityContext"
        ? others.map((name) => ({ path: `${path}.${name}`, consequence: "it has no effect here" }))
        : [];
    }
    if (path === "serviceAccountName" || path === "serviceAccount")
      return mayUseAccount(textOf(spec[path]), tier, serviceAccounts)
        ? []
        : [
            {
              path,
              consequence:
                "the pod has no service account's token: execute.clusters of the family file lists those that jobs of branches and releases may use",
            },
          ];
    if (/^containers\[0\]\.(image|imagePullPolicy)$/.test(path)) return [];
    const volume = /^volumes\[(\d+)\]\.hostPath$/.exec(path)?.[1];
    if (volume !== undefined && privileged) return [];
    const variable = /^containers\[0\]\.env\[(\d+)\]\.valueFrom$/.exec(path)?.[1];
    if (variable !== undefined) {
      const from = objectOf(listOf(container.env)[Number(variable)]?.valueFrom);
      return from.fieldRef !== undefined || from.resourceFieldRef !== undefined ? [] : [field];
    }
    if (path !== "containers[0].securityContext") return [field];
    return Object.keys(objectOf(container.securityContext))
      .filter((name) => !identity.has(name) && !(privileged && name === "privileged"))
      .map((name) => ({
        path: `${path}.${name}`,
        consequence:
          name === "privileged"
            ? "the job has no privileges: the family file does not list it under execute.privileged"
            : "it has no effect here",
      }));
  });
}
