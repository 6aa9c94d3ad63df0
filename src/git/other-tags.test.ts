import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { hideOtherTags } from "./other-tags.ts";

let folder: string;
const git = (...args: readonly string[]) =>
  execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  }).trim();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "other-tags-"));
  git("init", "-q", "-b", "main");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("leaves one version tag on the commit, so that git describe names it, and every other tag where it is", async () => {
  git("commit", "-q", "--allow-empty", "-m", "first");
  git("tag", "-m", "old", "v1.0.0");
  git("commit", "-q", "--allow-empty", "-m", "second");
  git("tag", "v1.1.0");
  git("tag", "-m", "candidate", "v1.1.0-rc1");
  git("tag", "-m", "module", "client/v2.0.0");
  git("tag", "-m", "not a version", "tested");
  git("pack-refs", "--all");
  const commit = git("rev-parse", "HEAD");
  expect(git("describe", "--tags", "--match=v*")).toBe("v1.1.0-rc1");
  expect([...(await hideOtherTags(folder, "v1.1.0", commit))].sort()).toEqual(["client/v2.0.0", "v1.1.0-rc1"]);
  expect(git("describe", "--tags", "--match=v*")).toBe("v1.1.0");
  expect(git("tag").split("\n")).toEqual(["tested", "v1.0.0", "v1.1.0"]);
  expect(git("fsck", "--no-dangling")).toBe("");
  expect(await hideOtherTags(folder, "v1.1.0", commit)).toEqual([]);
});
