import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must, systemClock } from "../core/index.ts";
import type { Refs } from "../jobs/index.ts";
import { createGit } from "./git.ts";
import type { Git } from "./model.ts";

let root: string;
let served: string;
let server: Server;
let address: string;
let asked: string[];
let git: Git & { close(): void };

/** Repositories as plain files over HTTP, so that every request can be counted. */
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "fairlead-job-checkout-"));
  served = join(root, "served");
  asked = [];
  server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? "").split("?")[0] ?? "");
    asked.push(path);
    const file = join(served, path);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const bound = server.address();
  address = `127.0.0.1:${typeof bound === "object" && bound ? bound.port : 0}`;
  git = createGit({ root: join(root, "git"), clock: systemClock, reachable: () => [address] });
});

afterEach(() => {
  git.close();
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true, force: true });
});

function run(folder: string, ...args: string[]): string {
  const env = {
    PATH: process.env["PATH"],
    HOME: root,
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ALLOW_PROTOCOL: "file",
  };
  return execFileSync("git", ["-C", folder, ...args], {
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

function commit(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, "sources", name);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    run(folder, "init", "-q", "-b", "main");
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  run(folder, "add", "-A");
  run(folder, "commit", "-q", "--allow-empty", "-m", "change");
  return run(folder, "rev-parse", "HEAD");
}

/** Publishes a source as `http://…/NAME.git`. */
function publish(name: string): string {
  const bare = join(served, `${name}.git`);
  rmSync(bare, { recursive: true, force: true });
  mkdirSync(dirname(bare), { recursive: true });
  execFileSync("git", ["clone", "-q", "--bare", join(root, "sources", name), bare], { stdio: "ignore" });
  run(bare, "update-server-info");
  return `http://${address}/${name}.git`;
}

/** A gitlink, without the checks that `git submodule add` makes. */
function link(name: string, path: string, url: string, to: string): string {
  const folder = join(root, "sources", name);
  writeFileSync(join(folder, ".gitmodules"), `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`);
  run(folder, "update-index", "--add", "--cacheinfo", `160000,${to},${path}`);
  run(folder, "add", ".gitmodules");
  run(folder, "commit", "-q", "-m", "link");
  return run(folder, "rev-parse", "HEAD");
}

const limits = { files: 1000, bytes: 1_000_000 };
let next = 0;

async function checkout(refs: readonly Refs[], components: Readonly<Record<string, string>> = {}) {
  next += 1;
  const folder = join(root, `run-${next}`);
  const done = await git.checkoutJob({
    root: folder,
    refs,
    componentOf: (each) => {
      const name = components[each.repo];
      return name === undefined ? undefined : { name, url: `http://${address}/${each.repo}.git` };
    },
    limits,
  });
  return { done, src: join(folder, "src") };
}

const refsOf = (repo: string, over: Partial<Refs> = {}): Refs => ({
  org: "tools",
  repo,
  base_ref: "main",
  base_sha: "",
  clone_uri: `http://${address}/${repo}.git`,
  ...over,
});

describe("a run's repositories", () => {
  it("stand side by side below GOPATH, each at its base, with a record each", async () => {
    const first = commit("one", { a: "1" });
    const second = commit("two", { b: "2" });
    publish("one");
    publish("two");
    const { done, src } = await checkout([refsOf("one"), refsOf("two", { path_alias: "k8s.io/two" })]);
    const { trees, records, lent } = must(done);
    expect(trees.map((tree) => [tree.finalSha, tree.refs.base_sha])).toEqual([
      [first, first],
      [second, second],
    ]);
    expect(readFileSync(join(src, "github.com/tools/one/a"), "utf8")).toBe("1");
    expect(readFileSync(join(src, "k8s.io/two/b"), "utf8")).toBe("2");
    expect(records.map((record) => record.refs.repo)).toEqual(["one", "two"]);
    expect(lent).toHaveLength(2);
    expect(run(join(src, "k8s.io/two"), "status", "--porcelain", "-b")).toBe("## main");
  });

  it("are read over the network once: a pinned commit that is there moves nothing again", async () => {
    const pinned = commit("one", { a: "1" });
    publish("one");
    await checkout([refsOf("one")]);
    const before = asked.length;
    expect(before).toBeGreaterThan(0);
    must((await checkout([refsOf("one", { base_sha: pinned })])).done);
    expect(asked.length).toBe(before);
    const packs = asked.filter((path) => path.endsWith(".pack") || /objects\/[0-9a-f]{2}\//.test(path)).length;
    must((await checkout([refsOf("one")])).done);
    expect(asked.filter((path) => path.endsWith(".pack") || /objects\/[0-9a-f]{2}\//.test(path)).length).toBe(packs);
  });

  it("take a tag for a base, and say when there is no such branch or commit", async () => {
    commit("one", { a: "1" });
    run(join(root, "sources", "one"), "tag", "v1");
    publish("one");
    const { done, src } = await checkout([refsOf("one", { base_ref: "v1" })]);
    expect(done.ok).toBe(true);
    expect(run(join(src, "github.com/tools/one"), "symbolic-ref", "HEAD")).toBe("refs/heads/v1");
    const gone = await checkout([refsOf("one", { base_ref: "gone" })]);
    expect(gone.done).toMatchObject({
      ok: false,
      error: { code: "not-found", message: "tools/one has no branch or tag gone" },
    });
    const lost = await checkout([refsOf("one", { base_sha: "a".repeat(40) })]);
    expect(lost.done).toMatchObject({ ok: false, error: { code: "not-found" } });
    expect(lost.done.ok ? [] : lost.done.error.records.map((record) => record.failed)).toEqual([true]);
  });

  it.each([
    ["one path for two", [{ path_alias: "x" }, { path_alias: "x" }], "is already"],
    ["one inside the other", [{ path_alias: "x" }, { path_alias: "x/y" }], "is already"],
    ["a path that leads out", [{ path_alias: "../../x" }], "is no path"],
    ["an absolute path", [{ path_alias: "/etc" }], "is no path"],
    ["a path into .git", [{ path_alias: "x/.GIT/hooks" }], "is no path"],
    ["a path like an option", [{ path_alias: "-x" }], "is no path"],
    ["ext::", [{ clone_uri: "ext::sh -c id" }], "no address that a job may have cloned"],
    ["a file", [{ clone_uri: "file:///etc" }], "no address that a job may have cloned"],
    ["an option", [{ clone_uri: "--upload-pack=id" }], "no address that a job may have cloned"],
    ["a private address", [{ clone_uri: "http://127.0.0.1:9/x.git" }], "leads to a private address"],
    ["link-local", [{ clone_uri: "http://169.254.169.254/x.git" }], "leads to a private address"],
  ])("%s is refused", async (_what, overs, message) => {
    commit("one", { a: "1" });
    publish("one");
    const { done } = await checkout(overs.map((over) => refsOf("one", over)));
    expect(done).toMatchObject({ ok: false, error: { message: expect.stringContaining(message) } });
  });

  it("share one fetch between those that come while another runs", async () => {
    commit("one", { a: "1" });
    publish("one");
    const all = await Promise.all(Array.from({ length: 20 }, () => checkout([refsOf("one")])));
    expect(all.every(({ done }) => done.ok)).toBe(true);
    expect(asked.filter((path) => path.endsWith("/info/refs")).length).toBeLessThanOrEqual(4);
  });
});

describe("sparse checkouts", () => {
  it("have only what is asked for", async () => {
    commit("one", { "keep/a": "1", "drop/b": "2", top: "3" });
    publish("one");
    const { done, src } = await checkout([refsOf("one", { sparse_checkout_files: ["keep"] })]);
    expect(done.ok).toBe(true);
    const tree = join(src, "github.com/tools/one");
    expect([existsSync(join(tree, "keep/a")), existsSync(join(tree, "drop/b"))]).toEqual([true, false]);
    expect(run(tree, "status", "--porcelain")).toBe("");
  });
});

describe("submodules", () => {
  it("are checked out recursively, relative addresses beside their repository, and git knows them", async () => {
    const inner = commit("inner", { i: "inner" });
    publish("inner");
    commit("middle", { m: "middle" });
    const middle = link("middle", "deep/inner", "../inner.git", inner);
    publish("middle");
    commit("outer", { o: "outer" });
    link("outer", "mod", `http://${address}/middle.git`, middle);
    publish("outer");
    const { done, src } = await checkout([refsOf("outer")]);
    const { lent } = must(done);
    const tree = join(src, "github.com/tools/outer");
    expect(readFileSync(join(tree, "mod/deep/inner/i"), "utf8")).toBe("inner");
    expect(run(tree, "status", "--porcelain")).toBe("");
    expect(run(join(tree, "mod"), "rev-parse", "HEAD")).toBe(middle);
    expect(run(tree, "rev-parse", "--git-dir")).toBe(".git");
    expect(lent).toHaveLength(3);
    const without = await checkout([refsOf("outer", { skip_submodules: true })]);
    expect(existsSync(join(without.src, "github.com/tools/outer/mod/m"))).toBe(false);
  });

  it.each([
    ["ext::", "ext::sh -c id"],
    ["a file", "file:///etc"],
    ["a path", "/etc"],
    ["an option", "--upload-pack=id"],
    ["beyond the top", "../../../../../x.git"],
  ])("with an address that is %s are refused", async (_what, url) => {
    commit("outer", { o: "outer" });
    link("outer", "mod", url, "a".repeat(40));
    publish("outer");
    const { done } = await checkout([refsOf("outer")]);
    expect(done).toMatchObject({
      ok: false,
      error: { code: "bad-input", message: expect.stringContaining("has the address") },
    });
  });

  it("whose commit or repository is missing, or that nobody explains, are named", async () => {
    commit("inner", { i: "inner" });
    publish("inner");
    commit("outer", { o: "outer" });
    link("outer", "mod", "../inner.git", "a".repeat(40));
    publish("outer");
    const lost = await checkout([refsOf("outer")]);
    expect(lost.done).toMatchObject({ ok: false, error: { message: expect.stringContaining("which") } });
    link("outer", "mod", "../nowhere.git", "a".repeat(40));
    publish("outer");
    const nowhere = await checkout([refsOf("outer")]);
    expect(nowhere.done).toMatchObject({ ok: false, error: { code: "unavailable" } });
    run(join(root, "sources", "outer"), "rm", "-q", "--cached", ".gitmodules");
    run(join(root, "sources", "outer"), "commit", "-q", "-m", "unexplained");
    publish("outer");
    const unexplained = await checkout([refsOf("outer")]);
    expect(unexplained.done).toMatchObject({
      ok: false,
      error: { message: "the submodule at mod is not in .gitmodules" },
    });
  });
});
