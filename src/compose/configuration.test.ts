import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must } from "../core/index.ts";
import { openConfiguration } from "./configuration.ts";

let folder: string;
let file: string;
const source = { worker: undefined, cache: undefined };
const family =
  "family: fam\ncomponents:\n  greeter: {repository: 'https://git.example/tools/greeter'}\nprow: {jobs: [jobs.yaml]}\n";
const job = (name: string) =>
  `presubmits:\n  tools/greeter:\n  - name: ${name}\n    always_run: true\n    spec: {containers: [{command: [make]}]}\n`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "configuration-"));
  file = join(folder, "fairlead.yaml");
  await writeFile(file, family);
  await writeFile(join(folder, "jobs.yaml"), job("unit"));
});
afterEach(() => rm(folder, { recursive: true }));

const names = (jobs: readonly { readonly name: string }[]) => jobs.map((each) => each.name);

describe("the configuration in force", () => {
  it("is the last good one: a wrong job leaves it, says where, and gives way once it is mended", async () => {
    const configuration = must(await openConfiguration(file, source));
    const generated = ["fam-greeter-pr", "fam-greeter-build"];
    expect(names(configuration.jobs({}))).toEqual([...generated, "unit"]);
    expect(await configuration.refresh()).toBe("same");

    await writeFile(join(folder, "jobs.yaml"), job("bad/name"));
    expect(await configuration.refresh()).toBe("refused");
    expect(configuration.problem()).toMatchObject({ code: "bad-input", place: { file: "jobs.yaml", line: 3 } });
    expect(names(configuration.jobs({}))).toEqual([...generated, "unit"]);
    expect(await configuration.refresh()).toBe("same");
    expect(configuration.problem()).toBeDefined();

    await writeFile(join(folder, "jobs.yaml"), job("another-unit"));
    expect(await configuration.refresh()).toBe("changed");
    expect(configuration.problem()).toBeUndefined();
    expect(names(configuration.jobs({}))).toEqual([...generated, "another-unit"]);

    await rm(file);
    expect(await configuration.refresh()).toBe("refused");
    expect(configuration.family().name).toBe("fam");
  });

  it.each([
    ["a loaded job that takes a generated name", job("fam-greeter-pr"), "takes the name or context"],
    [
      "one that takes a generated context",
      job("x").replace("always_run", "context: fam-greeter-pr\n    always_run"),
      "takes the name or context",
    ],
    ["a job that is wrong", job("a b"), "is no name of a job"],
  ])("does not begin with %s", async (_what, text, message) => {
    await writeFile(join(folder, "jobs.yaml"), text);
    const opened = await openConfiguration(file, source);
    expect(opened).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining(message), place: { file: "jobs.yaml" } },
    });
  });

  it("does not begin where nothing blocks merging", async () => {
    await writeFile(file, `${family}jobs: {generate: false}\n`);
    await writeFile(join(folder, "jobs.yaml"), job("unit").replace("always_run: true", "optional: true"));
    const opened = await openConfiguration(file, source);
    expect(opened).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining("no test blocks merging into greeter"), place: { line: 3 } },
    });
  });
});
