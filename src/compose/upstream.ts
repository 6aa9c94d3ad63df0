import { ok, type Result } from "../core/index.ts";
import { listGoVersions, listModuleVersions } from "../execute/toolchains/index.ts";
import type { Upstream } from "../intake/index.ts";
import type { createBaseSource } from "../oci/index.ts";

/** Asks the GOPROXY of the family, and the registries of base images as builds do. */
export function createUpstream(options: {
  readonly goproxy: () => string;
  readonly bases: Pick<ReturnType<typeof createBaseSource>, "resolve">;
}): Upstream {
  return {
    moduleVersions: (module) => listModuleVersions(options.goproxy(), module),
    goVersions: () => listGoVersions(options.goproxy()),
    baseDigest: async (reference): Promise<Result<string>> => {
      const found = await options.bases.resolve(reference);
      return found.ok ? ok(found.value.digest) : found;
    },
  };
}
