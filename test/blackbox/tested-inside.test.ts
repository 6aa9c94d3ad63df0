import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunRow, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

let family: ServedFamily;
let toolsClone: string;

interface JobRun extends RunRow {
  readonly job: string;
}

beforeAll(async () => {
  const tools = {
    name: "tools",
    files: { "check.sh": "exit 0\n", ".fairlead.yaml": "test: 'true'\n" },
    settings: ["kind: internal", "testedIn: [greeter]"],
  };
  // The copy is said in the file: nothing was pulled by git subtree yet.
  const user = {
    name: "greeter",
    files: {
      ".fairlead.yaml": "test: sh tools/check.sh\nshared: {tools: tools}\n",
      "own.txt": "greeter's own\n",
      ...Object.fromEntries(Object.entries(tools.files).map(([path, text]) => [`tools/${path}`, text])),
    },
  };
  family = await serveFamily([user, tools]);
  await family.start();
  toolsClone = await family.clone("tools");
});
afterAll(() => family.remove());

/** The runs of a change of the tools, once all have ended. */
async function propose(content: string): Promise<readonly JobRun[]> {
  await family.git(toolsClone, "checkout", "-q", "-B", "work", "origin/main");
  await writeFile(`${toolsClone}/check.sh`, content);
  await family.git(toolsClone, "commit", "-q", "-a", "-m", "Check otherwise");
  const pushed = await family.git(toolsClone, "push", "origin", "HEAD:refs/for/main");
  const number = Number(/Change (\d+) of/.exec(pushed.stderr)?.[1]);
  return await family.until(`the runs of change ${number}`, async () => {
    const { items } = await family.api<{ items: readonly JobRun[] }>(`/runs?component=tools&change=${number}`);
    return items.length === 2 && items.every((run) => run.finished !== null) ? items : undefined;
  });
}

const inside = (runs: readonly JobRun[]) => runs.find((run) => run.job === "fam-tools-in-greeter");

describe("a change of an internal component", () => {
  it("is tested inside the components that the family file names, before it merges", async () => {
    const runs = await propose("test -e own.txt\necho seen in $PWD\n");
    expect(runs.map((run) => [run.job, run.state]).sort()).toEqual([
      ["fam-tools-in-greeter", "success"],
      ["fam-tools-pr", "success"],
    ]);
    const log = await fetch(`${family.url()}/api/v1/runs/${inside(runs)?.id}/log`);
    expect(await log.text()).toMatch(/seen in \/home\/prow\/go\/src\/.*greeter\n/);
  });

  it("that breaks one of them cannot be merged", async () => {
    const runs = await propose("echo breaks greeter; exit 1\n");
    expect(inside(runs)).toMatchObject({ state: "failure" });
    const merged = await family.fairlead("merge", "tools", String(inside(runs)?.change));
    expect(merged.code).toBe(1);
    expect(merged.stderr).toContain("fam-tools-in-greeter");
  });
});
