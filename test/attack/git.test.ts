import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../fixtures/programs.ts";
import { proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;

beforeAll(async () => {
  family = await serveFamily([
    { name: "target", files: { ".fairlead.yaml": "test: cat README\n", README: "plain\n" } },
  ]);
  await family.start();
  clone = await family.clone("target");
});
afterAll(() => family.remove());

const marker = () => join(family.root, "run-by-git");

async function reset(): Promise<void> {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
}

describe("git, with what a change plants in it", () => {
  it("runs no filter, hook or textconv that attributes name", async () => {
    await reset();
    const { run: filtered } = await proposeAndWait(family, clone, "target", {
      ".gitattributes": "* filter=evil diff=evil merge=evil\n",
      ".gitconfig": `[filter "evil"]\n\tsmudge = touch ${marker()}\n[core]\n\thooksPath = hooks\n`,
      "hooks/post-checkout": `#!/bin/sh\ntouch ${marker()}\n`,
      ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ${marker()}\n`,
    });
    expect(filtered.state).toBe("success");
    expect(await stat(marker()).catch(() => "absent")).toBe("absent");
  });

  it("takes no replace refs, no configuration and no refs besides heads, tags and changes", async () => {
    await reset();
    const head = (await family.git(clone, "rev-parse", "HEAD")).stdout.trim();
    for (const ref of [
      `refs/replace/${head}`,
      "refs/notes/commits",
      "refs/meta/config",
      "refs/pull/1/head",
      "refs/stash",
    ]) {
      const pushed = await family.git(clone, "push", "origin", `HEAD:${ref}`);
      expect(`${ref} ${pushed.code}`).toBe(`${ref} 1`);
    }
    const repository = join(family.home, "git", "target.git");
    expect(await stat(join(repository, "refs", "replace")).catch(() => "absent")).toBe("absent");
    expect(await readFile(join(repository, "config"), "utf8")).not.toContain("evil");
  });

  it("takes names that look like options for names", async () => {
    await reset();
    for (const ref of ["refs/for/--upload-pack=x", "refs/for/-q", "refs/for/../main", "refs/changes/--help"]) {
      const pushed = await family.git(clone, "push", "origin", `HEAD:${ref}`);
      expect(pushed.code).not.toBe(0);
    }
    const tagged = await family.git(clone, "push", "origin", "HEAD:refs/tags/-v1.0.0");
    const { items } = await family.api<{ items: { version: string; state: string }[] }>("/releases");
    expect(tagged.code !== 0 || items.some((item) => item.version === "-v1.0.0" && item.state === "quarantined")).toBe(
      true,
    );
  });

  it("refuses objects whose paths reach into .git or out of the tree", async () => {
    await reset();
    const blob = (await family.git(clone, "hash-object", "-w", "README")).stdout.trim();
    for (const name of [".git", "..", ".GIT"]) {
      const script = `printf '100644 blob ${blob}\\t${name}\\n' | git -C "$0" mktree --missing`;
      const tree = (await run("/bin/sh", ["-c", script, clone])).stdout.trim();
      const commit = (await family.git(clone, "commit-tree", tree, "-p", "HEAD", "-m", "evil")).stdout.trim();
      const pushed = await family.git(clone, "push", "origin", `${commit}:refs/for/main`);
      expect(`${name} ${pushed.code === 0}`).toBe(`${name} false`);
    }
  });

  it("counts a tree before it writes it: a few kilobytes can hold a billion files", async () => {
    await reset();
    const blob = (await family.git(clone, "hash-object", "-w", "README")).stdout.trim();
    let tree = "";
    for (let depth = 0; depth < 9; depth++) {
      const [kind, mode, object] = depth === 0 ? ["blob", "100644", blob] : ["tree", "040000", tree];
      const lines = Array.from({ length: 10 }, (_, index) => `${mode} ${kind} ${object}\tn${index}`).join("\n");
      await writeFile(join(family.root, "tree.txt"), `${lines}\n`);
      tree = (
        await run("/bin/sh", ["-c", 'git -C "$0" mktree < "$1"', clone, join(family.root, "tree.txt")])
      ).stdout.trim();
    }
    const commit = (await family.git(clone, "commit-tree", tree, "-p", "HEAD", "-m", "bomb")).stdout.trim();
    await family.git(clone, "reset", "-q", "--soft", commit);
    const pushed = await family.git(clone, "push", "origin", `${commit}:refs/for/main`);
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toContain("too many files");
  });
});
