import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createUnpacker, pack, type UnpackBounds } from "./bundle.ts";

const plenty: UnpackBounds = { files: 100, bytes: 1_000_000 };
const end = "E 0 0 0 0\n";

function entry(kind: string, path: string, content = "", mode = "644"): string {
  return `${kind} ${mode} 1000 ${Buffer.byteLength(content)} ${Buffer.byteLength(path)}\n${path}${content}`;
}

describe("a bundle of files", () => {
  let root: string;
  let target: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "bundles-"));
    target = join(root, "target");
    await mkdir(target);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function unpacked(bundle: string | Buffer, bounds = plenty): Promise<string> {
    const unpacker = createUnpacker(target, bounds);
    unpacker.push(Buffer.from(bundle));
    const laid = await unpacker.end();
    return laid.ok ? "ok" : `${laid.error.code}: ${laid.error.message}`;
  }

  it("comes out as it went in, however it is cut: modes, times, links, large and empty files", async () => {
    const source = join(root, "source");
    await mkdir(join(source, "deep", "empty"), { recursive: true });
    await writeFile(join(source, "deep", "tool"), "#!/bin/sh\n", { mode: 0o755 });
    await writeFile(join(source, "é\nx"), "");
    const large = Buffer.alloc(700_000, "large");
    await writeFile(join(source, "large"), large);
    await symlink("../elsewhere", join(source, "deep", "link"));
    await chmod(join(source, "deep"), 0o750);
    const unpacker = createUnpacker(target, plenty);
    for await (const chunk of pack([{ from: source, to: "m0" }], new Map()))
      for (let at = 0; at < chunk.length; at += 9973) unpacker.push(chunk.subarray(at, at + 9973));
    expect(await unpacker.end()).toMatchObject({ ok: true });
    expect((await readdir(target, { recursive: true })).sort()).toEqual(
      ["m0", "m0/deep", "m0/deep/empty", "m0/deep/link", "m0/deep/tool", "m0/large", "m0/é\nx"].sort(),
    );
    expect((await readFile(join(target, "m0", "large"))).equals(large)).toBe(true);
    expect(await readlink(join(target, "m0", "deep", "link"))).toBe("../elsewhere");
    for (const path of ["deep", "deep/tool", "large"]) {
      const [was, is] = [await lstat(join(source, path)), await lstat(join(target, "m0", path))];
      expect(is.mode).toBe(was.mode);
      expect(Math.floor(is.mtimeMs / 1000)).toBe(Math.floor(was.mtimeMs / 1000));
    }
  });

  it.each([
    ["up", entry("F", "../escaped", "x"), /is no path/],
    ["up from within", entry("D", "a", "", "755") + entry("F", "a/../../escaped", "x"), /is no path/],
    ["absolute", entry("F", `${tmpdir()}/escaped`, "x"), /is no path/],
    ["the folder itself", entry("D", ".", "", "755"), /is no path/],
    ["no name", entry("F", "", "x"), /is no path/],
    ["a name that C ends early", entry("F", "a\0b", "x"), /is no path/],
    ["through a link", entry("L", "a", "..") + entry("F", "a/escaped", "x"), /"a\/escaped" stands nowhere/],
    [
      "through a link to a folder made before",
      entry("D", "b", "", "755") + entry("L", "b", ".."),
      /cannot be laid out: EEXIST/,
    ],
    ["onto a link", entry("L", "a", "../escaped") + entry("F", "a", "x"), /cannot be laid out: EEXIST/],
    ["a folder onto a link", entry("L", "a", "..") + entry("D", "a", "", "755"), /cannot be laid out: EEXIST/],
    ["a folder that was not named", entry("F", "a/b", "x"), /"a\/b" stands nowhere/],
    ["a device", entry("C", "null"), /a heading that is none/],
    ["a hard link", entry("H", "a", "/etc/passwd"), /a heading that is none/],
    ["a link longer than any", entry("L", "a", "x".repeat(4097)), /a link that is none/],
    ["a size below zero", "F 644 0 -5 1\na", /a heading that is none/],
    ["a size beyond counting", "F 644 0 9999999999999999 1\na", /a heading that is none/],
    ["a mode of more than modes", "F 104755 0 0 1\na", /a heading that is none/],
  ])("lets nothing out: %s", async (_what, bundle, why) => {
    expect(await unpacked(bundle + end)).toMatch(why);
    expect(await readdir(root)).toEqual(["target"]);
  });

  it("waits for no heading that has no end", async () => {
    expect(await unpacked("F".repeat(500))).toBe("corrupt: what the pod sent is no bundle: a heading without end");
  });

  it("gives no file the rights of another", async () => {
    const bundle = entry("D", "d", "", "7777") + entry("F", "d/f", "x", "6755");
    expect(await unpacked(bundle + end)).toBe("ok");
    expect((await lstat(join(target, "d"))).mode & 0o7777).toBe(0o777);
    expect((await lstat(join(target, "d", "f"))).mode & 0o7777).toBe(0o755);
  });

  it.each([
    ["in a heading", "F 644 0"],
    ["in a name", "F 644 0 1 10\nabc"],
    ["in a file", "F 644 0 10 1\nabc"],
    ["before the end is told", entry("F", "a", "x")],
  ])("is not taken for whole when it ends %s", async (_where, bundle) => {
    expect(await unpacked(bundle)).toBe("corrupt: what the pod sent is no bundle: it ends early");
  });

  it("is bounded in files and bytes, as told and before they are written", async () => {
    const three = [1, 2, 3].map((each) => entry("F", `f${each}`, "xxxx")).join("");
    expect(await unpacked(three + end, { files: 2, bytes: 100 })).toBe("limit: the job left more than 2 files");
    await rm(join(target, "f1"));
    await rm(join(target, "f2"));
    expect(await unpacked(three + end, { files: 9, bytes: 8 })).toBe("limit: the job left more than 8 bytes");
    expect((await readdir(target)).sort()).toEqual(["f1", "f2"]);
  });

  it("asks for no more once it is refused", async () => {
    const unpacker = createUnpacker(target, plenty);
    expect(unpacker.push(Buffer.from("nonsense\n"))).toBe(true);
    expect((await unpacker.end()).ok).toBe(false);
    expect(unpacker.push(Buffer.alloc(1000))).toBe(false);
  });
});
