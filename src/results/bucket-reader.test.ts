import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { countingIds, must } from "../core/index.ts";
import { createFsResultStore } from "./fs-result-store.ts";
import { type Layout, pointersOf, runFolderOf } from "./layout.ts";
import { createMasking } from "./masking.ts";
import type { ResultKey, ResultStore } from "./model.ts";

let root: string;
let store: ResultStore;
const refs = {
  org: "harbour",
  repo: "buoy",
  base_ref: "main",
  base_sha: "a".repeat(40),
  pulls: [{ number: 7, author: "x", sha: "b".repeat(40) }],
};
const presubmit: ResultKey = { type: "presubmit", job: "unit", buildId: "1801", org: "harbour", repo: "buoy", pull: 7 };
const periodic: ResultKey = { ...presubmit, type: "periodic", job: "nightly", pull: undefined };

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bucket-"));
  store = createFsResultStore({ root: join(root, "results"), ids: countingIds() });
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Reads as programs made for Prow's bucket do: by folder, by pointer, by alias. */
function reader() {
  const bytes = async (path: string) => {
    const found = await store.open(path);
    if (!found) throw new Error(`${path} is not there`);
    const content = await readFile(found.file);
    return found.contentEncoding === "gzip" ? gunzipSync(content) : content;
  };
  const text = async (path: string) => (await bytes(path)).toString();
  const list = async (path: string) => ((await store.list(path)) ?? []).map(({ name }) => name).sort();
  return {
    text,
    list,
    json: async (path: string) => z.record(z.string(), z.unknown()).parse(JSON.parse(await text(path))),
    jobs: async () => [...(await list("logs")), ...(await list("pr-logs/directory"))],
    latest: (job: string, below = "pr-logs/directory") => text(`${below}/${job}/latest-build.txt`),
    builds: async (job: string) => {
      const aliases = (await list(`pr-logs/directory/${job}`)).filter((name) => /^\d+\.txt$/.test(name));
      const links = await Promise.all(aliases.map((name) => text(`pr-logs/directory/${job}/${name}`)));
      return links.map((link) => link.replace(/^\/results\//, ""));
    },
  };
}

async function carryOut(key: ResultKey, files: Readonly<Record<string, string | Buffer>>, containers?: string[]) {
  const started = { at: 1_700_000_000_000, refs, runId: "run-1" };
  must(await store.begin(key, started));
  const command = { command: "git init", output: "done\n", error: "", duration: 12_000_000 };
  const clone = { refs, commands: [command], failed: false, finalSha: "c".repeat(40) };
  must(await store.cloned(key, { ...started, finalSha: clone.finalSha }, [clone]));
  const log = must(await store.openLog(key, 1e6));
  log.line("hello");
  await log.close();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(root, "left", name, ".."), { recursive: true });
    await writeFile(join(root, "left", name), content);
  }
  const { leftOut } = must(await store.collect(key, join(root, "left"), { files: 100, bytes: 1e6 }));
  must(await store.writeDocument(key, "prowjob.json", { status: { state: "success" } }));
  const finished = { at: 1_700_000_009_000, passed: true, result: "SUCCESS", revision: "b".repeat(40) } as const;
  must(await store.finish(key, { ...finished, containers, metadata: { job: key.job } }));
  return leftOut;
}

