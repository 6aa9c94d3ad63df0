import type { Capability, ContainerWish } from "../execute/index.ts";
import type { Family } from "../family/index.ts";
import type { Container, Job } from "../jobs/index.ts";
import { quantity } from "./pod.ts";

/**
 * What a job wants of the container it runs in: the image of its pod, or, for a generated job, the one of the family
 * file. Privileges only where the job asks for them and the family file lists it.
 */
export function containerWish(family: Family, job: Job, container: Container | undefined): ContainerWish {
  return {
    image: container?.image || family.generated.image,
    pullPolicy: container?.pullPolicy,
    privileged: container?.privileged === true && mayBePrivileged(family, job),
    cpus: processors(container?.limits["cpu"]),
  };
}

export function mayBePrivileged(family: Family, job: Job): boolean {
  return family.execute.privileged.includes(job.name);
}

/** Kubernetes: `2`, `0.5` or `500m`. */
function processors(text: string | undefined): number | undefined {
  const thousandths = /^(\d+)m$/.exec(text ?? "")?.[1];
  return thousandths === undefined ? quantity(text ?? "") : Number(thousandths) / 1000;
}

/** What this machine lacks that a run of the job may notice, for the head of its log. */
export function machineLines(capabilities: readonly Capability[], job: Job, image: string): readonly string[] {
  const lacking = (need: string) => capabilities.find((each) => each.need === need && !each.present);
  const limits = lacking("hard-limits");
  const tools = job.body.kind === "pod" && image.includes("kubekins") ? lacking("kubekins-tools") : undefined;
  return [...(limits ? [`fairlead: ${limits.detail}`] : []), ...(tools ? [`fairlead: ${tools.detail}`] : [])];
}
