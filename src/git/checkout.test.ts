import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemClock } from "../core/index.ts";
import { createGit } from "./git.ts";
import type { Repository } from "./model.ts";

let root: string;
let upstream: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fairlead-git-"));
  upstream = join(root, "upstream");
  mkdirSync(upstream);
  git("init", "-q", "-b", "main");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

let tick = 1_700_000_000;

function git(...args: string[]): string {
  tick += 10;
  const env = {
    PATH: process.env["PATH"],
    HOME: root,
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
    GIT_AUTHOR_DATE: `${tick} +0000`,
    GIT_COMMITTER_DATE: `${tick} +0000`,
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
  return execFileSync("git", ["-C", upstream, ...args], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

function commit(files: Record<string, string>, message: string): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(upstream, path)), { recursive: true });
    writeFileSync(join(upstream, path), content);
  }
  git("add", "-A");
  git("commit", "-q", "-m", message);
  return git("rev-parse", "HEAD");
}

/** The contract's own commands (Prow 4.1), as a shell script would run them. */
function contractCheckout(baseRef: string, baseSha: string, pulls: readonly string[]): { head: string; tree: string } {
  const dir = mkdtempSync(join(root, "contract-"));
  const run = (env: Record<string, string>, ...args: string[]) =>
    execFileSync("git", args, {
      cwd: dir,
      env: { PATH: process.env["PATH"], HOME: dir, GIT_CONFIG_GLOBAL: "/dev/null", TZ: "UTC", ...env },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  run({}, "init", "-q");
  run({}, "config", "user.name", "ci-robot");
  run({}, "config", "user.email", "ci-robot@k8s.io");
  run({}, "fetch", "-q", upstream, "--tags", "--prune");
  run({}, "fetch", "-q", upstream, baseRef);
  run({}, "checkout", "-q", baseSha);
  run({}, "branch", "--force", baseRef, baseSha);
  run({}, "checkout", "-q", baseRef);
  const seconds = Number(run({}, "show", "-s", "--format=format:%ct", "HEAD"));
  for (const [index, pull] of pulls.entries()) {
    run({}, "fetch", "-q", upstream, `pull-${pull}`);
    const date = `${seconds + index + 1}`;
    run({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }, "merge", "-q", "--no-ff", pull);
  }
  return { head: run({}, "rev-parse", "HEAD"), tree: run({}, "rev-parse", "HEAD^{tree}") };
}

async function adopted(): Promise<{ repository: Repository; close: () => void; git: ReturnType<typeof createGit> }> {
  const own = createGit({ root: join(root, "home"), clock: systemClock });
  const repository = await own.open("component");
  must(await own.adopt(repository, `file://${upstream}`, () => undefined));
  return { repository, close: () => own.close(), git: own };
}

async function ours(baseRef: string, baseSha: string, pulls: readonly string[]) {
  const { repository, close, git: own } = await adopted();
  const directory = join(root, `checkout-${baseRef.replaceAll("/", "-")}`);
  const refs = { org: "o", repo: "r", base_ref: baseRef, base_sha: baseSha };
  const result = await own.checkout({
    repository,
    directory,
    baseRef,
    baseSha,
    pulls: pulls.map((sha, index) => ({ number: index + 1, author: "a", sha })),
    refs,
    limits: { files: 10_000, bytes: 1e9 },
    submodulesOf: undefined,
    moduleRepository: () => Promise.reject(new Error("no submodules here")),
  });
  close();
  return { result, directory };
}

function changeFrom(base: string, files: Record<string, string>): string {
  git("checkout", "-q", "--detach", base);
  const sha = commit(files, "a change");
  git("branch", `pull-${sha}`, sha);
  git("checkout", "-q", "main");
  return sha;
}

describe("checkout", () => {
  it("makes the very commits that the contract's own commands make", async () => {
    const first = commit({ "a.txt": "1\n", "dir/b.txt": "1\n" }, "first");
    const change = changeFrom(first, { "new.txt": "new\n" });
    const base = commit({ "a.txt": "2\n" }, "second");
    git("tag", "v1.0.0");

    const { result, directory } = await ours("main", base, [change]);

    const { finalSha, tree } = must(result);
    expect({ head: finalSha, tree }).toEqual(contractCheckout("main", base, [change]));
    const status = execFileSync("git", ["-C", directory, "status", "--porcelain", "-b"], { encoding: "utf8" });
    expect(status.trim()).toBe("## main");
    expect(execFileSync("git", ["-C", directory, "tag"], { encoding: "utf8" }).trim()).toBe("v1.0.0");
    expect(execFileSync("git", ["-C", directory, "remote"], { encoding: "utf8" })).toBe("");
    expect(execFileSync("git", ["-C", directory, "describe", "--tags"], { encoding: "utf8" })).toContain("v1.0.0-");
  });

  it("merges two pulls in order, on a maintenance branch", async () => {
    const first = commit({ "a.txt": "1\n" }, "first");
    git("branch", "release-1.0", first);
    const one = changeFrom(first, { "one.txt": "1\n" });
    const two = changeFrom(first, { "two.txt": "2\n" });

    const { result } = await ours("release-1.0", first, [one, two]);

    const { finalSha, tree } = must(result);
    expect({ head: finalSha, tree }).toEqual(contractCheckout("release-1.0", first, [one, two]));
  });

  it("honours merge drivers of the base's .gitattributes", async () => {
    const first = commit({ ".gitattributes": "*.md merge=union\n", "list.md": "a\n" }, "first");
    const change = changeFrom(first, { "list.md": "a\nb\n" });
    const base = commit({ "list.md": "a\nc\n" }, "second");

    const { result, directory } = await ours("main", base, [change]);

    const { finalSha, tree } = must(result);
    expect({ head: finalSha, tree }).toEqual(contractCheckout("main", base, [change]));
    expect(readFileSync(join(directory, "list.md"), "utf8").split("\n").sort()).toEqual(["", "a", "b", "c"]);
  });

  it("makes no commit for a pull that the base has already", async () => {
    const first = commit({ "a.txt": "1\n" }, "first");
    const base = commit({ "a.txt": "2\n" }, "second");

    const { result } = await ours("main", base, [first]);

    expect(must(result).finalSha).toBe(base);
  });

  it("names the files in conflict", async () => {
    const first = commit({ "a.txt": "1\n", "b.txt": "1\n" }, "first");
    const change = changeFrom(first, { "a.txt": "change\n" });
    const base = commit({ "a.txt": "base\n" }, "second");

    const { result } = await ours("main", base, [change]);

    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.error.conflicts).toEqual(["a.txt"]);
    expect(result.error.record.failed).toBe(true);
  });

  it("counts a tree of a billion files without writing one", async () => {
    commit({ "a.txt": "1\n" }, "first");
    let tree = git("rev-parse", "HEAD^{tree}");
    for (let depth = 0; depth < 9; depth += 1) {
      const lines = Array.from({ length: 10 }, (_, index) => `040000 tree ${tree}\td${index}`).join("\n");
      tree = execFileSync("git", ["-C", upstream, "mktree"], { input: `${lines}\n`, encoding: "utf8" }).trim();
    }
    const bomb = git("commit-tree", "-m", "bomb", tree);
    git("branch", "-f", "bomb", bomb);

    const { result } = await ours("bomb", bomb, []);

    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.error.code).toBe("limit");
  });

  it("takes a file name with a newline for one name: among changed files, in conflicts and on disk", async () => {
    const first = commit({ "a\nb": "1\n" }, "first");
    const pull = changeFrom(first, { "a\nb": "2\n", "c\nd": "x" });
    const base = commit({ "a\nb": "3\n" }, "second");
    const { repository, close } = await adopted();
    expect(await repository.changedFiles(first, pull)).toEqual(["a\nb", "c\nd"]);
    close();
    expect((await ours("main", base, [pull])).result).toMatchObject({ ok: false, error: { conflicts: ["a\nb"] } });
    rmSync(join(root, "checkout-main"), { recursive: true, force: true });
    const { directory } = await ours("main", first, [pull]);
    expect(readFileSync(join(directory, "a\nb"), "utf8")).toBe("2\n");
  });

  it("is of the base that was decided, though its branch moves or goes while the run waits or is checked out", async () => {
    const base = commit({ a: "1\n" }, "first");
    const pull = changeFrom(base, { b: "2\n" });
    const later = commit({ a: "3\n" }, "second");
    git("update-ref", "refs/heads/main", base);
    const { repository, close, git: own } = await adopted();
    const check = async (name: string) =>
      must(
        await own.checkout({
          repository,
          directory: join(root, name),
          baseRef: "main",
          baseSha: base,
          pulls: [{ number: 1, author: "a", sha: pull }],
          refs: { org: "o", repo: "r", base_ref: "main", base_sha: base },
          limits: { files: 10_000, bytes: 1e9 },
          submodulesOf: undefined,
          moduleRepository: () => Promise.reject(new Error("no submodules here")),
        }),
      ).finalSha;
    const expected = contractCheckout("main", base, [pull]).head;
    const [during] = await Promise.all([check("during"), repository.updateRef("refs/heads/main", base, pull)]);
    expect(during).toBe(expected);
    expect(await check("moved")).toBe(expected);
    must(await repository.updateRef("refs/heads/main", pull, "0".repeat(40)));
    expect(await check("gone")).toBe(expected);
    expect(await repository.commitOf("refs/heads/main")).toBeUndefined();
    expect(later).not.toBe(base);
    close();
  });
});
