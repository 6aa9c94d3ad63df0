import { err, fault, ok, type Result } from "../../core/index.ts";
import type { PinnedComponent, PinSet } from "../pin-sets/model.ts";

/** Deploy scripts evaluate the values: only what can mean nothing to a shell is put into them. */
const safe = /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,500}$|^\/[A-Za-z0-9._/-]{1,500}$/;

export interface DeployFacts {
  readonly set: PinSet;
  /** Where the cluster has the images: `localhost/fam`. */
  readonly registry: string;
  /** RBAC files by the name that the script's variable has (`csi-attacher`), as paths that the script sees. */
  readonly rbac: Readonly<Record<string, string>>;
  /** Where the script leaves the description of the driver for the tests. */
  readonly testDriver: string;
  readonly kubeletFolder: string;
}

/**
 * The contract of `deploy.sh`: `<NAME>_REGISTRY` and `<NAME>_TAG` for every image of the set, `<NAME>_RBAC` for those that
 * have roles, and what else such scripts read. Fault `refused` for a value that a shell could read as more than a word.
 */
export function deployEnvironment(facts: DeployFacts): Result<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {};
  for (const { version, images } of facts.set.components) {
    for (const image of images) {
      env[`${variableName(image.name)}_REGISTRY`] = facts.registry;
      env[`${variableName(image.name)}_TAG`] = version;
    }
  }
  for (const [name, file] of Object.entries(facts.rbac)) env[`${variableName(name)}_RBAC`] = file;
  env["CSI_PROW_TEST_DRIVER"] = facts.testDriver;
  env["KUBELET_DATA_DIR"] = facts.kubeletFolder;
  // One for all only where all agree: it is the word for images that are named nowhere else.
  const tags = new Set(facts.set.components.map((component) => component.version));
  const [only] = tags;
  if (tags.size === 1 && only !== undefined && /(^|-)canary$/.test(only)) {
    env["IMAGE_REGISTRY"] = facts.registry;
    env["IMAGE_TAG"] = only;
  }
  for (const [name, value] of Object.entries(env)) {
    if (safe.test(value) && /^[A-Z][A-Z0-9_]*$/.test(name)) continue;
    return err(
      fault("refused", `${name}=${JSON.stringify(value.slice(0, 100))} is given to no deploy script`, {
        hint: "names of images, versions and files of a deployment have letters, digits, dots, dashes and slashes only",
      }),
    );
  }
  return ok(env);
}

/** `CSI_NODE_DRIVER_REGISTRAR` of `csi-node-driver-registrar`. */
export function variableName(image: string): string {
  return image.toUpperCase().replaceAll(/[-.]/g, "_");
}

/**
 * The file with the roles of an image: `rbac-<image>.yaml` wherever it stands below `deploy/`, else the component's one
 * `deploy/kubernetes/rbac.yaml`; `undefined` where there is neither.
 */
export function rbacFileOf(image: string, files: readonly string[]): string | undefined {
  const below = files.filter((file) => file.startsWith("deploy/"));
  const own = below.filter((file) => file.endsWith(`/rbac-${image}.yaml`)).sort();
  return own[0] ?? below.find((file) => file === "deploy/kubernetes/rbac.yaml");
}

/** The reference under which the cluster has an image of the set. */
export function loadedReference(registry: string, component: PinnedComponent, image: string): string {
  return `${registry}/${image}:${component.version}`;
}
