import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  greeter,
  mergeAndWait,
  proposeAndWait,
  type RunRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;

beforeAll(async () => {
  family = await serveFamily([
    { ...greeter, files: { ...greeter.files, "list.txt": "one\ntwo\nthree\nfour\nfive\n" } },
  ]);
  await family.start();
  clone = await family.clone("greeter");
});
afterAll(() => family.remove());

async function published(version: string): Promise<void> {
  const released = await family.fairlead("release", "greeter", version, "--yes");
  expect(released.stderr + released.stdout).toMatch(/published/);
}

async function land(files: Readonly<Record<string, string>>): Promise<{ number: number; commit: string }> {
  await family.git(clone, "fetch", "-q", "origin");
  await family.git(clone, "reset", "-q", "--hard", "origin/main");
  const { number } = await proposeAndWait(family, clone, "greeter", files);
  return { number, commit: await mergeAndWait(family, "greeter", number) };
}

async function fileOn(branch: string, path: string): Promise<string> {
  await family.git(clone, "fetch", "-q", "origin");
  return (await family.git(clone, "show", `origin/${branch}:${path}`)).stdout;
}

async function runOfChange(number: number): Promise<RunRow> {
  return await family.until(`the run of change ${number}`, async () => {
    const { items } = await family.api<{ items: RunRow[] }>(`/runs?component=greeter&change=${number}`);
    return items.find((row) => row.finished !== null);
  });
}

describe("maintenance of a released line", () => {
  let fix: { number: number; commit: string };

  it("KEP: release-X.Y is made from vX.Y.0, and from nothing else", async () => {
    await land({ a: "a" });
    const early = await family.fairlead("branch", "greeter", "v1.0.0");
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("greeter has no v1.0.0 to base a maintenance branch on");
    await published("v1.0.0");
    const patch = await family.fairlead("branch", "greeter", "v1.0.1");
    expect(patch.code).toBe(2);
    expect(patch.stderr).toContain("did you mean v1.0.0?");
    const made = await family.fairlead("branch", "greeter", "v1.0.0");
    expect(made.stderr).toBe("");
    expect(made.stdout).toContain("greeter has release-1.0 at ");
    await family.git(clone, "fetch", "-q", "origin", "--tags");
    const ids = await family.git(clone, "rev-parse", "v1.0.0^{commit}", "origin/release-1.0");
    const [tagged, branched] = ids.stdout.split("\n");
    expect(branched).toBe(tagged);
    const again = await family.fairlead("branch", "greeter", "v1.0.0");
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("greeter has release-1.0 already");
  });

  it("brings a fix of the default branch to it, once, without what came between", async () => {
    await land({ feature: "new" });
    fix = await land({ "list.txt": "one\ntwo\nTHREE\nfour\nfive\n" });
    const opened = await family.fairlead("backport", "greeter", String(fix.number), "release-1.0", "--json");
    expect(opened.stderr).toBe("");
    const { number }: { number: number } = JSON.parse(opened.stdout);
    const again = await family.fairlead("backport", "greeter", String(fix.number), "release-1.0", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ number, opened: false });
    expect((await runOfChange(number)).state).toBe("success");
    await mergeAndWait(family, "greeter", number);
    expect(await fileOn("release-1.0", "list.txt")).toContain("THREE");
    expect(await fileOn("release-1.0", "feature")).toBe("");
    const message = await family.git(clone, "log", "-1", "--format=%B", "origin/release-1.0^2");
    expect(message.stdout).toMatch(/^\[release-1\.0\] Change list\.txt/);
    expect(message.stdout).toContain(`(cherry picked from commit ${fix.commit})`);
    const third = await family.fairlead("backport", "greeter", String(fix.number), "release-1.0");
    expect(third.code).toBe(1);
    expect(third.stderr).toContain(`release-1.0 has what change ${fix.number} did already`);
  });

  it("tells which changes a maintenance branch lacks, by patch and not by commit", async () => {
    const listed = await family.fairlead("backport", "greeter", "--all");
    expect(listed.stderr).toBe("");
    expect(listed.stdout).toMatch(
      /release-1\.0: lacks 1 changes; v1\.0\.0 ships without them\n {2}[0-9a-f]{7} .*feature/,
    );
    expect(listed.stdout).not.toContain("list.txt");
    const fixes = await family.fairlead("backport", "greeter");
    expect(fixes.stdout).toContain("release-1.0: lacks no fix; 1 other changes: --all");
    const half = await family.fairlead("backport", "greeter", "1");
    expect(half.code).toBe(2);
    expect(half.stderr).toContain("name the branch that it is brought to");
  });

  it("names the files of a conflict, and opens nothing", async () => {
    const other = await land({ "list.txt": "one\ntwo\nTHREE!\nfour\nfive\n", feature: "newer" });
    const refused = await family.fairlead("backport", "greeter", String(other.number), "release-1.0");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`change ${other.number} conflicts with release-1.0 in feature`);
    expect(refused.stderr).toContain(`git cherry-pick -x -m 1 ${other.commit}`);
    const { items } = await family.api<{ items: { number: number }[] }>("/changes?component=greeter&state=open");
    expect(items).toEqual([]);
  });

  it("says why it cannot: not merged, no such branch, its own base, nothing of that name", async () => {
    const asked: readonly [readonly string[], string][] = [
      [["999", "release-1.0"], "greeter has no change 999"],
      [[String(fix.number), "release-9.9"], "greeter has no branch release-9.9"],
      [[String(fix.number), "main"], `change ${fix.number} was merged into main itself`],
      [["-1", "release-1.0"], "change: Too small"],
      [["x", "release-1.0"], "change"],
    ];
    for (const [args, words] of asked) {
      const answer = await family.fairlead("backport", "greeter", ...args);
      expect(answer.code, args.join(" ")).not.toBe(0);
      expect(answer.stderr).toContain(words);
    }
  });

  it("KEP: a patch release comes from the maintenance branch", async () => {
    await published("v1.0.1");
    await family.git(clone, "fetch", "-q", "origin", "--tags", "-f");
    const ids = await family.git(clone, "rev-parse", "v1.0.1^{commit}", "origin/release-1.0");
    const [tagged, branched] = ids.stdout.split("\n");
    expect(tagged).toBe(branched);
  });
});

