import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath, run } from "../fixtures/programs.ts";
import { greeter, program, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const script = programPath("script");
const lacks = script === undefined ? " (skipped: script of bsdutils is not installed)" : "";
const test = script === undefined ? it.skip : it;
let family: ServedFamily;

beforeAll(async () => {
  family = await serveFamily([greeter]);
  await family.start();
  const clone = await family.clone("greeter");
  await proposeAndWait(family, clone, "greeter", { "a.txt": "from the change\n" });
});
afterAll(() => family.remove());

const args = () => ["run", "fam-greeter-pr", "--change", "1", "--shell", "--home", family.home];

/** A person at a terminal of 31 rows and 77 columns, who types the next line when the last one was answered. */
async function sit(lines: readonly (readonly [typed: string, answered: RegExp])[]): Promise<string> {
  const words = [process.execPath, program, ...args(), "--config", join(family.root, "fairlead.yaml")];
  const command = `stty rows 31 cols 77; exec ${words.map((word) => `'${word}'`).join(" ")}`;
  const child = spawn(script ?? "", ["-q", "-e", "-c", command, "/dev/null"], {
    env: { ...process.env, XDG_CACHE_HOME: join(family.root, "cache"), SHELL: "/bin/sh", TERM: "dumb" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let seen = "";
  let from = 0;
  const pending = [...lines];
  let waiting: RegExp | undefined = /leave with exit[\s\S]*[$#] /;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    if (!waiting?.test(seen.slice(from))) return;
    from = seen.length;
    const next = pending.shift();
    waiting = next?.[1];
    if (next) child.stdin.write(next[0]);
  });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  return `${seen}\n[${code}]`;
}

describe("fairlead run --shell", () => {
  test(`opens the environment of the run on a terminal of its own${lacks}`, async () => {
    const seen = await sit([
      ["stty size; tty; echo $JOB_NAME-$PULL_NUMBER; cat a.txt; pwd\n", /go\/src\/[\s\S]*[$#] /],
      ["sleep 1000\n", /sleep 1000/],
      ["\u0003", /[$#] /],
      ["echo still here; kill -0 1 && echo own-pids; exit 3\n", /exit/],
    ]);
    expect(seen).toContain("fairlead: the run itself would do: sh build.sh; test -s bin/greeter");
    expect(seen).toMatch(
      /31 77\s+\/dev\/pts\/\d+\s+fam-greeter-pr-1\s+from the change\s+\/home\/prow\/go\/src\/.*greeter\s/,
    );
    expect(seen).toMatch(/still here\s+own-pids\s/);
    expect(seen).toContain("the shell was left");
    expect(seen).toMatch(/\[0\]$/);
  });

  it("says that it needs a terminal, and does nothing", async () => {
    const answer = await run(process.execPath, [program, ...args(), "--config", join(family.root, "fairlead.yaml")]);
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain("--shell needs a terminal");
  });
});
