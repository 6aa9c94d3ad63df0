import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run as start } from "../fixtures/programs.ts";
import { greeter, program, proposeAndWait, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
let clone: string;

/** Tests that say what they saw, so that two runs can be compared. */
const seed = {
  ...greeter,
  files: {
    ...greeter.files,
    ".fairlead.yaml": "build: sh build.sh\ntest: sh test.sh\n",
    "test.sh": [
      "env | grep -E '^(BUILD_ID|CI|JOB_NAME|JOB_TYPE|PROW_JOB_ID|PULL_|REPO_|SRC_|ARTIFACTS|GOPATH)' | sort > $ARTIFACTS/env.txt",
      "git rev-parse HEAD >> $ARTIFACTS/env.txt; pwd >> $ARTIFACTS/env.txt",
      'echo \'<testsuite name="s"><testcase name="one"/><testcase name="two"><failure>broken</failure></testcase></testsuite>\' > $ARTIFACTS/junit.xml',
      "[ ! -f broken ]",
      "",
    ].join("\n"),
  },
};

beforeAll(async () => {
  family = await serveFamily([seed]);
  await family.start();
  clone = await family.clone("greeter");
});
afterAll(() => family.remove());

const fairlead = (...args: readonly string[]) => runWith({}, args);

function runWith(env: Readonly<Record<string, string>>, args: readonly string[]) {
  const of = ["--home", family.home, "--config", join(family.root, "fairlead.yaml")];
  return start(process.execPath, [program, "run", ...args, ...of], {
    env: { ...process.env, XDG_CACHE_HOME: join(family.root, "cache"), ...env },
  });
}

interface Told {
  readonly state: string;
  readonly testedCommit: string;
  readonly results: string;
  readonly tests: { readonly passed: number; readonly failed: number };
}

describe("fairlead run", () => {
  it("does what the server did: same commit, environment and folder, and shows the tests", async () => {
    const { number, run } = await proposeAndWait(family, clone, "greeter", { "a.txt": "a" });
    const whole = await family.api<{ buildId: string; testedCommit: string; resultsPath: string }>(`/runs/${run.id}`);
    const done = await fairlead("fam-greeter-pr", "--run", whole.buildId, "--json");
    expect(done.code).toBe(0);
    const told: Told = JSON.parse(done.stdout);
    expect(told).toMatchObject({ state: "success", testedCommit: whole.testedCommit, tests: { passed: 1, failed: 1 } });
    const here = await readFile(join(told.results, "artifacts", "env.txt"), "utf8");
    const there = await (await fetch(`${family.url()}/results/${whole.resultsPath}/artifacts/env.txt`)).text();
    expect(here).toBe(there);
    expect(here).toContain(`PULL_NUMBER=${number}\n`);
    const page = await (await fetch(`${family.url()}/runs/${run.id}`)).text();
    expect(page).toContain(`fairlead run fam-greeter-pr --run ${whole.buildId} --component greeter`);
  });

  it("is red where the job is, with what failed and where the results are", async () => {
    const { number } = await proposeAndWait(family, clone, "greeter", { broken: "x" });
    const done = await fairlead("fam-greeter-pr", "--change", String(number));
    expect(done.code).toBe(1);
    expect(done.stdout).toContain("✗ fam-greeter-pr failure: test exited with 1");
    expect(done.stdout).toContain("tests: 1 passed, 1 failed, 0 skipped\n  ✗ two\nresults: ");
    expect(done.stderr).toContain("fairlead: step test: sh test.sh");
  });

  it("tests several changes together, as Prow's batches", async () => {
    await family.git(clone, "fetch", "-q", "origin");
    const numbers: number[] = [];
    for (const name of ["first", "second"]) {
      await family.git(clone, "reset", "-q", "--hard", "origin/main");
      numbers.push((await proposeAndWait(family, clone, "greeter", { [name]: name })).number);
    }
    const [first, second] = numbers;
    const done = await fairlead("fam-greeter-pr", "--change", `${second},${first}`, "--json");
    const told: Told = JSON.parse(done.stdout);
    expect([done.code, told.state]).toEqual([0, "success"]);
    expect(told.results).toMatch(/\/pr-logs\/pull\/batch\/fam-greeter-pr\/\d+$/);
    const env = await readFile(join(told.results, "artifacts", "env.txt"), "utf8");
    expect(env).toContain("JOB_TYPE=batch\n");
    expect(env).toMatch(new RegExp(`^PULL_REFS=main:[0-9a-f]{40},${first}:[0-9a-f]{40},${second}:[0-9a-f]{40}$`, "m"));
    expect(env).not.toMatch(/^PULL_(NUMBER|PULL_SHA|TITLE|HEAD_REF)=/m);
    const job = JSON.parse(await readFile(join(told.results, "prowjob.json"), "utf8"));
    expect(job.spec).toMatchObject({ type: "batch", refs: { pulls: [{ number: first }, { number: second }] } });
    expect(job.spec).not.toHaveProperty("rerun_command");
    const other = await fairlead("fam-greeter-build", "--change", `${first},${second}`);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("fam-greeter-build is no presubmit")]);
  });

  it("reads the home where no server runs", async () => {
    await family.stop();
    const done = await fairlead("fam-greeter-build", "--ref", "main", "--json");
    expect([done.code, JSON.parse(done.stdout).state]).toEqual([0, "success"]);
    await family.start();
  });

  it.each([
    ["no such job", ["nope"], "there is no job nope"],
    ["no such change", ["fam-greeter-pr", "--change", "99"], "greeter has no change 99"],
    ["no such ref", ["fam-greeter-build", "--ref", "gone"], "has no branch, tag or commit gone"],
    ["no such run", ["fam-greeter-pr", "--run", "1"], "there is no run 1"],
    ["no such component", ["fam-greeter-pr", "--component", "x"], "there is no component x"],
    ["two at once", ["fam-greeter-pr", "--run", "1", "--change", "1"], "say one of"],
    ["no number", ["fam-greeter-pr", "--change", "one"], "one is no number of a change"],
  ])("%s is told, and nothing runs", async (_what, args, message) => {
    const done = await fairlead(...args);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain(message);
  });

  it("runs no change unconfined unless told to", async () => {
    const refused = await runWith({ FAIRLEAD_CAGE_OFF: "1" }, ["fam-greeter-pr", "--change", "1"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("is not run unconfined");
    expect(refused.stderr).toContain("--unconfined");
  });
});
