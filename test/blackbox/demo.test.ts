import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath, run } from "../fixtures/programs.ts";

const demo = fileURLToPath(new URL("../../bin/demo", import.meta.url));
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fairlead-demo-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Told {
  readonly family: string;
  readonly home: string;
  readonly seconds: number;
  readonly steps: readonly {
    readonly step: string;
    readonly ok: boolean;
    readonly reason?: string;
    readonly digest?: string;
  }[];
}

async function once(home: string, env: Readonly<Record<string, string>> = {}): Promise<{ code: number; told: Told }> {
  const ended = await run(demo, ["--once", "--json", "--home", home, "--port", "0"], {
    env: { ...process.env, ...env },
  });
  if (ended.stdout === "") throw new Error(ended.stderr);
  const told: Told = JSON.parse(ended.stdout);
  return { code: ended.code, told };
}

describe("bin/demo", () => {
  it("tells the whole story, each step as it should be, and again on the same home", async () => {
    const first = await once(join(root, "whole"));
    expect(first.told.steps.filter((step) => !step.ok)).toEqual([]);
    expect(first.code).toBe(0);
    expect(first.told.steps.filter((step) => step.step.startsWith("refused:")).length).toBe(6);
    const again = await once(join(root, "whole"));
    expect(again.code).toBe(0);
    const digests = (told: Told) => told.steps.map((step) => step.digest);
    expect(digests(again.told)).toEqual(digests(first.told));
  });

  it("does the main job without bubblewrap too, and says what is lacking", async () => {
    const home = join(root, "bare");
    const { code, told } = await once(home, { FAIRLEAD_CAGE_OFF: "1" });
    expect(told.steps.filter((step) => !step.ok)).toEqual([]);
    expect(code).toBe(0);
    expect(await readFile(join(home, "server.log"), "utf8")).toContain("Not isolated: bubblewrap is not installed");
  });

  it("prints lines that run as they stand in a new shell", async () => {
    const home = join(root, "with blanks and 'quotes'");
    const child = spawn(demo, ["--home", home, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise<number | null>((done) => child.once("exit", done));
    let text = "";
    await new Promise<void>((done, failed) => {
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (/Remove all of it:\n {2}.+\n/.test(text)) done();
      });
      child.once("exit", () => failed(new Error(text)));
    });
    const lines = text.split("\n").flatMap((line) => (/^ {2}\S/.test(line) ? [line.trim()] : []));
    const shell = (line: string) =>
      run("/bin/sh", ["-c", line], { env: { PATH: process.env["PATH"], HOME: root }, cwd: "/" });
    const acting = lines.filter((line) => !/^kill |serve |^rm /.test(line));
    expect(acting.length).toBeGreaterThanOrEqual(4);
    for (const line of acting) {
      const done = await shell(line);
      expect(`${line}: ${done.code}${done.code === 0 ? "" : `\n${done.stderr}`}`).toBe(`${line}: 0`);
    }
    expect(acting.some((line) => line.startsWith("skopeo"))).toBe(programPath("skopeo") !== undefined);
    expect((await shell(lines.find((line) => line.startsWith("kill ")) ?? "false")).code).toBe(0);
    await ended;
    const serve = lines.find((line) => line.includes(" serve ")) ?? "";
    const again = spawn("/bin/sh", ["-c", `exec ${serve}`], { stdio: ["ignore", "pipe", "inherit"] });
    const up = await new Promise<boolean>((done) => {
      again.stdout.on("data", (chunk: Buffer) => done(chunk.toString().includes("Fairlead serves sample")));
      again.once("exit", () => done(false));
    });
    const stopped = new Promise<void>((done) => again.once("exit", () => done()));
    again.kill("SIGTERM");
    await stopped;
    expect(up).toBe(true);
    expect((await shell(lines.find((line) => line.startsWith("rm ")) ?? "false")).code).toBe(0);
    expect(await stat(home).catch(() => "gone")).toBe("gone");
  });
});
