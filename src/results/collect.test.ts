import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { createGunzip, gunzipSync, gzipSync } from "node:zlib";
import { extract, pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { must } from "../core/index.ts";
import { collectArtifacts } from "./collect.ts";
import { maskingOfArtifacts } from "./masked-writer.ts";
import { createMasking } from "./masking.ts";

let root: string;
let left: string;
let kept: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "collect-"));
  left = join(root, "left");
  kept = join(root, "kept/artifacts");
  await mkdir(left);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const bounds = { files: 50, bytes: 1_000_000 };
const leave = (name: string, content: string | Buffer) => writeFile(join(left, name), content);
const collect = (more: Partial<typeof bounds> = {}, globs?: Parameters<typeof maskingOfArtifacts>[1]) => {
  const masking = createMasking({ secrets: ["hunter22"], minimumLength: 0 });
  return collectArtifacts(left, kept, { ...bounds, ...more }, globs && must(maskingOfArtifacts(masking, globs)));
};
const namesOf = ({ artifacts }: Awaited<ReturnType<typeof collect>>) => artifacts.map(({ path }) => path);

describe("what a hostile job leaves", () => {
  it("as links, sockets, devices and pipes is not followed, opened or waited for", async () => {
    await writeFile(join(root, "outside"), "ours");
    await symlink(join(root, "outside"), join(left, "finished.json"));
    await symlink("/", join(left, "all"));
    await symlink("loop", join(left, "loop"));
    execFileSync("mkfifo", [join(left, "pipe")]);
    const socket = createServer().listen(join(left, "socket"));
    await leave("good", "good");
    await link(join(left, "good"), join(left, "hard"));
    const result = await collect();
    socket.close();
    expect(namesOf(result)).toEqual(["artifacts/good", "artifacts/hard"]);
    expect(result.leftOut.map((line) => line.split(":")[0])).toEqual([
      "all",
      "finished.json",
      "loop",
      "pipe",
      "socket",
    ]);
  });

  it("in place of the folder itself is not entered", async () => {
    await rm(left, { recursive: true });
    await symlink("/etc", left);
    expect(await collect()).toEqual({ artifacts: [], leftOut: [], stored: [] });
  });

  it("under the names of our files stays below artifacts", async () => {
    for (const name of ["finished.json", "marker-file.txt", ".headers.json"]) await leave(name, "forged");
    await collect();
    expect(await readdir(join(kept, ".."))).toEqual(["artifacts"]);
  });

  it("with names that would forge lines of a listing or a log is left out and shown quoted", async () => {
    for (const name of ["a\nb", "esc\x1b[2J", "x".repeat(230)]) await leave(name, "");
    await mkdir(join(left, "d\ne"));
    await leave("d\ne/f", "");
    execFileSync("touch", [Buffer.concat([Buffer.from(`${left}/bad-`), Buffer.from([0xff])])].map(String));
    await leave("..odd", "fine");
    await leave("Case", "1");
    await leave("case", "2");
    const result = await collect();
    expect(namesOf(result)).toEqual(["artifacts/..odd", "artifacts/Case", "artifacts/case"]);
    expect(result.leftOut).toContain('"a\\nb": its name has control characters');
    expect(result.leftOut.join("")).not.toContain("\n");
  });

  it("as a huge sparse file is over the bound, and costs nothing", async () => {
    await leave("sparse", "");
    await truncate(join(left, "sparse"), 2 ** 40);
    await leave("tiny", "t");
    const result = await collect();
    expect(namesOf(result)).toEqual(["artifacts/tiny"]);
    expect(result.leftOut[0]).toBe("sparse: over the bound of 1,000,000 bytes");
  });

  it("as too many files or too deep folders is cut and said", async () => {
    for (let i = 0; i < 30; i++) await leave(`f${String(i).padStart(2, "0")}`, "");
    let deep = left;
    for (let i = 0; i < 40; i++) deep = join(deep, "d");
    await mkdir(deep, { recursive: true });
    await writeFile(join(deep, "bottom"), "");
    const few = await collect({ files: 10 });
    expect(few.artifacts).toHaveLength(10);
    expect(few.leftOut.join()).toContain("more than 20 entries: the rest was not looked at");
    const all = await collect({ files: 100 });
    expect(all.artifacts).toHaveLength(30);
    expect(all.leftOut[0]).toContain("it lies deeper than 32 folders");
  });

  it("as a file and a folder of one stored name keeps the first", async () => {
    await mkdir(join(left, "x"));
    await leave("x/y", "in a folder");
    await leave("x.gz", gzipSync("a file"));
    const result = await collect();
    expect(namesOf(result)).toEqual(["artifacts/x/y"]);
    expect(result.leftOut).toEqual(["x.gz: its name is taken by another"]);
  });
});

describe("secrets in artifacts", () => {
  it("are hidden in plain and compressed files and in members of archives", async () => {
    const archive = pack();
    archive.entry({ name: "folder", type: "directory" });
    archive.entry({ name: "link", type: "symlink", linkname: "inner.txt" });
    archive.entry({ name: "inner.txt" }, "the hunter22 key");
    archive.finalize();
    await leave("logs.tar.gz", gzipSync(await buffer(archive)));
    await leave("plain.txt", "a hunter22 b");
    await leave("packed.txt.gz", gzipSync("a hunter22 b"));
    const result = await collect({}, {});
    expect(result.leftOut).toEqual([]);
    expect(await readFile(join(kept, "plain.txt"), "utf8")).toBe("a XXXXXXXX b");
    expect(gunzipSync(await readFile(join(kept, "packed.txt"))).toString()).toBe("a XXXXXXXX b");
    const members = extract();
    Readable.from([await readFile(join(kept, "logs.tar"))])
      .pipe(createGunzip())
      .pipe(members);
    const contents: Record<string, string> = {};
    for await (const member of members) contents[member.header.name] = await text(member);
    expect(contents).toEqual({ folder: "", link: "", "inner.txt": "the XXXXXXXX key" });
  });

  it("stay where globs leave files out: exclude wins", async () => {
    await mkdir(join(left, "sub"));
    for (const name of ["a.txt", "sub/b.txt", "sub/c.bin"]) await leave(name, "hunter22");
    await collect({}, { include: ["**/*.txt"], exclude: ["sub/b*"] });
    const hidden = async (name: string) => (await readFile(join(kept, name), "utf8")) === "XXXXXXXX";
    expect([await hidden("a.txt"), await hidden("sub/b.txt"), await hidden("sub/c.bin")]).toEqual([true, false, false]);
  });

  it("cannot be looked for in a bomb or a broken archive: those are left out", async () => {
    await leave("bomb.txt.gz", gzipSync(Buffer.alloc(5_000_000)));
    await leave("broken.tar.gz", Buffer.concat([gzipSync("no archive").subarray(0, 20), Buffer.from("rest")]));
    await leave("nottar.tar.gz", gzipSync("x".repeat(2000)));
    const result = await collect({}, {});
    expect(result.leftOut).toEqual([
      "bomb.txt.gz: over the bound of 1,000,000 bytes",
      "broken.tar.gz: it could not be looked through for secrets",
      "nottar.tar.gz: it could not be looked through for secrets",
    ]);
    expect(await readdir(kept)).toEqual([]);
  });
});
