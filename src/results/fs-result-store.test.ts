import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { countingIds, must } from "../core/index.ts";
import { createFsResultStore } from "./fs-result-store.ts";
import type { ResultKey, ResultStore } from "./model.ts";

let root: string;
let store: ResultStore;
const key: ResultKey = { type: "presubmit", job: "unit", buildId: "18", org: "o", repo: "r", pull: 7 };
const refs = {
  org: "o",
  repo: "r",
  base_ref: "main",
  base_sha: "a".repeat(40),
  pulls: [{ number: 7, author: "x", sha: "b".repeat(40) }],
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "results-"));
  store = createFsResultStore({ root: join(root, "results"), ids: countingIds() });
  must(await store.begin(key, { at: 1_700_000_000_500, refs, runId: "run-1" }));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const at = (path: string) => readFile(join(root, "results", path), "utf8");

describe("the Prow layout", () => {
  it("holds started.json, pointers and finished.json where readers look", async () => {
    const folder = "pr-logs/pull/o_r/7/unit/18";
    expect(JSON.parse(await at(`${folder}/started.json`))).toMatchObject({
      timestamp: 1_700_000_000,
      pull: "7",
      repos: { "o/r": `main:${refs.base_sha},7:${"b".repeat(40)}` },
    });
    expect(await at("pr-logs/directory/unit/latest-build.txt")).toBe("18");
    expect(await at("pr-logs/directory/unit/18.txt")).toContain(folder);
    must(
      await store.finish(key, { at: 1_700_000_009_000, passed: false, result: "FAILURE", revision: "b".repeat(40) }),
    );
    expect(JSON.parse(await at(`${folder}/finished.json`))).toMatchObject({ passed: false, result: "FAILURE" });
    expect(store.pathOf({ ...key, type: "postsubmit", pull: undefined })).toBe("logs/unit/18");
  });

  it("reads a log by offset while it is written and says when it is complete", async () => {
    const log = must(await store.openLog(key, 1e6));
    log.append(Buffer.from("no newline"));
    log.line("ours");
    await log.close();
    const whole = await store.readLog(key, 0, 1e6);
    expect(Buffer.from(whole?.bytes ?? []).toString()).toBe("no newline\nours\n");
    const rest = await store.readLog(key, 11, 2);
    expect([Buffer.from(rest?.bytes ?? []).toString(), rest?.next, rest?.complete]).toEqual(["ou", 13, false]);
  });

  it("keeps beginning and end of a flood and says what is missing", async () => {
    const log = must(await store.openLog(key, 3 * 1024 ** 2));
    for (let i = 0; i < 10_000; i++) log.append(Buffer.from(`${String(i).padStart(1023, ".")}\n`));
    const { dropped } = await log.close();
    const text = await at("pr-logs/pull/o_r/7/unit/18/build-log.txt");
    expect(dropped).toBeGreaterThan(6_000_000);
    expect(text.length).toBeLessThan(3.2 * 1024 ** 2);
    expect(text).toContain("bytes of log left out here");
    expect(text.startsWith(".")).toBe(true);
    expect(text.endsWith("9999\n")).toBe(true);
  });

  it("collects regular files only, and nothing through a link", async () => {
    const from = join(root, "left");
    await mkdir(join(from, "deep"), { recursive: true });
    await writeFile(join(root, "secret"), "s3cret");
    await writeFile(join(from, "deep", "a.txt"), "a");
    await symlink(join(root, "secret"), join(from, "link.txt"));
    await symlink("/etc", join(from, "etc"));
    execFileSync("mkfifo", [join(from, "fifo")]);
    await writeFile(join(from, "big"), "x".repeat(5000));
    const { artifacts, leftOut } = must(await store.collect(key, from, { files: 10, bytes: 1000 }));
    expect(artifacts.map((artifact) => artifact.path)).toEqual(["artifacts/deep/a.txt"]);
    expect(leftOut.join("\n")).toMatch(
      /big: over the bound.*\n.*etc: it is a link.*\n.*fifo: it is not a regular.*\n.*link/,
    );
  });

  it("serves nothing outside its root", async () => {
    await symlink("/etc", join(root, "results", "etc"));
    expect(await store.open("etc/passwd")).toBeUndefined();
    expect(await store.open("../secret")).toBeUndefined();
    expect((await store.open("pr-logs/directory/unit/latest-build.txt"))?.size).toBe(2);
    expect((await store.list("pr-logs/directory/unit"))?.map((entry) => entry.name).sort()).toEqual([
      "18.txt",
      "latest-build.txt",
    ]);
  });
});
