import type { TestProject } from "vitest/node";
import { clusterParts, startTestCluster, type TestCluster } from "../fixtures/test-cluster.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** One cluster for all files of the project `kubernetes`, or why there is none. */
    readonly cluster: TestCluster | { readonly reason: string };
  }
}

/** Set-up of the whole project: its tests say what they skip when this machine has no cluster. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await clusterParts();
  if ("reason" in found) {
    project.provide("cluster", found);
    return undefined;
  }
  const started = await startTestCluster(found.parts, `tests-${process.pid}`);
  project.provide("cluster", started.cluster);
  return started.stop;
}
