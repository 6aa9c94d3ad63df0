import { utimes } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, systemClock } from "../../src/core/index.ts";
import { mediaTypes } from "../../src/oci/index.ts";
import { createBuiltinRegistry, createCollector } from "../../src/registry/index.ts";
import { type MadeImage, makeImage, pushImage, putManifest } from "../fixtures/registry-client.ts";
import { digestOf, type ServedRegistry, serveRegistry } from "../fixtures/served-registry.ts";

let registry: ServedRegistry;
beforeAll(async () => {
  registry = await serveRegistry();
});
afterAll(async () => await registry.close());

/** Everything that is stored looks two days old: nothing is kept for its age. */
async function ageAll(): Promise<void> {
  const then = systemClock.now() / 1000 - 48 * 3600;
  for await (const { digest } of registry.blobs.list()) await utimes(registry.blobs.pathOf(digest), then, then);
}

async function isWhole(repository: string, reference: string): Promise<boolean> {
  const answer = await registry.at(`${repository}/manifests/${reference}`);
  if (answer.status !== 200) return false;
  const document: { config?: { digest: string }; layers?: { digest: string }[]; manifests?: { digest: string }[] } =
    JSON.parse(await answer.text());
  for (const { digest } of [...(document.config ? [document.config] : []), ...(document.layers ?? [])])
    if ((await registry.at(`${repository}/blobs/${digest}`)).status !== 200) return false;
  for (const { digest } of document.manifests ?? []) if (!(await isWhole(repository, digest))) return false;
  return true;
}

type Act =
  | { readonly kind: "push" | "index" | "delete-manifest" | "delete-tag" | "delete-blob"; readonly image: number }
  | { readonly kind: "collect" };
/** Two of them share their blobs each, so that deleting one could harm the other. */
const images: readonly MadeImage[] = Array.from({ length: 6 }, (_, n) =>
  makeImage(`pair ${Math.floor(n / 2)}`, { annotations: { number: String(n) } }),
);
let nextRepository = 0;
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom("push" as const, "index" as const), image: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("delete-manifest" as const, "delete-tag" as const, "delete-blob" as const),
      image: fc.nat(5),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "collect" as const }) },
);

describe("collecting while others push and delete", () => {
  it("leaves every tag that was pushed and not deleted whole", async () => {
    const collector = createCollector({ store: registry.store, blobs: registry.blobs, clock: systemClock });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(act, { minLength: 3, maxLength: 10 }), { minLength: 2, maxLength: 4 }),
        async (rounds) => {
          const repository = `fam/collected-${nextRepository++}`;
          for (const acts of rounds) {
            await ageAll();
            await Promise.all(acts.map((each) => carryOut(each, repository, collector)));
            await ageAll();
            must(await collector.collect());
            const listed = await registry.at(`${repository}/tags/list`);
            const { tags = [] }: { tags?: string[] } = JSON.parse(await listed.text());
            for (const tag of tags) expect([tag, await isWhole(repository, tag)]).toEqual([tag, true]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("keeps releases, canaries and what a running run pushed, and frees what it left", async () => {
    const collector = createCollector({ store: registry.store, blobs: registry.blobs, clock: systemClock });
    const builtin = createBuiltinRegistry({ store: registry.store, blobs: registry.blobs, clock: systemClock });
    const { token } = registry.staging.open({ runId: "run-9", component: "greeter" });
    const asRun = (path: string, init: RequestInit = {}) =>
      fetch(`http://${registry.runHost}/v2/${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token}`, ...init.headers },
      });
    const [staged, released] = [makeImage("staged"), makeImage("released")];
    expect((await pushImage(asRun, "staging/run-9/greeter", "canary", staged)).status).toBe(201);
    expect((await pushImage(registry.at, "fam/greeter", digestOf(released.bytes), released)).status).toBe(201);
    const root = { mediaType: mediaTypes.ociManifest, digest: digestOf(released.bytes), size: released.bytes.length };
    must(await builtin.tag("fam/greeter", "v1.0.0", root, "immutable"));
    await ageAll();
    must(await collector.collect());
    expect((await asRun("staging/run-9/greeter/manifests/canary")).status).toBe(200);
    expect(await isWhole("fam/greeter", "v1.0.0")).toBe(true);
    await registry.staging.close("run-9");
    await ageAll();
    must(await collector.collect());
    for (const bytes of [staged.bytes, ...staged.blobs])
      expect(await registry.blobs.readAll(digestOf(bytes), 10_000)).toMatchObject({ ok: false });
    expect(await isWhole("fam/greeter", "v1.0.0")).toBe(true);
  });
});

async function carryOut(each: Act, repository: string, collector: ReturnType<typeof createCollector>): Promise<void> {
  if (each.kind === "collect") {
    must(await collector.collect());
    return;
  }
  const image = images[each.image] ?? makeImage("none");
  const digest = digestOf(image.bytes);
  switch (each.kind) {
    case "push":
      await pushImage(registry.at, repository, `t${each.image}`, image);
      return;
    case "index": {
      await pushImage(registry.at, repository, digest, image);
      const child = { mediaType: mediaTypes.ociManifest, digest, size: image.bytes.length };
      const index = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [child] }),
      );
      await putManifest(registry.at, repository, `i${each.image}`, index, mediaTypes.ociIndex);
      return;
    }
    case "delete-manifest":
      await registry.at(`${repository}/manifests/${digest}`, { method: "DELETE" });
      return;
    case "delete-tag":
      await registry.at(`${repository}/manifests/t${each.image}`, { method: "DELETE" });
      return;
    case "delete-blob":
      for (const blob of image.blobs) await registry.at(`${repository}/blobs/${digestOf(blob)}`, { method: "DELETE" });
  }
}