describe("KEP: a freeze before a major update", () => {
  let number: number;

  it("holds every change to the branch that is for no release, also a green one", async () => {
    const frozen = await family.fairlead("freeze", "greeter", "main", "--for", "v2.0.0", "--until", "14d");
    expect(frozen.stderr).toBe("");
    expect(frozen.stdout).toContain("main of greeter takes only changes for v2.0.0");
    await family.git(clone, "fetch", "-q", "origin");
    await family.git(clone, "reset", "-q", "--hard", "origin/main");
    ({ number } = await proposeAndWait(family, clone, "greeter", { late: "late" }));
    const held = await family.fairlead("merge", "greeter", String(number));
    expect(held.code).toBe(1);
    expect(held.stderr).toContain("freeze holds it: main takes only changes for v2.0.0 until ");
    const change = await family.api<{ next: { text: string } }>(`/changes/greeter/${number}`);
    expect(change.next.text).toContain("takes only changes for v2.0.0");
    expect((await family.fairlead("status")).stdout).toContain("Frozen: greeter main, for v2.0.0, until ");
    const page = await fetch(`${family.url()}/components/greeter`);
    expect(await page.text()).toContain("main takes only changes for v2.0.0 until ");
  });

  it("outlives the server's sudden death", async () => {
    await family.kill();
    await family.start();
    const remote = `${family.url().replace("://", `://x:${await family.token()}@`)}/git/greeter.git`;
    await family.git(clone, "remote", "set-url", "origin", remote);
    expect((await family.fairlead("merge", "greeter", String(number))).stderr).toContain("freeze holds it");
  });

  it("is declared once, for a final version to come, until a time to come, by a maintainer", async () => {
    const secret = await family.fairlead("token", "create", "--user", "eve", "--role", "contributor", "--json");
    const { token }: { token: string } = JSON.parse(secret.stdout);
    const asked: readonly [readonly string[], string][] = [
      [["main", "--for", "v3.0.0"], "main of greeter is frozen for v2.0.0 already"],
      [["release-1.0", "--for", "v2.0.0-rc1"], "v2.0.0-rc1 is a candidate"],
      [["release-1.0", "--for", "v1.0.0"], "greeter v1.0.0 is published"],
      [["release-1.0", "--for", "2.0"], "did you mean v2.0.0?"],
      [["release-1.0", "--for", "v1.1.0", "--until", "2020-01-01"], "2020-01-01 is past"],
      [["release-1.0", "--for", "v1.1.0", "--until", "soon"], '"soon" is no date'],
      [["nowhere", "--for", "v1.1.0"], "greeter has no branch nowhere"],
    ];
    for (const [args, words] of asked) {
      const answer = await family.fairlead("freeze", "greeter", ...args);
      expect(answer.code, args.join(" ")).not.toBe(0);
      expect(answer.stderr).toContain(words);
    }
    const answer = await fetch(`${family.url()}/api/v1/freezes`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ component: "greeter", branch: "release-1.0", version: "v1.1.0" }),
    });
    expect(answer.status).toBe(403);
  });

  it("lets a change through that a maintainer marked for that release, not for another", async () => {
    await family.fairlead("mark", "greeter", String(number), "--for", "v1.9.0");
    expect((await family.fairlead("merge", "greeter", String(number))).code).toBe(1);
    const marked = await family.fairlead("mark", "greeter", String(number), "--for", "v2.0.0");
    expect(marked.stdout).toContain(`greeter#${number} is for v2.0.0`);
    await mergeAndWait(family, "greeter", number);
    expect(await fileOn("main", "late")).toBe("late");
  });

  it("ends by publication of its version, and the branch is open again", async () => {
    await published("v2.0.0");
    expect((await family.fairlead("status")).stdout).not.toContain("Frozen:");
    await land({ after: "after" });
  });

  it("ends by a thaw, with its reason", async () => {
    await family.fairlead("freeze", "greeter", "main", "--for", "v3.0.0");
    const thawed = await family.fairlead("thaw", "greeter", "main", "--reason", "put off");
    expect(thawed.stdout).toContain("main of greeter is open again, before v3.0.0");
    const none = await family.fairlead("thaw", "greeter", "main", "--reason", "put off");
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("main of greeter is not frozen");
    await land({ free: "free" });
  });
});

