import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../fixtures/programs.ts";
import { greeter, mergeAndWait, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const tools = {
  name: "tools",
  files: { "check.sh": "echo one\n", "lib/common.sh": "echo common\n", ".fairlead.yaml": "test: sh check.sh\n" },
  settings: ["kind: internal"],
};

interface Shared {
  readonly component: string;
  readonly branch: string;
  readonly folder: string;
  readonly from: string;
  readonly behind: number | null;
  readonly pristine?: boolean;
  readonly current: boolean;
  readonly reason: string;
}

let family: ServedFamily;
let clone: string;
let toolsClone: string;

beforeAll(async () => {
  family = await serveFamily([greeter, tools]);
  await family.start();
  clone = await family.clone("greeter");
  toolsClone = await family.clone("tools");
  const remote = (await family.git(toolsClone, "remote", "get-url", "origin")).stdout.trim();
  const added = await family.git(clone, "subtree", "add", "--squash", "--prefix", "release-tools", remote, "main");
  if (added.code !== 0) throw new Error(added.stderr);
  const { number } = await proposeAndWait(family, clone, "greeter", { note: "tools are here" });
  await mergeAndWait(family, "greeter", number);
});
afterAll(() => family.remove());

async function shared(): Promise<readonly Shared[]> {
  return (await family.api<{ items: Shared[] }>("/shared")).items;
}

async function landInTools(content: string): Promise<void> {
  await family.git(toolsClone, "fetch", "-q", "origin");
  await family.git(toolsClone, "reset", "-q", "--hard", "origin/main");
  const { number } = await proposeAndWait(family, toolsClone, "tools", { "check.sh": content });
  await mergeAndWait(family, "tools", number);
}

async function atMain(): Promise<void> {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
}

describe("folders shared by git subtree", () => {
  it("are found by what git subtree wrote, without any file of ours", async () => {
    expect(await shared()).toMatchObject([
      { component: "greeter", branch: "main", folder: "release-tools", from: "tools", behind: 0, current: true },
    ]);
    expect((await family.fairlead("shared")).stdout).toContain("release-tools is the newest tools");
  });

  it("are so many merges behind, and still pristine", async () => {
    await landInTools("echo two\n");
    await landInTools("echo three\n");
    const [folder] = await shared();
    expect(folder).toMatchObject({ behind: 2, pristine: true, current: false });
    expect((await family.fairlead("shared")).stdout).toContain("Next: fairlead shared --update");
  });

  it("are brought up to date by one change, which is brought up to date itself", async () => {
    const opened = await family.fairlead("shared", "--update", "--json");
    expect(opened.stderr).toBe("");
    const [first]: readonly { number: number; state: string }[] = JSON.parse(opened.stdout).items;
    expect(first).toMatchObject({ component: "greeter", state: "opened" });
    const again = await family.fairlead("shared", "--update", "--json");
    expect(JSON.parse(again.stdout).items).toMatchObject([{ number: first?.number, state: "unchanged" }]);
    await landInTools("echo four\n");
    const updated = await family.fairlead("shared", "greeter", "--update", "--json");
    expect(JSON.parse(updated.stdout).items).toMatchObject([{ number: first?.number, state: "updated" }]);
    const number = first?.number ?? 0;
    await family.until("its check", async () => {
      const change = await family.api<{ head: string; required: { runs: { mark: string }[] } }>(
        `/changes/greeter/${number}`,
      );
      return change.required.runs.length > 0 && change.required.runs.every((each) => each.mark === "success")
        ? true
        : undefined;
    });
    await mergeAndWait(family, "greeter", number);
    expect(await shared()).toMatchObject([{ behind: 0, current: true }]);
  });

  it("are still what git subtree itself understands", async () => {
    await atMain();
    const trees = await family.git(clone, "rev-parse", "HEAD:release-tools");
    const newest = await family.git(toolsClone, "ls-remote", "origin", "refs/heads/main");
    await family.git(toolsClone, "fetch", "-q", "origin");
    const theirs = await family.git(toolsClone, "rev-parse", "origin/main^{tree}");
    expect(trees.stdout).toBe(theirs.stdout);
    const trailers = await family.git(clone, "log", "-1", "--grep=^git-subtree-dir: release-tools$", "--format=%B");
    expect(trailers.stdout).toContain(`git-subtree-split: ${newest.stdout.slice(0, 40)}`);
    await landInTools("echo five\n");
    const remote = (await family.git(toolsClone, "remote", "get-url", "origin")).stdout.trim();
    const pulled = await family.git(clone, "subtree", "pull", "--squash", "--prefix", "release-tools", remote, "main");
    expect(pulled.code, pulled.stderr).toBe(0);
    const file = await run("cat", [join(clone, "release-tools/check.sh")]);
    expect(file.stdout).toBe("echo five\n");
  });

  it("that were changed by hand are left alone, and said so", async () => {
    await atMain();
    await writeFile(join(clone, "release-tools/check.sh"), "echo mine\n");
    const { number } = await proposeAndWait(family, clone, "greeter", { other: "x" });
    await mergeAndWait(family, "greeter", number);
    expect(await shared()).toMatchObject([{ pristine: false }]);
    const update = await family.fairlead("shared", "--update");
    expect(update.code).toBe(1);
    expect(update.stdout).toContain("left alone: release-tools was changed by hand: it is not tools at ");
    expect(update.stdout).toContain("bring its changes to tools first");
  });

  it("say which component there is none of, and who may", async () => {
    expect((await family.fairlead("shared", "nobody")).stderr).toContain("there is no component nobody");
    const made = await family.fairlead("token", "create", "--user", "eve", "--role", "contributor", "--json");
    const { token }: { token: string } = JSON.parse(made.stdout);
    const answer = await fetch(`${family.url()}/api/v1/shared`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: "{}",
    });
    expect(answer.status).toBe(403);
  });
});
