import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { must, systemClock } from "../core/index.ts";
import { createGit } from "./git.ts";
import { announceBranches } from "./origin-refs.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "origin-refs-"));
});
afterEach(async () => await rm(root, { recursive: true, force: true }));

it("shows branches as a clone of the tested moment would, beside the tags, readable by git", async () => {
  const upstream = join(root, "upstream");
  await mkdir(upstream);
  const git = (folder: string, ...args: string[]) =>
    execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...args], {
      encoding: "utf8",
    }).trim();
  git(upstream, "init", "-q", "-b", "main");
  await writeFile(join(upstream, "a"), "a");
  git(upstream, "add", "-A");
  git(upstream, "commit", "-q", "-m", "one");
  const tested = git(upstream, "rev-parse", "HEAD");
  git(upstream, "branch", "release-1.0");
  git(upstream, "tag", "-m", "v1.0.0", "v1.0.0");
  git(upstream, "commit", "-q", "--allow-empty", "-m", "moved on");
  const room = createGit({ root: join(root, "git"), clock: systemClock });
  const repository = await room.open("c");
  must(await room.adopt(repository, `file://${upstream}`, () => {}));
  const directory = join(root, "tree");
  must(
    await room.checkout({
      repository,
      directory,
      baseRef: "main",
      baseSha: tested,
      pulls: [],
      refs: { org: "o", repo: "c", base_ref: "main", base_sha: tested },
      limits: { files: 100, bytes: 10_000 },
      submodulesOf: undefined,
      moduleRepository: () => Promise.reject(new Error("there are no submodules")),
    }),
  );
  expect(git(directory, "branch", "-r")).toBe("");
  await announceBranches(repository, directory, { branch: "main", commit: tested });
  const shown = git(directory, "branch", "-r", "--points-at=HEAD").split(/\s+/);
  expect(shown).toEqual(["origin/main", "origin/release-1.0"]);
  expect(git(directory, "describe", "--tags")).toBe("v1.0.0");
  expect(git(directory, "fsck", "--connectivity-only", "--no-dangling")).toBe("");
  room.close();
});
