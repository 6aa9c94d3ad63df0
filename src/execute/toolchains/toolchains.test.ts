import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SumDatabase, sumDatabase } from "../../../test/fixtures/sum-database.ts";
import { type ZipEntry, zipOf } from "../../../test/fixtures/zip.ts";
import { systemIds } from "../../core/index.ts";
import { goPlatform } from "./go.ts";
import type { ArchiveDescription } from "./model.ts";
import { createToolchains, sweepToolchains } from "./toolchains.ts";

type Entry = Parameters<tar.Pack["entry"]>[0];

const served = new Map<string, Buffer>();
let asked: string[] = [];
let database: SumDatabase | undefined;
const server = createServer((request, response) => {
  const path = request.url ?? "";
  asked.push(path);
  const prefix = "/sumdb/sum.example";
  const bytes = path.startsWith(prefix) ? database?.read(path.slice(prefix.length)) : served.get(path);
  response.writeHead(bytes ? 200 : 404);
  response.end(bytes);
});
let folder: string;
let address: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "toolchains-"));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const at = server.address();
  address = `http://127.0.0.1:${typeof at === "object" && at ? at.port : 0}`;
  asked = [];
});
afterEach(async () => {
  served.clear();
  database = undefined;
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

function toolchains(archives: readonly ArchiveDescription[] = [], machine?: string, goproxy = address) {
  return createToolchains({
    folder,
    ids: systemIds,
    settings: () => ({ goproxy, archives }),
    machineGo: async () => machine,
    sumKey: database?.key ?? "sum.example+00000000+AQ==",
  });
}

/** Serves a Go whose archive has these entries, known to the database by the sum of `known`. */
function serveGo(version: string, entries: readonly ZipEntry[], known = entries): void {
  const module = `golang.org/toolchain@v0.0.1-go${version}.${goPlatform()}`;
  const named = (list: readonly ZipEntry[]) => list.map((entry) => ({ ...entry, name: `${module}/${entry.name}` }));
  const lines = named(known)
    .map((entry) => `${sha256(Buffer.from(entry.content))}  ${entry.name}\n`)
    .sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
  const sum = createHash("sha256").update(lines.join("")).digest("base64");
  const text = `${module.replace("@", " ")} h1:${sum}\n`;
  database = sumDatabase("sum.example", [
    { module: "example.org/other@v1.0.0", text: "other\n" },
    { module, text },
  ]);
  served.set(`/${module.replace("@", "/@v/")}.zip`, zipOf(named(entries)));
}

const goFiles: readonly ZipEntry[] = [
  { name: "VERSION", content: "go1.50.1\n" },
  { name: "bin/go", content: "#!/bin/sh\necho go version go1.50.1\n" },
  { name: "pkg/tool/linux/compile", content: "compile" },
  { name: "src/_go.mod", content: "module std\n" },
];

async function provide(made: ReturnType<typeof toolchains>, name: string, version: string) {
  const said: string[] = [];
  const answer = await made.provide(name, version, (line) => said.push(line));
  return {
    answer,
    said,
    problem: answer.ok ? "" : `${answer.error.code}: ${answer.error.message}`,
    hint: answer.ok ? "" : answer.error.hint,
  };
}

describe("Go by its version", () => {
  it("is the machine's where that is the one, or new enough", async () => {
    const made = toolchains([], "1.50.1");
    for (const version of ["1.50.1", "go1.50.1", "v1.50.1", ">=1.50.0", ">=1.9.9"]) {
      const { answer } = await provide(made, "go", version);
      expect(answer).toMatchObject({ ok: true, value: { version: "1.50.1", mount: undefined } });
    }
    expect(asked).toEqual([]);
  });

  it("comes through the proxy, whole, with what a module's archive cannot keep", async () => {
    serveGo("1.50.1", goFiles);
    const made = toolchains([], "1.49.0");
    const { answer, said } = await provide(made, "go", ">=1.50.1");
    expect(answer).toMatchObject({
      ok: true,
      value: {
        mount: { host: join(folder, "go/1.50.1"), inside: "/fairlead-toolchains/go-1.50.1", writable: false },
        path: "/fairlead-toolchains/go-1.50.1/bin",
      },
    });
    expect(said).toEqual([`installing go 1.50.1 from ${address} …`]);
    const at = join(folder, "go/1.50.1");
    expect((await stat(join(at, "bin/go"))).mode & 0o111).toBe(0o111);
    expect((await stat(join(at, "pkg/tool/linux/compile"))).mode & 0o111).toBe(0o111);
    expect((await stat(join(at, "VERSION"))).mode & 0o111).toBe(0);
    expect(await readFile(join(at, "src/go.mod"), "utf8")).toBe("module std\n");
    expect(await readdir(join(folder, ".incoming"))).toEqual([]);
    asked = [];
    expect((await provide(made, "go", "1.50.1")).said).toEqual([]);
    expect(asked).toEqual([]);
  });

  it("is fetched once by ten that want it, and by another process that is late", async () => {
    serveGo("1.50.1", goFiles);
    const [here, there] = [toolchains(), toolchains()];
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, at) => provide(at < 9 ? here : there, "go", "1.50.1")),
    );
    expect(all.every(({ answer }) => answer.ok)).toBe(true);
    expect(asked.filter((path) => path.endsWith(".zip")).length).toBeLessThanOrEqual(2);
    expect(await readdir(join(folder, "go"))).toEqual(["1.50.1"]);
  });

  it("is refused when a byte differs, and leaves nothing", async () => {
    serveGo(
      "1.50.1",
      goFiles.map((file) => (file.name === "bin/go" ? { ...file, content: "evil" } : file)),
      goFiles,
    );
    const { problem } = await provide(toolchains(), "go", "1.50.1");
    expect(problem).toMatch(/^corrupt: Go 1\.50\.1 from .* is not what sum\.example knows: h1:.* instead of h1:/);
    expect(await readdir(folder)).toEqual([".incoming"]);
  });

  it("is refused when a file leads out, also when the database knows it so", async () => {
    const evil = [...goFiles, { name: "../../../../../out", content: "x" }];
    serveGo("1.50.1", evil);
    expect((await provide(toolchains(), "go", "1.50.1")).problem).toMatch(/bad-input: /);
    expect(await readdir(folder)).toEqual([".incoming"]);
  });

  it("says what to place where when nothing can be reached, and takes what was placed there", async () => {
    serveGo("1.50.1", goFiles);
    const made = toolchains([], undefined, "http://127.0.0.1:1");
    const { problem, hint } = await provide(made, "go", "1.50.1");
    expect(problem).toMatch(/^missing-need: go 1\.50\.1 is not here and cannot be fetched: /);
    expect(hint).toContain(`unpack it to ${join(folder, "go/1.50.1")} (so that bin/go stands below it)`);
    await mkdir(join(folder, "go/1.50.1/bin"), { recursive: true });
    expect((await provide(made, "go", "1.50.1")).answer.ok).toBe(true);
  });

  it.each(["", "../1", "1.2 3", "-x", "latest; rm"])("%j is no version", async (version) => {
    expect((await provide(toolchains(), "go", version)).problem).toContain("is no version of a tool");
  });

  it("forgets what a process that was killed left half-done", async () => {
    await mkdir(join(folder, ".incoming/dead/whole"), { recursive: true });
    await sweepToolchains(folder);
    expect(await readdir(join(folder, ".incoming"))).toEqual([]);
  });
});