describe("what people say of a release", () => {
  it("keeps results of manual tests, newest first", async () => {
    await family.fairlead("note", "greeter@v2.0.0", "upgraded from v1", "--result", "pass");
    const noted = await family.fairlead("note", "greeter@v2.0.0", "lost a volume", "--result", "fail");
    expect(noted.stdout).toMatch(/fail: lost a volume \(admin.*\)\n {2}pass: upgraded from v1/);
    const page = await (await fetch(`${family.url()}/releases/greeter%40v2.0.0`)).text();
    expect(page).toContain("lost a volume");
  });

  it("withdraws what is published: everybody is told, bytes and tag stay", async () => {
    const pulled = async () =>
      (
        await fetch(`${family.url()}/v2/fam/greeter/manifests/v2.0.0`, {
          headers: { authorization: `Bearer ${await family.token()}` },
        })
      ).headers.get("docker-content-digest");
    const before = await pulled();
    expect(before).toMatch(/^sha256:/);
    const withdrawn = await family.fairlead("withdraw", "greeter@v2.0.0", "--reason", "loses volumes");
    expect(withdrawn.stderr).toBe("");
    expect(withdrawn.stdout).toContain("⊠ withdrawn: withdrawn by ");
    expect(await pulled()).toBe(before);
    expect((await family.fairlead("releases")).stdout).toMatch(/greeter@v2\.0\.0 +⊠ withdrawn/);
    const status = await family.fairlead("status");
    expect(status.stdout).toContain("v1.0.1");
    expect(status.stdout).toContain("Withdrawn: greeter v2.0.0: loses volumes");
    const verified = await family.until("what is said beside the image", async () => {
      const answer = await family.fairlead("verify", `${new URL(family.url()).host}/fam/greeter:v2.0.0`);
      return answer.stdout.includes("withdrawn") ? answer : undefined;
    });
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/v2\.0\.0 was withdrawn \d{4}-\d\d-\d\d: loses volumes/);
    const train = await family.fairlead("train");
    expect(train.stdout).toContain("v2.0.0 was withdrawn");
    expect((await family.fairlead("why", "greeter@v2.0.0")).stdout).toContain("loses volumes");
    const page = await (await fetch(`${family.url()}/releases/greeter%40v2.0.0`)).text();
    expect(page).toContain("Withdrawn: do not use it");
    const moved = await family.git(clone, "push", "origin", "--force", "main:refs/tags/v2.0.0");
    expect(moved.stderr).toContain("v2.0.0 of greeter was published");
  });

  it("says what cannot be: twice, unpublished, unknown, without a reason, by who may not", async () => {
    const asked: readonly [readonly string[], string][] = [
      [["withdraw", "greeter@v2.0.0", "--reason", "again"], "greeter@v2.0.0 is withdrawn"],
      [["withdraw", "greeter@v9.0.0", "--reason", "x"], "there is no release greeter@v9.0.0"],
      [["withdraw", "greeter@v1.0.0"], "required option '--reason <text>'"],
      [["withdraw", "greeter@v1.0.0", "--reason", " "], "reason: is empty"],
      [["note", "greeter@v2.0.0", "x", "--result", "pass"], "results are noted on what was published"],
      [["note", "greeter@v1.0.0", "x", "--result", "maybe"], "Allowed choices are pass, fail"],
    ];
    for (const [args, words] of asked) {
      const answer = await family.fairlead(...args);
      expect(answer.code, args.join(" ")).not.toBe(0);
      expect(answer.stderr).toContain(words);
    }
  });
});
