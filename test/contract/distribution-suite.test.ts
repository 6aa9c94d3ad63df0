import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { programPath, run } from "../fixtures/programs.ts";
import { serveRegistry } from "../fixtures/served-registry.ts";

/** `conformance/` of opencontainers/distribution-spec, built with `go build`: on the PATH or where the variable says. */
const suite = process.env["FAIRLEAD_OCI_CONFORMANCE"] ?? programPath("oci-conformance");

/** What the suite leaves out of itself for a version of the specification, or leaves to the registry. */
const disabled = {
  stable: ["Blob upload cancel", "Manifest put with tag params", "Sparse Manifests", "Tag Param", "Tag Param sha512"],
  dev: ["Sparse Manifests"],
};

describe.skipIf(suite === undefined)(
  "the suite of opencontainers/distribution-spec (skipped where FAIRLEAD_OCI_CONFORMANCE names no program)",
  () => {
    it.each(["stable", "dev"] as const)("passes in every category for the %s version", async (version) => {
      const folder = await mkdtemp(join(tmpdir(), "distribution-suite-"));
      const served = await serveRegistry();
      try {
        const ended = await run(suite ?? "", [], {
          cwd: folder,
          env: {
            OCI_VERSION: version,
            OCI_REGISTRY: served.host,
            OCI_TLS: "disabled",
            OCI_USERNAME: "x",
            OCI_PASSWORD: "fl_admin",
            OCI_REPO1: "suite/one",
            OCI_REPO2: "suite/two",
          },
        });
        const lines = [...ended.stdout.matchAll(/^ {2}([A-Za-z][^.:\n]*?)\.*: +(Pass|FAIL|Error|Skip|Disabled)$/gm)];
        const categories = (outcome: string) => lines.filter((line) => line[2] === outcome).map((line) => line[1]);
        expect(lines.filter((line) => line[2] !== "Pass" && line[2] !== "Disabled").map((line) => line[0])).toEqual([]);
        expect(categories("Disabled")).toEqual(disabled[version]);
        expect(categories("Pass").length).toBeGreaterThan(40);
        expect(ended.code).toBe(0);
      } finally {
        await served.close();
        await rm(folder, { recursive: true, force: true });
      }
    });
  },
);
