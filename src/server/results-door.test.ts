import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { countingIds, must } from "../core/index.ts";
import { createFsResultStore, type ResultKey } from "../results/index.ts";
import { serveResults } from "./results-door.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "door-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it("serves what a job left as inert text or an archive, packed where it was stored packed", async () => {
  const store = createFsResultStore({ root: join(root, "results"), ids: countingIds() });
  const key: ResultKey = { type: "periodic", job: "nightly", buildId: "1801", org: "o", repo: "r", pull: undefined };
  await mkdir(join(root, "left"));
  await writeFile(join(root, "left/page.html.gz"), gzipSync("<script>"));
  await writeFile(join(root, "left/image.bin.gz"), gzipSync("bytes"));
  must(await store.collect(key, join(root, "left"), { files: 10, bytes: 1e6 }));
  const headersOf = async (name: string) => {
    const { headers } = await serveResults(store, `logs/nightly/1801/artifacts/${name}`);
    return [headers.get("content-type"), headers.get("content-encoding"), headers.get("x-content-type-options")];
  };
  expect(await headersOf("page.html")).toEqual(["text/plain; charset=utf-8", "gzip", "nosniff"]);
  expect(await headersOf("image.bin")).toEqual(["application/gzip", null, "nosniff"]);
  expect((await serveResults(store, "logs/nightly/1801/.headers.json")).status).toBe(404);
});
