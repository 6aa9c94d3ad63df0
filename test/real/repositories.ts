import { existsSync } from "node:fs";
import { join } from "node:path";

/** The organisation that the suites of this folder run on, as it is: every one of these is a public repository. */
export const organisation = "kubernetes-csi";

/** The eight components of the model user, in the order in which a release train meets them. */
export const eightComponents = [
  "csi-release-tools",
  "csi-lib-utils",
  "cluster-driver-registrar",
  "node-driver-registrar",
  "external-attacher",
  "external-provisioner",
  "external-snapshotter",
  "csi-driver-host-path",
] as const;

/** Others that the deployment pins. */
export const moreComponents = ["external-resizer", "livenessprobe", "external-health-monitor"] as const;

export type RealComponent = (typeof eightComponents)[number] | (typeof moreComponents)[number];

const folder = process.env["FAIRLEAD_REAL_REPOSITORIES"];

/** The bare mirror of a component, `NAME.git` or `NAME` below FAIRLEAD_REAL_REPOSITORIES; `undefined`: it is not here. */
export function mirrorOf(component: string): string | undefined {
  if (folder === undefined || folder === "") return undefined;
  return [join(folder, `${component}.git`), join(folder, component)].find((path) => existsSync(path));
}

/** Why a suite on these components cannot run here; `undefined`: it can. */
export function lacking(components: readonly string[]): string | undefined {
  if (folder === undefined || folder === "")
    return "FAIRLEAD_REAL_REPOSITORIES names no folder with mirrors of the kubernetes-csi repositories";
  const absent = components.filter((component) => mirrorOf(component) === undefined);
  return absent.length === 0 ? undefined : `FAIRLEAD_REAL_REPOSITORIES has no mirror of ${absent.join(", ")}`;
}
