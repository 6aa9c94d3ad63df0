import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type ReleaseRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

interface Row extends ReleaseRow {
  readonly version: string;
  readonly commit: string;
}

let family: ServedFamily;
let clone: string;

beforeAll(async () => {
  family = await serveFamily([greeter]);
  await family.start();
  clone = await family.clone("greeter");
  const { number } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a\n" });
  await mergeAndWait(family, "greeter", number);
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
});
afterAll(() => family.remove());

const git = (...args: string[]) => family.git(clone, ...args);
const releases = async () =>
  (await family.api<{ items: readonly Row[] }>("/releases?component=greeter&limit=100")).items;
const one = async (version: string) => (await releases()).filter((row) => row.version === version);

async function settled(version: string): Promise<Row> {
  return await family.until(`${version} to rest`, async () => {
    const [newest] = await one(version);
    return newest && ["published", "quarantined", "closed", "failed"].includes(newest.state) ? newest : undefined;
  });
}

describe("tags that are pushed", () => {
  it("by the dozen are judged one by one, and each is told of", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `v${n + 2}.7.0`);
    await git("commit", "-q", "--allow-empty", "-m", "On no branch");
    for (const name of names) await git("tag", name);
    const pushed = await git("push", "origin", ...names.map((name) => `refs/tags/${name}`));
    expect(pushed.code).toBe(0);
    for (const name of names) expect(pushed.stderr).toContain(name);
    const all = await releases();
    expect(names.filter((name) => all.some((row) => row.version === name))).toEqual(names);
    expect(all.every((row) => row.state === "quarantined")).toBe(true);
    const gone = await git("push", "origin", ...names.map((name) => `:refs/tags/${name}`));
    expect(gone.code).toBe(0);
    await git("reset", "-q", "--hard", "origin/main");
  });

  it.each(["--force", "-rf", "a/../b", "v1.0.0;reboot", "$(reboot)", "refs/heads/main", "v1.0.0/v1.0.0"])(
    "called %s are no release, whatever they look like to a program",
    async (name) => {
      await git("update-ref", `refs/tags/${name}`, "HEAD");
      const pushed = await git("push", "origin", `refs/tags/${name}:refs/tags/${name}`);
      const rows = (await one(name)).filter((row) => row.state !== "quarantined");
      expect(rows).toEqual([]);
      expect(pushed.stderr).not.toContain("is building");
      expect((await family.fairlead("status")).code).toBe(0);
    },
  );

  it("on a commit that nobody pushed before are held, since no branch has it", async () => {
    await git("commit", "-q", "--allow-empty", "-m", "Nobody reviewed this");
    await git("tag", "v0.1.0");
    const pushed = await git("push", "origin", "refs/tags/v0.1.0");
    expect(pushed.stderr).toMatch(/outside-branches: its commit [0-9a-f]{7} is on no branch/);
    await git("reset", "-q", "--hard", "origin/main");
  });

  it("deleted and pushed again are judged again, and the one before stays closed", async () => {
    await git("push", "origin", ":refs/tags/v0.1.0");
    expect((await settled("v0.1.0")).state).toBe("closed");
    await git("tag", "-f", "v0.1.0", "origin/main");
    await git("push", "origin", "refs/tags/v0.1.0");
    expect((await settled("v0.1.0")).state).toBe("published");
    expect((await one("v0.1.0")).map((row) => row.state)).toEqual(["published", "closed"]);
  });

  it("nested in one another lead to their commit; one that leads to a tree leads to none", async () => {
    await git("tag", "-a", "-m", "inner", "inner", "origin/main");
    await git("tag", "-a", "-m", "outer", "v0.2.0-rc1", "inner");
    await git("push", "origin", "refs/tags/v0.2.0-rc1");
    const row = await settled("v0.2.0-rc1");
    expect(row.commit).toBe((await git("rev-parse", "origin/main")).stdout.trim());
    await git("tag", "v0.3.0", "HEAD^{tree}");
    const pushed = await git("push", "origin", "refs/tags/v0.3.0");
    expect(pushed.stderr).toContain("no-commit");
    await git("push", "origin", ":refs/tags/v0.3.0");
  });

  it("with another's name in them are whoever's who pushed", async () => {
    const made = await family.fairlead("token", "create", "--user", "eve", "--role", "contributor", "--json");
    const { token }: { token: string } = JSON.parse(made.stdout);
    const folder = await family.clone("greeter", "eve", token);
    await family.git(
      folder,
      "-c",
      "user.name=admin",
      "-c",
      "user.email=admin@fairlead.invalid",
      "tag",
      "-a",
      "-m",
      "x",
      "v0.4.0",
    );
    const pushed = await family.git(folder, "push", "origin", "refs/tags/v0.4.0");
    expect(pushed.code).not.toBe(0);
    expect(pushed.stderr).toContain("not push branches or tags");
    expect(await one("v0.4.0")).toEqual([]);
  });

  it("by two at once are one release: the other is told that the tag is there", async () => {
    const { number } = await proposeAndWait(family, clone, "greeter", { "b.txt": "b\n" });
    await mergeAndWait(family, "greeter", number);
    const both = await Promise.all(
      [1, 2].map(() => family.fairlead("release", "greeter", "v0.2.0", "--yes", "--json")),
    );
    const codes = both.map((each) => each.code).sort();
    expect(codes).toEqual([0, 1]);
    const lost = both.find((each) => each.code === 1);
    expect(lost?.stdout).toMatch(/exists already|is not at|is released already|refs\/tags\/v0\.2\.0/);
    expect((await one("v0.2.0")).map((row) => row.state)).toEqual(["published"]);
  });
});