describe("a reader made for Prow's bucket", () => {
  it("finds jobs, builds, documents, log and JUnit of a change", async () => {
    await carryOut(presubmit, {
      "junit_01.xml.gz": gzipSync('<testsuite name="s"><testcase name="t"/></testsuite>'),
      "metadata.json": '{"node":"n1","job":"forged"}',
    });
    const bucket = reader();
    expect(await bucket.jobs()).toEqual(["unit"]);
    const [folder = ""] = await bucket.builds("unit");
    expect(await bucket.latest("unit")).toBe("1801");
    expect(await bucket.latest("unit", "pr-logs/pull/harbour_buoy/7")).toBe("1801");
    expect(await bucket.list(folder)).toEqual([
      "artifacts",
      "build-log.txt",
      "clone-log.txt",
      "clone-records.json",
      "finished.json",
      "prowjob.json",
      "started.json",
    ]);
    expect(await bucket.json(`${folder}/started.json`)).toEqual({
      timestamp: 1_700_000_000,
      pull: "7",
      repos: { "harbour/buoy": `main:${refs.base_sha},7:${"b".repeat(40)}` },
      "repo-commit": "c".repeat(40),
      "repo-version": "c".repeat(40),
      metadata: { "fairlead-run": "run-1" },
    });
    expect(await bucket.json(`${folder}/finished.json`)).toEqual({
      timestamp: 1_700_000_009,
      passed: true,
      metadata: { node: "n1", job: "unit" },
      result: "SUCCESS",
      revision: "b".repeat(40),
    });
    expect(JSON.parse(await bucket.text(`${folder}/clone-records.json`))).toEqual([
      { refs: { org: "", repo: "" } },
      {
        refs,
        commands: [{ command: "git init", output: "done\n", duration: 12_000_000 }],
        final_sha: "c".repeat(40),
        duration: 12_000_000,
      },
    ]);
    expect(await bucket.text(`${folder}/clone-log.txt`)).toContain(
      "$ git init (runtime: 12ms)\ndone\n# Final SHA: ccc",
    );
    expect(await bucket.text(`${folder}/prowjob.json`)).toBe('{\n\t"status": {\n\t\t"state": "success"\n\t}\n}');
    expect(await bucket.text(`${folder}/artifacts/junit_01.xml`)).toContain("testcase");
    expect(await store.readTests(presubmit)).toMatchObject({ passed: 1, problems: [] });
  });

  it("finds a periodic below logs, and no alias", async () => {
    await carryOut(periodic, {});
    const bucket = reader();
    expect([await bucket.jobs(), await bucket.latest("nightly", "logs"), await bucket.list("logs/nightly")]).toEqual([
      ["nightly"],
      "1801",
      ["1801", "latest-build.txt"],
    ]);
  });

  it("never sees the newest build go backwards", async () => {
    for (const buildId of ["999", "1801", "1800", "7"]) await carryOut({ ...presubmit, buildId }, {});
    expect(await reader().latest("unit")).toBe("1801");
  });

  it("sees the metadata of several containers merged, later ones winning, and what could not be read", async () => {
    await carryOut(
      periodic,
      {
        "a-metadata.json": '{"x":1,"y":1}',
        "b-metadata.json": '{"y":2}',
        "c-metadata.json": "[]",
        "metadata.json": '{"z":1}',
      },
      ["a", "b", "c"],
    );
    expect((await reader().json("logs/nightly/1801/finished.json")).metadata).toEqual({
      x: 1,
      y: 2,
      "sidecar-errors": { "c-metadata.json": "not a JSON object" },
      job: "nightly",
    });
  });

  it("gets compressed files under their inner names: the first of two wins, what is not known stays an archive", async () => {
    const leftOut = await carryOut(periodic, {
      "a.txt": "plain",
      "a.txt.gz": gzipSync("packed"),
      core: "a folder's name",
      "image.bin.gz": gzipSync("bytes"),
      "liar.json.gzip": "{}",
      "odd#name.txt": "hash",
    });
    expect(leftOut).toEqual(["a.txt.gz: another file is stored as a.txt"]);
    const headersOf = async (name: string) => {
      const file = await store.open(`logs/nightly/1801/artifacts/${name}`);
      return file && [file.contentType, file.contentEncoding];
    };
    expect(await headersOf("a.txt")).toEqual(["text/plain; charset=utf-8", undefined]);
    expect(await headersOf("image.bin")).toEqual(["application/gzip", undefined]);
    expect(await headersOf("liar.json")).toEqual(["application/json", undefined]);
    expect(await headersOf("odd%23name.txt")).toEqual(["text/plain; charset=utf-8", undefined]);
  });

  it("reads no JUnit that unpacks without end or not at all", async () => {
    await carryOut(periodic, {
      "junit_bomb.xml.gz": gzipSync(Buffer.alloc(20 * 1024 ** 2, " ")),
      "junit_cut.xml.gz": gzipSync("<testsuite/>").subarray(0, 15),
      "junit_good.xml": '<testsuite><testcase name="t"/></testsuite>',
    });
    const { passed, problems } = await store.readTests(periodic);
    expect(passed).toBe(1);
    expect(problems).toEqual([
      expect.stringContaining("artifacts/junit_bomb.xml: not read (more than"),
      expect.stringContaining("artifacts/junit_cut.xml: not read (unexpected end"),
    ]);
  });

  it("never sees a secret in a log, though it comes in pieces", async () => {
    must(await store.begin(periodic, { at: 0, refs, runId: "run-1" }));
    const log = must(await store.openLog(periodic, 1e6, createMasking({ secrets: ["hunter22"], minimumLength: 0 })));
    for (const piece of ["key=hun", "ter", "22\nhun"]) log.append(Buffer.from(piece));
    log.line("fairlead: step test: login hunter22");
    await log.close();
    expect(await reader().text("logs/nightly/1801/build-log.txt")).toBe(
      "key=XXXXXXXX\nhun\nfairlead: step test: login XXXXXXXX\n",
    );
  });
});

describe("path strategies", () => {
  const layout = (strategy: Layout["strategy"], pathPrefix = ""): Layout => ({
    strategy,
    defaultOrg: "harbour",
    defaultRepo: "buoy",
    pathPrefix,
  });
  it.each([
    ["explicit", "harbour", "buoy", "pr-logs/pull/harbour_buoy/7/unit/1801"],
    ["single", "harbour", "buoy", "pr-logs/pull/7/unit/1801"],
    ["single", "harbour", "pier", "pr-logs/pull/harbour_pier/7/unit/1801"],
    ["legacy", "harbour", "buoy", "pr-logs/pull/7/unit/1801"],
    ["legacy", "harbour", "pier", "pr-logs/pull/pier/7/unit/1801"],
    ["legacy", "sea", "pier/east", "pr-logs/pull/sea_pier_east/7/unit/1801"],
  ] as const)("%s puts %s/%s at %s", (strategy, org, repo, folder) => {
    expect(runFolderOf({ ...presubmit, org, repo }, layout(strategy))).toBe(folder);
  });

  it("puts a prefix before the run's folder and not before pointers", () => {
    expect(runFolderOf(presubmit, layout("legacy", "/ci/"))).toBe("ci/pr-logs/pull/7/unit/1801");
    expect(pointersOf(presubmit, layout("legacy", "ci"))).toEqual({
      latest: ["pr-logs/directory/unit/latest-build.txt", "pr-logs/pull/7/unit/latest-build.txt"],
      alias: "pr-logs/directory/unit/1801.txt",
    });
  });

  it("gives a batch its own folder and no alias", () => {
    const batch: ResultKey = { ...presubmit, type: "batch", pull: undefined };
    expect(runFolderOf(batch, layout("explicit"))).toBe("pr-logs/pull/batch/unit/1801");
    expect(pointersOf(batch)).toEqual({ latest: ["pr-logs/directory/unit/latest-build.txt"], alias: undefined });
  });
});
