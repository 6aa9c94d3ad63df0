import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath } from "../fixtures/programs.ts";
import {
  greeter,
  mergeAndWait,
  program,
  proposeAndWait,
  type ReleaseRow,
  type ServedFamily,
  serveFamily,
} from "../fixtures/served-family.ts";

const script = programPath("script");
const lacks = script === undefined ? " (skipped: script of bsdutils is not installed)" : "";
const test = script === undefined ? it.skip : it;
let family: ServedFamily;

beforeAll(async () => {
  // One build never ends by itself: whoever watches it loses patience.
  const build = `${greeter.files["build.sh"]}case "$PULL_BASE_REF" in *wait) sleep 100000;; esac\n`;
  family = await serveFamily(
    [
      {
        ...greeter,
        files: { ...greeter.files, "build.sh": build },
        settings: ["images: [greeter]", "jobs: {gracePeriod: 1s}"],
      },
    ],
    ["release: {policy: {not-candidate-name: note}}"],
  );
  await family.start();
  const clone = await family.clone("greeter");
  const { number } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a\n" });
  await mergeAndWait(family, "greeter", number);
});
afterAll(() => family.remove());

/** A person at a terminal; `lines`: what is typed once the screen shows what is waited for. */
async function sit(args: readonly string[], lines: readonly (readonly [shown: RegExp, typed: string])[]) {
  const words = [
    process.execPath,
    program,
    ...args,
    "--home",
    family.home,
    "--config",
    join(family.root, "fairlead.yaml"),
  ];
  const command = `stty rows 31 cols 120; exec ${words.map((word) => `'${word}'`).join(" ")}`;
  const child = spawn(script ?? "", ["-q", "-e", "-c", command, "/dev/null"], {
    env: { ...process.env, SHELL: "/bin/sh", TERM: "xterm", NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let seen = "";
  let from = 0;
  const pending = [...lines];
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    const next = pending[0];
    if (!next?.[0].test(seen.slice(from))) return;
    from = seen.length;
    pending.shift();
    child.stdin.write(next[1]);
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return { seen, code };
}

const releases = async () => (await family.api<{ items: readonly ReleaseRow[] }>("/releases?component=greeter")).items;

describe("fairlead release on a terminal", () => {
  test(`asks for the version, and does nothing for another answer${lacks}`, async () => {
    const { seen, code } = await sit(
      ["release", "greeter", "v0.1.0-rc1"],
      [[/Type v0.1.0-rc1 to release it: /, "yes\r"]],
    );
    expect(seen).toMatch(/greeter v0\.1\.0-rc1 on [0-9a-f]{7}: pass/);
    expect(seen).toContain("is built by fam-greeter-build,");
    expect(seen).toContain("Nothing was tagged.");
    expect(code).toBe(1);
    expect(await releases()).toEqual([]);
  });

  test(`tags nothing on Ctrl-C${lacks}`, async () => {
    const { seen, code } = await sit(["release", "greeter", "v0.1.0-rc1"], [[/release it: /, "\u0003"]]);
    expect(seen).toContain("Nothing was tagged.");
    expect(code).toBe(1);
    expect(await releases()).toEqual([]);
  });

  test(`releases when the version is typed, and follows with times${lacks}`, async () => {
    const { seen, code } = await sit(["release", "greeter", "v0.1.0-rc1"], [[/release it: /, "v0.1.0-rc1\r"]]);
    expect(seen).toMatch(/building \d+m?\d*s/);
    expect(seen).toContain("greeter@v0.1.0-rc1: ■ published");
    expect(code).toBe(0);
    const clone = await family.clone("greeter", "greeter-more");
    const { number } = await proposeAndWait(family, clone, "greeter", { "b.txt": "b\n" });
    await mergeAndWait(family, "greeter", number);
    const next = await sit(["release", "greeter", "v0.1.0-rc2"], [[/release it: /, "v0.1.0-rc2\r"]]);
    expect(next.seen).toMatch(/building \d+m?\d*s, last time \d+m?\d*s/);
    expect(next.code).toBe(0);
  });

  test(`stops watching on Ctrl-C, and says how the release itself is stopped${lacks}`, async () => {
    const clone = await family.clone("greeter", "greeter-wait");
    const { number } = await proposeAndWait(family, clone, "greeter", { "c.txt": "c\n" });
    await mergeAndWait(family, "greeter", number);
    const { seen, code } = await sit(
      ["release", "greeter", "v0.1.0-wait"],
      [
        [/release it: /, "v0.1.0-wait\r"],
        [/building \d+s/, "\u0003"],
      ],
    );
    expect(seen).toContain("greeter@v0.1.0-wait is not watched any more; it goes on: building");
    expect(seen).toContain("stop it before it publishes: fairlead withdraw greeter@v0.1.0-wait --reason TEXT");
    expect(code).toBe(1);
    expect((await releases())[0]).toMatchObject({ id: "greeter@v0.1.0-wait", state: "building" });
    const stopped = await family.fairlead("withdraw", "greeter@v0.1.0-wait", "--reason", "the wrong commit");
    expect(stopped.stdout).toContain("closed: withdrawn by admin before anything was published: the wrong commit");
    const ended = await family.until("the end of its build", async () => {
      const { items } = await family.api<{ items: readonly { state: string; refs: { base_ref: string } }[] }>(
        "/runs?component=greeter",
      );
      const run = items.find((each) => each.refs.base_ref === "v0.1.0-wait");
      return run && !["triggered", "pending"].includes(run.state) ? run : undefined;
    });
    expect(ended.state).toBe("aborted");
    expect((await releases())[0]).toMatchObject({ state: "closed" });
  });
});
