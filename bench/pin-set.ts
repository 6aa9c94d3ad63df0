import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createClusterTests, type TestTree } from "../src/combine/index.ts";
import { must, systemClock, systemIds } from "../src/core/index.ts";
import { mediaTypes, openFsBlobStore } from "../src/oci/index.ts";
import { openStore } from "../src/store/index.ts";
import { sampleComponent, sampleFamily } from "../test/fixtures/sample-model.ts";

const components = 12;
const releases = 60;
const rounds = 30;

/** Resolving and recording a set of 12 components with 60 releases and as many canaries each, two platforms an image. */
export async function measurePinSet(folder: string): Promise<{ readonly pinnedMs: number; readonly canaryMs: number }> {
  const root = mkdtempSync(join(folder, "fairlead-pin-set-"));
  const store = await openStore(`sqlite:${join(root, "fairlead.db")}`);
  const blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  const names = Array.from({ length: components }, (_, index) => `component-${index}`);
  try {
    const write = async (value: unknown) => must(await blobs.write(Buffer.from(JSON.stringify(value))));
    for (const name of names) {
      for (let n = 0; n < releases; n++) {
        const run = `${name}-${n}`;
        const manifests = [];
        for (const architecture of ["amd64", "arm64"]) {
          const config = { mediaType: mediaTypes.ociConfig, ...(await write({ architecture, run })) };
          const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
          manifests.push({
            mediaType: mediaTypes.ociManifest,
            platform: { os: "linux", architecture },
            ...(await write(document)),
          });
        }
        const index = await write({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
        const commit = run.padEnd(40, "0");
        const platforms = manifests.map(({ platform, digest }) => ({ platform, digest, diffIds: [] }));
        await store.transaction(async (trx) => {
          await trx
            .insertInto("built_images")
            .values({
              run_id: run,
              name,
              digest: index.digest,
              media_type: mediaTypes.ociIndex,
              size: index.size,
              platforms: JSON.stringify(platforms),
              warnings: "[]",
              at: n,
            })
            .execute();
          await trx
            .insertInto("releases")
            .values({
              ...{ id: `${name}@v1.${n}.0`, component: name, version: `v1.${n}.0`, tag_object: commit },
              ...{ commit_id: commit, state: "published", prerelease: 0, findings: "[]", unchecked: "[]" },
              ...{ findings_hash: "", config_hash: "", reason: "", requested_by: "", run_id: run, requested_at: n },
            })
            .execute();
          await trx
            .insertInto("canaries")
            .values({
              component: name,
              image: name,
              tag: "canary",
              digest: index.digest,
              commit_id: commit,
              run_id: run,
              at: n,
            })
            .execute();
        });
      }
    }
    const sample = sampleComponent();
    const family = sampleFamily({ components: names.map((name) => sampleComponent({ name })) });
    const unused = () => {
      throw new Error("nothing is deployed here");
    };
    const tests = createClusterTests({
      store,
      blobs,
      clock: systemClock,
      cluster: async () => undefined,
      open: unused,
      pinsIn: async () => ({
        ok: true,
        value: names.map((name, line) => ({
          ...{
            file: "deploy/all.yaml",
            line,
            column: 1,
            name,
            tag: `v1.${releases - 2}.0`,
            digest: undefined,
            owner: name,
          },
        })),
      }),
      kubectl: async () => undefined,
      platform: "linux/amd64",
      proxy: "",
    });
    const measure = async (others: "pinned" | "canary") => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        // Another commit each time, so that each set is a new one and is written.
        const tree: TestTree = {
          ...{ component: "component-0", commit: `${others}${round}`.padEnd(40, "0"), directory: "", inside: "" },
          get repository() {
            return unused();
          },
        };
        const begun = performance.now();
        must(
          await tests.prepare({
            ...{
              runId: "r",
              buildId: `b${round}`,
              family,
              component: sample,
              trees: [tree],
              folder: "",
              artifacts: "",
            },
            test: { version: "1.36", deployment: "component-0", folder: undefined, others, replaced: [] },
            ...{ deadline: 0, builds: false, suites: {}, log: () => {}, script: unused },
            signal: new AbortController().signal,
          }),
        );
        times.push(performance.now() - begun);
      }
      return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
    };
    return { pinnedMs: await measure("pinned"), canaryMs: await measure("canary") };
  } finally {
    await store.close();
    rmSync(root, { recursive: true, force: true });
  }
}
