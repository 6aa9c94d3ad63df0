import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunRow, type ServedFamily, serveFamily } from "../fixtures/served-family.ts";

const stamper = "#!/bin/sh\necho stamped by 1.2.0\n";
const sum = createHash("sha256").update(stamper).digest("hex");
const seed = {
  name: "tooled",
  files: {
    ".fairlead.yaml":
      "toolchain: {stamper: 1.2.0}\nbuild: stamper > stamp\ntest: 'cat stamp; ! touch $(command -v stamper)'\n",
  },
};
let family: ServedFamily;

beforeAll(async () => {
  family = await serveFamily(
    [seed],
    [
      "toolchains:",
      "  archives:",
      `    - {name: stamper, version: 1.2.0, url: /tmp/fairlead-stamper-${process.pid}, sha256: ${sum}}`,
    ],
  );
  await family.start();
});
afterAll(() => family.remove());

interface Whole extends RunRow {
  readonly resultsPath: string;
  readonly notRunNeed: string | null;
}

async function proposed(number: number): Promise<Whole & { readonly log: string }> {
  const row = await family.until(`the run of change ${number}`, async () => {
    const { items } = await family.api<{ items: RunRow[] }>(`/runs?component=tooled&change=${number}`);
    return items.find((each) => each.finished !== null);
  });
  const whole = await family.api<Whole>(`/runs/${row.id}`);
  const log = await (await fetch(`${family.url()}/results/${whole.resultsPath}/build-log.txt`)).text();
  return { ...whole, log };
}

async function propose(text: string): Promise<number> {
  const folder = join(family.root, "clones", "tooled");
  await writeFile(join(folder, "note"), text);
  await family.git(folder, "add", "-A");
  await family.git(folder, "commit", "-q", "-m", text);
  const pushed = await family.git(folder, "push", "origin", "HEAD:refs/for/main");
  return Number(/Change (\d+) of/.exec(pushed.stderr)?.[1]);
}

describe("a tool of an exact version", () => {
  it("that cannot be had is no red run: it says what to place where", async () => {
    await mkdir(join(family.root, "clones"), { recursive: true });
    await family.clone("tooled");
    const run = await proposed(await propose("first"));
    expect(run.state).toBe("error");
    expect(run.description).toMatch(/^not run here: needs stamper 1\.2\.0 /);
    expect(run.log).toContain(`unpack it to ${join(family.home, "toolchains/stamper/1.2.0")}`);
  });

  it("is installed when it is there, stands on the PATH of every step, and can be written by none", async () => {
    const file = `/tmp/fairlead-stamper-${process.pid}`;
    await writeFile(file, stamper);
    const run = await proposed(await propose("second"));
    expect(run.state, run.log).toBe("success");
    expect(run.log).toContain("stamped by 1.2.0\n");
    expect(run.log).toContain(`fairlead: uses stamper 1.2.0 of ${file}, with the sum of the family file`);
    const finished = await fetch(`${family.url()}/results/${run.resultsPath}/finished.json`);
    expect(JSON.parse(await finished.text())).toMatchObject({ metadata: { "toolchain-stamper": "1.2.0" } });
  });
});
