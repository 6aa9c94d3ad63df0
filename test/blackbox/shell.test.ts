import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { programPath, run } from "../fixtures/programs.ts";
import { greeter, program, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const script = programPath("script");
const lacks = script === undefined ? " (skipped: script of bsdutils is not installed)" : "";
const test = script === undefined ? it.skip : it;
let family: ServedFamily;
const seats: ChildProcess[] = [];

beforeAll(async () => {
  family = await serveFamily([greeter]);
  await family.start();
  const clone = await family.clone("greeter");
  await proposeAndWait(family, clone, "greeter", { "a.txt": "from the change\n" });
});
afterEach(() => {
  for (const seat of seats.splice(0)) seat.kill("SIGKILL");
});
afterAll(() => family.remove());

const args = () => ["run", "fam-greeter-pr", "--change", "1", "--shell", "--home", family.home];

/** What the shell says when it awaits a line: a text that no typed line holds, so that no echo is taken for it. */
const prompt = /ready-for-a-line/;
const setPrompt = "PS1=ready-for''-a-line:\n";

interface Seat {
  type(line: string): void;
  /** Resolves when what was shown since the last answer has it; rejects, with all that was seen, when the program ends. */
  answered(wanted: RegExp): Promise<void>;
  /** Everything shown, when the program is gone, and its exit code. */
  left(): Promise<string>;
  /** The terminal is gone at once, as when a window is closed or a connection breaks. */
  close(): void;
}

/** A person at a terminal of 31 rows and 77 columns. A test that runs out of time closes it, and tells what was seen. */
function sitDown(signal: AbortSignal, temporary: string): Seat {
  const words = [process.execPath, program, ...args(), "--config", join(family.root, "fairlead.yaml")];
  const command = `stty rows 31 cols 77; exec ${words.map((word) => `'${word}'`).join(" ")}`;
  const child = spawn(script ?? "", ["-q", "-e", "-c", command, "/dev/null"], {
    env: {
      ...process.env,
      XDG_CACHE_HOME: join(family.root, "cache"),
      TMPDIR: temporary,
      SHELL: "/bin/sh",
      TERM: "dumb",
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  seats.push(child);
  child.stdin.on("error", () => undefined);
  let seen = "";
  let from = 0;
  let look = () => {};
  const gone = new Promise<number | null>((done, fail) => child.once("close", done).once("error", fail));
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString();
    look();
  });
  signal.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
  onTestFailed(() => console.error(`what was seen on the terminal:\n${seen}`));
  return {
    type: (line) => void child.stdin.write(line),
    answered: async (wanted) => {
      const found = new Promise<void>((done) => {
        look = () => {
          const place = wanted.exec(seen.slice(from));
          if (!place) return;
          from += place.index + place[0].length;
          look = () => {};
          done();
        };
        look();
      });
      const ended = gone.then((code) => {
        throw new Error(`ended with ${code} before ${wanted} was seen:\n${seen}`);
      });
      await Promise.race([found, ended]);
    },
    left: async () => `[${await gone}] ${seen}`,
    close: () => void child.kill("SIGKILL"),
  };
}

/** A folder of temporary files of one session, in which it must leave nothing but results. */
async function temporaryFolder(name: string): Promise<string> {
  const folder = join(family.root, name);
  await mkdir(folder);
  return folder;
}

const unfinished = async (folder: string) =>
  (await readdir(folder)).filter((name) => !name.startsWith("fairlead-results-"));

describe("fairlead run --shell", () => {
  test(`opens the environment of the run on a terminal of its own${lacks}`, async ({ signal }) => {
    const temporary = await temporaryFolder("lived-in");
    const seat = sitDown(signal, temporary);
    await seat.answered(/leave with exit or Ctrl-D/);
    seat.type(setPrompt);
    await seat.answered(prompt);
    seat.type("stty size; tty; echo $JOB_NAME-$PULL_NUMBER; cat a.txt; pwd\n");
    await seat.answered(prompt);
    // A Ctrl-C typed before the program is in front reaches the shell alone, here as at any terminal.
    seat.type("sh -c 'echo in-front-$$; exec sleep 100000'\n");
    await seat.answered(/in-front-\d/);
    seat.type("\u0003");
    await seat.answered(prompt);
    seat.type("echo still here; kill -0 1 && echo own-pids; exit 3\n");
    const seen = await seat.left();
    expect(seen).toContain("fairlead: the run itself would do: sh build.sh; test -s bin/greeter");
    expect(seen).toMatch(
      /31 77\s+\/dev\/pts\/\d+\s+fam-greeter-pr-1\s+from the change\s+\/home\/prow\/go\/src\/.*greeter\s/,
    );
    expect(seen).toMatch(/still here\s+own-pids\s/);
    expect(seen).toContain("the shell was left");
    expect(seen).toMatch(/^\[0\]/);
    expect(await unfinished(temporary)).toEqual([]);
  });

  test(`takes a paste longer than any buffer while its echo is shown${lacks}`, async ({ signal }) => {
    const seat = sitDown(signal, await temporaryFolder("pasted"));
    await seat.answered(/leave with exit or Ctrl-D/);
    seat.type(setPrompt);
    await seat.answered(prompt);
    const lines = 4000;
    seat.type("cat > pasted; wc -l < pasted; exit\n");
    seat.type(`${`${"a line of what was copied elsewhere ".repeat(3)}\n`.repeat(lines)}\u0004`);
    expect(await seat.left()).toMatch(new RegExp(`\\s${lines}\\s`));
  });

  test(`ends, and leaves nothing, when the terminal is gone${lacks}`, async ({ signal }) => {
    const temporary = await temporaryFolder("closed");
    const seat = sitDown(signal, temporary);
    await seat.answered(/leave with exit or Ctrl-D/);
    seat.type("sh -c 'trap \"\" INT; echo in-front-$$; while :; do sleep 100000; done'\n");
    await seat.answered(/in-front-\d/);
    expect(await unfinished(temporary)).not.toEqual([]);
    seat.close();
    await family.until("nothing is left", async () => ((await unfinished(temporary)).length === 0 ? true : undefined));
  });

  it("says that it needs a terminal, and does nothing", async () => {
    const answer = await run(process.execPath, [program, ...args(), "--config", join(family.root, "fairlead.yaml")]);
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain("--shell needs a terminal");
  });
});
