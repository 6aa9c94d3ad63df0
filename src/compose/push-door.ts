import { getRequestListener } from "@hono/node-server";
import { takeImage } from "../images/index.ts";
import type { BlobStore } from "../oci/index.ts";
import type { RegistryDoor, Staging } from "../registry/index.ts";
import type { PushDoor } from "../runs/index.ts";

/**
 * The registry as code in the cage knows it. The name is answered by the way out itself and resolved by nobody; tools
 * that guess speak plain HTTP to names under `.local`.
 */
export const cageRegistryHost = "registry.fairlead.local";

export function createPushDoor(options: {
  readonly staging: Staging;
  readonly door: () => RegistryDoor;
  readonly blobs: BlobStore;
}): PushDoor {
  const { staging, blobs } = options;
  const listener = getRequestListener((request, env) => options.door().handleRun(request, env), {
    overrideGlobalObjects: false,
  });
  const services = {
    [cageRegistryHost]: (...[request, response]: Parameters<typeof listener>) => void listener(request, response),
  };
  return {
    open: (run) => {
      const { grant, token } = staging.open(run);
      return { token, registry: `${cageRegistryHost}/${grant.prefix.slice(0, -1)}`, services };
    },
    pushed: staging.pushed,
    take: (image, labels) => takeImage(blobs, image.root, labels),
    close: staging.close,
  };
}