describe("a tool as an archive with its sum", () => {
  function described(bytes: Buffer, over: Partial<ArchiveDescription> = {}): ArchiveDescription {
    served.set("/tool", bytes);
    return { name: "linter", version: "2.1.0", url: `${address}/tool`, sha256: sha256(bytes), bin: undefined, ...over };
  }

  async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
    const pack = tar.pack();
    for (const header of entries) {
      if (header.type === undefined) pack.entry(header, "x");
      else pack.entry(header);
    }
    pack.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of pack) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
    return gzipSync(Buffer.concat(chunks));
  }

  it("is a program, a zip or a tar, and says where its programs stand", async () => {
    const program = await provide(toolchains([described(Buffer.from("#!/bin/sh\n"))]), "linter", "2.1.0");
    expect(program.answer).toMatchObject({ ok: true, value: { path: "/fairlead-toolchains/linter-2.1.0/bin" } });
    expect((await stat(join(folder, "linter/2.1.0/bin/linter"))).mode & 0o777).toBe(0o755);
    const packed = await tarOf([{ name: "linter-2.2/linter", mode: 0o755 }, { name: "linter-2.2/README" }]);
    const inTar = described(packed, { version: "2.2.0", bin: "linter-2.2" });
    const second = await provide(toolchains([inTar]), "linter", "2.2.0");
    expect(second.answer).toMatchObject({ ok: true, value: { path: "/fairlead-toolchains/linter-2.2.0/linter-2.2" } });
    const zip = described(zipOf([{ name: "linter", content: "x", mode: 0o100755 }]), { version: "2.3.0" });
    const third = await provide(toolchains([zip]), "linter", "2.3.0");
    expect(third.answer).toMatchObject({ ok: true, value: { path: "/fairlead-toolchains/linter-2.3.0" } });
  });

  it("may lie on the server's own disk", async () => {
    const file = join(folder, "archive");
    await writeFile(file, "program");
    const local = described(Buffer.from("program"), { url: file });
    expect((await provide(toolchains([local]), "linter", "2.1.0")).answer.ok).toBe(true);
  });

  it("is refused when its sum differs, before it is opened", async () => {
    const wrong = described(Buffer.from("not an archive"), { sha256: "0".repeat(64) });
    const { problem } = await provide(toolchains([wrong]), "linter", "2.1.0");
    expect(problem).toMatch(/^corrupt: .*\/tool is not what the family file says: sha256 /);
  });

  it.each<[string, readonly Entry[], RegExp]>([
    ["a file that leads out", [{ name: "../x" }], /leads out of its folder/],
    ["an absolute file", [{ name: "/etc/x" }], /leads out of its folder/],
    ["a link", [{ name: "x", type: "symlink", linkname: "/etc/passwd" }], /is a symlink/],
    ["a hard link", [{ name: "x", type: "link", linkname: "/etc/passwd" }], /is a link/],
    ["a device", [{ name: "x", type: "character-device" }], /is a character-device/],
    ["a file twice", [{ name: "x" }, { name: "x" }], /is there twice/],
  ])("is refused as a tar with %s", async (_, entries, words) => {
    const { problem } = await provide(toolchains([described(await tarOf(entries))]), "linter", "2.1.0");
    expect(problem).toMatch(/^bad-input: /);
    expect(problem).toMatch(words);
    expect(await readdir(folder)).toEqual([".incoming"]);
  });

  it.each<[string, Buffer]>([
    ["a link in a zip", zipOf([{ name: "x", content: "/etc/passwd", mode: 0o120777 }])],
    ["a zip that is cut short", zipOf([{ name: "x", content: "y" }]).subarray(0, 40)],
    ["a zip with a backslash", zipOf([{ name: "..\\x", content: "y" }])],
    ["a gzip that is none", Buffer.from([0x1f, 0x8b, 0, 1, 2, 3])],
  ])("is refused: %s", async (_, bytes) => {
    const { problem } = await provide(toolchains([described(bytes)]), "linter", "2.1.0");
    expect(problem).toMatch(/^bad-input: /);
  });

  it("that nobody described says what to write", async () => {
    const { problem, hint } = await provide(toolchains(), "linter", "2.1.0");
    expect(problem).toContain("nothing says where linter 2.1.0 comes from");
    expect(hint).toContain("toolchains.archives of the family file");
  });
});
