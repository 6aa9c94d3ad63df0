import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, ok, sha256Hex, systemIds } from "../../core/index.ts";
import {
  type BlobStore,
  type ImageConfig,
  type ImageManifest,
  mediaTypes,
  openFsBlobStore,
  type Platform,
  writeLayout,
} from "../../oci/index.ts";
import { chooseCompression } from "../layers/compression.ts";
import type { BaseSource } from "../model.ts";
import { createAssembler } from "./assembler.ts";

let root: string;
let blobs: BlobStore;
let count = 0;
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const cleanup: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "images-"));
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
});
afterAll(async () => {
  for (const folder of [root, ...cleanup]) await rm(folder, { recursive: true, force: true });
});

/** Bases that were assembled here before, by name. */
const bases = new Map<string, { mediaType: string; digest: string; size: number }>();
const source: BaseSource = {
  resolve: async (reference) => {
    const found = bases.get(reference);
    return found ? ok(found) : { ok: false, error: { code: "not-found", message: `no ${reference}` } };
  },
  fetch: async (_reference, manifest) => ok({ manifest, bytes: must(await blobs.readAll(manifest.digest, 1e7)) }),
};

async function folderWith(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = join(root, `context-${++count}`);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

const amd64: Platform = { os: "linux", architecture: "amd64" };
async function assemble(context: string, args: Record<string, string> = {}, platforms = [amd64]) {
  const assembler = createAssembler({ blobs, bases: source, compression: chooseCompression() });
  return await assembler.assemble({
    context,
    platforms: platforms.map((platform) => ({ platform, dockerfile: "Dockerfile", args })),
    labels: { "org.opencontainers.image.version": "v1" },
    epoch: 1_700_000_000_000,
    index: platforms.length > 1,
  });
}

async function read(digest: string) {
  const manifest: ImageManifest = JSON.parse(must(await blobs.readAll(digest, 1e7)).toString());
  const config: ImageConfig = JSON.parse(must(await blobs.readAll(manifest.config.digest, 1e7)).toString());
  return { manifest, config };
}

/** `mode path` of every member, as tar itself sees them. */
async function members(digest: string): Promise<readonly string[]> {
  const file = join(root, "layer.tar");
  await writeFile(file, gunzipSync(must(await blobs.readAll(digest, 1e8))));
  const listed = execFileSync("tar", ["-tvf", file, "--numeric-owner"], { encoding: "utf8", stdio: "pipe" });
  return listed
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+/g, " ").replace(/^(\S+) (\S+) \S+ \S+ \S+ /, "$1 $2 "));
}

describe("assembler", () => {
  it("carries out the Dockerfile of a kubernetes-csi component", async () => {
    const context = await folderWith({
      Dockerfile:
        'FROM scratch\nLABEL maintainers="A B" \\\n  description=x\nARG binary=./bin/other\n\nCOPY ${binary} registrar\nENV A=1 B="two words"\nUSER 65532:65532\nEXPOSE 8080\nENTRYPOINT ["/registrar"]\n',
      "bin/registrar": "#!/bin/sh\n",
    });
    await chmod(join(context, "bin/registrar"), 0o755);
    const image = must(await assemble(context, { binary: "bin/registrar" }));
    expect(image.warnings).toEqual([]);
    const { manifest, config } = await read(image.root.digest);
    expect(config).toMatchObject({ architecture: "amd64", os: "linux", created: "2023-11-14T22:13:20Z" });
    expect(config.config).toEqual({
      Labels: { maintainers: "A B", description: "x", "org.opencontainers.image.version": "v1" },
      Env: [searchPath, "A=1", "B=two words"],
      User: "65532:65532",
      ExposedPorts: { "8080/tcp": {} },
      Entrypoint: ["/registrar"],
    });
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual(["-rwxr-xr-x 0/0 registrar"]);
    expect(config.history?.filter((entry) => entry.empty_layer !== true)).toHaveLength(1);
  });

  it("keeps what Docker keeps for those who start the image, and carries out what a base asks for", async () => {
    const below = await folderWith({
      Dockerfile:
        'FROM scratch\nMAINTAINER A B <a@example.org>\nSHELL ["/bin/ash", "-c"]\nHEALTHCHECK --interval=1m30s --retries=2 CMD ["/a"]\nONBUILD COPY given /given\nONBUILD LABEL by=base\n',
    });
    const base = must(await assemble(below));
    bases.set("example.org/trigger:1", base.root);
    const told = await read(base.root.digest);
    expect(told.config).toMatchObject({
      author: "A B <a@example.org>",
      config: {
        Healthcheck: { Test: ["CMD", "/a"], Interval: 90_000_000_000, Retries: 2 },
        OnBuild: ["COPY given /given", "LABEL by=base"],
      },
    });
    const above = { Dockerfile: "FROM example.org/trigger:1\nADD other /other\nCMD run it\n", other: "o" };
    const image = must(await assemble(await folderWith({ ...above, given: "g" })));
    const { manifest, config } = await read(image.root.digest);
    expect(config.config).toMatchObject({ Cmd: ["/bin/ash", "-c", "run it"], Labels: { by: "base" } });
    expect(config.config?.OnBuild).toBeUndefined();
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual(["-rw-r--r-- 0/0 given"]);
    expect(await members(manifest.layers[1]?.digest ?? "")).toEqual(["-rw-r--r-- 0/0 other"]);
    const without = await assemble(await folderWith(above));
    expect(!without.ok && without.error).toMatchObject({
      message: "given is not in the build context",
      place: { file: "ONBUILD of example.org/trigger:1", line: 2, column: 6 },
    });
  });

  it("gives the folders of WORKDIR to the image's user, by name or number", async () => {
    const context = await folderWith({
      Dockerfile:
        "FROM scratch\nCOPY passwd /etc/passwd\nUSER app\nWORKDIR /one\nUSER 5:6\nWORKDIR /two\nUSER nobody-knows\nWORKDIR /three\n",
      passwd: "app:x:7:8::/:/x\n",
    });
    const { manifest } = await read(must(await assemble(context)).root.digest);
    const made: (readonly string[])[] = [];
    for (const layer of manifest.layers.slice(1)) made.push(await members(layer.digest));
    expect(made).toEqual([["drwxr-xr-x 7/8 one/"], ["drwxr-xr-x 5/6 two/"], ["drwxr-xr-x 0/0 three/"]]);
  });

  it("makes the same bytes whatever the times, modes, umask and order of creation", async () => {
    const files = {
      Dockerfile: 'FROM scratch\nCOPY a /a/\nENTRYPOINT ["/a/y"]\n',
      "a/x": "1",
      "a/y": "2",
      "a/z/w": "3",
    };
    const one = await folderWith(files);
    const two = await folderWith(Object.fromEntries(Object.entries(files).reverse()));
    await utimes(join(two, "a/x"), 1, 1);
    await chmod(join(two, "a/x"), 0o600);
    await chmod(join(two, "a/z"), 0o700);
    for (const folder of [one, two]) await chmod(join(folder, "a/y"), 0o711);
    expect(must(await assemble(one)).root.digest).toBe(must(await assemble(two)).root.digest);
  });

  it("adds to a base, keeps what it does not know, and lets ENTRYPOINT clear its CMD", async () => {
    const below = await folderWith({
      Dockerfile: 'FROM scratch\nENV P=1\nWORKDIR /srv\nCOPY a .\nCMD ["a"]\n',
      a: "a",
    });
    bases.set("example.org/base:1", must(await assemble(below)).root);
    const above = await folderWith({
      Dockerfile:
        'ARG B=base\nFROM example.org/${B}:1 AS first\nFROM first\nARG B\nLABEL b=$B\nCOPY b.txt rel/\nENTRYPOINT ["/srv/a"]\n',
      "b.txt": "b",
    });
    const image = must(await assemble(above));
    const { manifest, config } = await read(image.root.digest);
    expect(config.config).toMatchObject({ Env: [searchPath, "P=1"], WorkingDir: "/srv", Labels: { b: "base" } });
    expect(config.config?.Cmd).toBeUndefined();
    expect(manifest.layers).toHaveLength(3);
    expect(config.rootfs.diff_ids).toHaveLength(3);
    expect(config.history?.filter((entry) => entry.empty_layer !== true)).toHaveLength(3);
    expect(await members(manifest.layers[2]?.digest ?? "")).toEqual([
      "drwxr-xr-x 0/0 srv/",
      "drwxr-xr-x 0/0 srv/rel/",
      "-rw-r--r-- 0/0 srv/rel/b.txt",
    ]);
    expect(image.bases).toEqual([{ reference: "example.org/base:1", digest: bases.get("example.org/base:1")?.digest }]);
  });

  it("makes an index with one manifest a platform, and warns of a binary for another machine", async () => {
    const elf = Buffer.alloc(64);
    elf.writeUInt32BE(0x7f454c46, 0);
    elf[5] = 1;
    elf.writeUInt16LE(62, 18);
    const context = await folderWith({
      Dockerfile: 'FROM scratch\nCOPY --chmod=755 p /p\nENTRYPOINT ["/p"]\n',
      p: elf,
    });
    const image = must(await assemble(context, {}, [amd64, { os: "linux", architecture: "arm64" }]));
    expect(image.root.mediaType).toContain("image.index");
    expect(image.warnings.map((warning) => warning.message)).toEqual([
      "the entrypoint /p is for amd64, the image for arm64",
    ]);
  });

  it("handles long names, globs, several sources, .dockerignore and links that stay links", async () => {
    const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(120)}`;
    const context = await folderWith({
      Dockerfile: 'FROM scratch\nCOPY dir/*.txt other /all/\nCOPY tree /tree\nCMD ["/x"]\n',
      ".dockerignore": "**/secret*\n!tree/secret-not\n",
      "dir/a.txt": "a",
      "dir/b.txt": "b",
      other: "o",
      [`tree/${long}`]: "deep",
      "tree/secret": "s",
      "tree/secret-not": "n",
    });
    await symlink("secret-not", join(context, "tree/link"));
    const { manifest } = await read(must(await assemble(context)).root.digest);
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual([
      "drwxr-xr-x 0/0 all/",
      "-rw-r--r-- 0/0 all/a.txt",
      "-rw-r--r-- 0/0 all/b.txt",
      "-rw-r--r-- 0/0 all/other",
    ]);
    const tree = await members(manifest.layers[1]?.digest ?? "");
    expect(tree).toContain(`-rw-r--r-- 0/0 tree/${long}`);
    expect(tree).toContain("lrwxrwxrwx 0/0 tree/link -> secret-not");
    expect(tree.join("\n")).not.toMatch(/tree\/secret$/m);
  });

  it.each([
    ["RUN", "FROM scratch\n\nRUN make\n", 3, /RUN is not carried out/],
    ["a missing file", "FROM scratch\n# c\nCOPY bin/nothing /x\n", 3, /bin\/nothing is not in the build context/],
    ["a way out", "FROM scratch\nCOPY ../etc/passwd /x\n", 2, /leads out/],
    ["a link that leads out", "FROM scratch\nCOPY leak /x\n", 2, /leads out/],
    ["several sources into a file", "FROM scratch\nCOPY a b /x\n", 2, /must end with/],
    ["an unknown word", "FROM scratch\nCOPPY a b\n", 2, /no Dockerfile instruction/],
    ["an empty base", "ARG X\nFROM $X\n", 2, /is empty/],
    ["COPY --from an image that is not there", "FROM scratch\nCOPY --from=x a b\n", 2, /^no x$/],
    ["an owner by name", "FROM scratch\nCOPY --chown=nobody a /b\n", 2, /owner nobody/],
    ["ADD of an address", "FROM scratch\nADD https://example.org/x /x\n", 2, /downloads nothing/],
    ["ADD of an archive", "FROM scratch\nADD a.tgz /x\n", 2, /would unpack a.tgz/],
    ["a health check of nothing", "FROM scratch\nHEALTHCHECK --interval=5s NONE\n", 2, /NONE alone/],
    ["a health check at no time", "FROM scratch\nHEALTHCHECK --interval=x CMD a\n", 2, /no duration/],
    ["a shell in the shell form", "FROM scratch\nSHELL ash\n", 2, /JSON form/],
    ["nothing", "# only a comment\n", 1, /no FROM/],
  ])("refuses with the line: %s", async (_name, dockerfile, line, message) => {
    const context = await folderWith({ Dockerfile: dockerfile, a: "a", b: "b", "a.tgz": gzipSync("a") });
    await symlink("/etc/passwd", join(context, "leak"));
    const result = await assemble(context);
    expect(!result.ok && result.error.message).toMatch(message);
    expect(!result.ok && result.error.place).toMatchObject({ file: "Dockerfile", line });
  });

  it("refuses special files instead of waiting for them", async () => {
    const context = await folderWith({ Dockerfile: "FROM scratch\nCOPY pipe /x\n" });
    execFileSync("mkfifo", [join(context, "pipe")]);
    const result = await assemble(context);
    expect(!result.ok && result.error.message).toContain("neither a regular file");
  });

  it("names the column of the word at fault, near names, and what to do", async () => {
    const context = await folderWith({
      Dockerfile: "FROM scratch\nCOPY a \\\n  bin/nothing /x/\n",
      a: "a",
      "bin/prog": "",
    });
    const result = await assemble(context);
    expect(!result.ok && result.error).toMatchObject({
      place: { file: "Dockerfile", line: 3, column: 3 },
      hint: "bin has prog",
    });
  });

  it("copies from stages and images, through whiteouts, hard links and links, and runs no stage it does not need", async () => {
    const layers = await tarLayers([
      ["mkdir -p etc usr/bin srv/old tmp", "chmod 1777 tmp", "echo 'app:x:7:8' > etc/passwd"],
      [
        "mkdir -p usr/bin srv/old",
        "ln -s usr/bin bin",
        "echo tool > usr/bin/tool",
        "ln usr/bin/tool usr/bin/same",
        "echo gone > srv/old/gone",
      ],
      ["mkdir srv", "touch srv/.wh.old", "mkdir -p usr/bin", "echo later > usr/bin/later"],
    ]);
    bases.set("example.org/tools:1", await imageOf(layers));
    const context = await folderWith({
      Dockerfile: [
        "FROM golang AS unused",
        "RUN make",
        "FROM example.org/tools:1 AS build",
        "COPY --chown=app local /tmp/local",
        "FROM scratch",
        "COPY --from=example.org/tools:1 /bin/same /bin/later /out/",
        "COPY --from=build --chmod=0700 /tmp/local /local",
      ].join("\n"),
      local: "local",
    });
    const image = must(await assemble(context));
    const { manifest } = await read(image.root.digest);
    expect(image.bases.map((base) => base.reference)).toEqual(["example.org/tools:1"]);
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual([
      "drwxr-xr-x 0/0 out/",
      "-rw-r--r-- 0/0 out/later",
      "-rw-r--r-- 0/0 out/same",
    ]);
    expect(await members(manifest.layers[1]?.digest ?? "")).toEqual(["-rwx------ 7/8 local"]);
    const gone = await folderWith({ Dockerfile: "FROM scratch\nCOPY --from=example.org/tools:1 /srv/old/gone /x\n" });
    const missing = await assemble(gone);
    expect(!missing.ok && missing.error.message).toBe("/srv/old/gone is not in example.org/tools:1");
  });

  it("keeps the base's folders and links as they are, and looks owners up in its passwd", async () => {
    const context = await folderWith({
      Dockerfile:
        'FROM example.org/tools:1\nCOPY --chown=app:0 a /bin/a\nCOPY a /tmp/a\nENTRYPOINT ["tool"]\nUSER app\n',
      a: "a",
    });
    const image = must(await assemble(context));
    const { manifest } = await read(image.root.digest);
    const [first, second] = manifest.layers.slice(-2);
    expect(await members(first?.digest ?? "")).toEqual([
      "drwxr-xr-x 0/0 usr/",
      "drwxr-xr-x 0/0 usr/bin/",
      "-rw-r--r-- 7/0 usr/bin/a",
    ]);
    expect(await members(second?.digest ?? "")).toEqual(["drwxrwxrwt 0/0 tmp/", "-rw-r--r-- 0/0 tmp/a"]);
    expect(image.warnings.map((warning) => warning.message)).toEqual(["the entrypoint tool is not an executable file"]);
  });

  it("warns of build arguments that nothing declares and of an entrypoint that WORKDIR moved", async () => {
    const context = await folderWith({
      Dockerfile: 'FROM scratch\nWORKDIR /home/nonroot\nARG p=x\nCOPY --chmod=755 $p prog\nENTRYPOINT ["/prog"]\n',
      "with space": "#!",
      x: "",
    });
    const { warnings } = must(await assemble(context, { p: "x", other: "1", HTTP_PROXY: "" }));
    expect(warnings.map((warning) => [warning.message, warning.hint])).toEqual([
      ["the build argument other is declared nowhere in Dockerfile", "add ARG other where it is used"],
      [
        "the entrypoint /prog is not in the image",
        "/home/nonroot/prog is: a relative destination of COPY counts from WORKDIR",
      ],
    ]);
  });

  it("treats the value of a variable as one word, whatever is in it", async () => {
    const context = await folderWith({
      Dockerfile: 'FROM scratch\nARG p\nARG q\nCOPY $p /x\nLABEL a=$q b="$q"\nCMD ["/x"]\n',
      "with space": "",
    });
    const image = must(await assemble(context, { p: "with space", q: 'one" c="two' }));
    const { config } = await read(image.root.digest);
    expect(config.config?.Labels).toMatchObject({ a: 'one" c="two', b: 'one" c="two' });
  });

  it("gives Windows images the layers and the version that Windows needs", async () => {
    const context = await folderWith({
      Dockerfile: 'FROM scratch\nCOPY prog.exe /prog.exe\nENTRYPOINT ["/prog.exe"]\nUSER ContainerAdministrator\n',
      "prog.exe": "MZ",
    });
    const windows = { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1" };
    const image = must(await assemble(context, {}, [windows, amd64]));
    expect(image.platforms[0]?.platform).toEqual(windows);
    const { manifest, config } = await read(image.platforms[0]?.manifest.digest ?? "");
    expect(config).toMatchObject({ os: "windows", "os.version": "10.0.17763.1" });
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual([
      "drwxr-xr-x 0/0 Files/",
      "-rw-r--r-- 0/0 Files/prog.exe",
      "drwxr-xr-x 0/0 Hives/",
    ]);
  });

  it("never drops a platform: several make an index, asked for or not", async () => {
    const context = await folderWith({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "" });
    const platforms = [amd64, { os: "linux", architecture: "arm64" }].map((platform) => ({
      platform,
      dockerfile: "Dockerfile",
      args: {},
    }));
    const assembler = createAssembler({ blobs, bases: source, compression: chooseCompression() });
    const image = must(await assembler.assemble({ context, platforms, labels: {}, epoch: 0, index: false }));
    expect(image.root.mediaType).toBe("application/vnd.oci.image.index.v1+json");
  });

  it("follows a Docker base in its media types, and says when that base is for another machine", async () => {
    const layers = await tarLayers([["echo a > a"]]);
    bases.set("example.org/docker:1", await imageOf(layers, "docker"));
    const context = await folderWith({ Dockerfile: 'FROM example.org/docker:1\nCOPY b /b\nCMD ["/b"]\n', b: "" });
    await chmod(join(context, "b"), 0o755);
    const image = must(await assemble(context, {}, [amd64, { os: "linux", architecture: "arm64" }]));
    expect(image.root.mediaType).toBe(mediaTypes.dockerIndex);
    const { manifest, config } = await read(image.platforms[0]?.manifest.digest ?? "");
    expect([manifest.mediaType, manifest.config.mediaType]).toEqual([
      mediaTypes.dockerManifest,
      mediaTypes.dockerConfig,
    ]);
    expect(manifest.layers.map((layer) => layer.mediaType)).toEqual(Array(2).fill(mediaTypes.dockerLayerGzip));
    expect(manifest.annotations).toBeUndefined();
    expect(config.history?.filter((entry) => entry.empty_layer !== true)).toHaveLength(2);
    expect(image.warnings).toMatchObject([
      { message: "example.org/docker:1 is for linux/amd64, the image for linux/arm64", place: { line: 1, column: 6 } },
    ]);
  });

  it("does not let a link bring in what .dockerignore leaves out, and refuses names that are not UTF-8", async () => {
    const context = await folderWith({
      Dockerfile: "FROM scratch\nCOPY way /x\n",
      ".dockerignore": "key\n",
      key: "secret",
    });
    await symlink("/key", join(context, "way"));
    const ignored = await assemble(context);
    expect(!ignored.ok && ignored.error.message).toBe("way is left out by .dockerignore");
    const odd = await folderWith({ Dockerfile: "FROM scratch\nCOPY d /d\n", "d/a": "" });
    await writeFile(Buffer.concat([Buffer.from(join(odd, "d")), Buffer.from([0x2f, 0xff, 0xfe])]), "");
    const refused = await assemble(odd);
    expect(!refused.ok && refused.error).toMatchObject({
      message: expect.stringContaining("is not UTF-8"),
      place: { line: 2 },
    });
  });

  it("writes nothing when an instruction fails, and no layer of a stage that is only copied from", async () => {
    const own = await openFsBlobStore({ root: join(root, `own-${++count}`), ids: systemIds });
    const written: number[] = [];
    const counted: BlobStore = {
      ...own,
      write: (bytes, expected) => {
        written.push(1);
        return own.write(bytes, expected);
      },
    };
    const assembler = createAssembler({ blobs: counted, bases: source, compression: chooseCompression() });
    const build = async (dockerfile: string) =>
      await assembler.assemble({
        context: await folderWith({ Dockerfile: dockerfile, a: "a" }),
        platforms: [{ platform: amd64, dockerfile: "Dockerfile", args: {} }],
        labels: {},
        epoch: 0,
        index: false,
      });
    expect((await build("FROM scratch\nCOPY a /a\nCOPY b /b\n")).ok).toBe(false);
    expect(written).toHaveLength(0);
    expect((await build("FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY --from=one a /b\n")).ok).toBe(true);
    expect(written).toHaveLength(3);
  });

  for (const tool of ["skopeo", "buildah"]) {
    const there = spawnSync(tool, ["--version"]).status === 0 && (tool === "skopeo" || process.getuid?.() === 0);
    it.skipIf(!there)(
      `is read by ${tool} as an OCI layout (skipped where ${tool} is not installed, or needs root and has none)`,
      async () => {
        const context = await folderWith({
          Dockerfile: 'FROM scratch\nWORKDIR /w\nCOPY a b/\nENV A=1\nENTRYPOINT ["/w/b/a"]\n',
          a: "content",
        });
        const image = must(await assemble(context));
        // buildah makes an image name of the path, and those are lower case.
        const layout = join(tmpdir(), `layout-${systemIds.hex(8)}`);
        cleanup.push(layout);
        must(await writeLayout(blobs, image.root, layout, "v1"));
        if (tool === "skopeo") {
          const seen = JSON.parse(execFileSync(tool, ["inspect", `oci:${layout}:v1`], { encoding: "utf8" }));
          expect(seen).toMatchObject({ Architecture: "amd64", Env: [searchPath, "A=1"], Digest: image.root.digest });
          expect(seen.Layers).toHaveLength(2);
          return;
        }
        const storage = ["--storage-driver", "vfs", "--root", join(root, "b-root"), "--runroot", join(root, "b-run")];
        const run = (args: readonly string[]) =>
          execFileSync(tool, [...storage, ...args], { encoding: "utf8", stdio: "pipe" }).trim();
        const container = run(["from", `oci:${layout}:v1`]);
        const folder = run(["mount", container]);
        expect(await readFile(join(folder, "w/b/a"), "utf8")).toBe("content");
        run(["rm", container]);
      },
    );
  }
});

/** Layers that tar itself packed: one for each list of commands, each begun in an empty folder. */
async function tarLayers(steps: readonly (readonly string[])[]): Promise<readonly { gz: Buffer; diffId: string }[]> {
  const layers: { gz: Buffer; diffId: string }[] = [];
  for (const commands of steps) {
    const folder = await folderWith({ ".keep": "" });
    await rm(join(folder, ".keep"));
    execFileSync("sh", ["-ec", commands.join("\n")], { cwd: folder });
    const packed = execFileSync("tar", ["-cf", "-", "--owner=0", "--group=0", "--numeric-owner", "."], { cwd: folder });
    layers.push({ gz: gzipSync(packed), diffId: `sha256:${sha256Hex(packed)}` });
  }
  return layers;
}

async function imageOf(layers: readonly { gz: Buffer; diffId: string }[], family: "oci" | "docker" = "oci") {
  const oci = family === "oci";
  const mediaType = oci ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const descriptors = [];
  for (const { gz } of layers) {
    const stored = must(await blobs.write(gz));
    descriptors.push({ mediaType: oci ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayerGzip, ...stored });
  }
  const rootfs = { type: "layers", diff_ids: layers.map((layer) => layer.diffId) };
  const stored = must(await blobs.write(Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", rootfs }))));
  const config = { mediaType: oci ? mediaTypes.ociConfig : mediaTypes.dockerConfig, ...stored };
  const manifest = { schemaVersion: 2, mediaType, config, layers: descriptors };
  return { mediaType, ...must(await blobs.write(Buffer.from(JSON.stringify(manifest)))) };
}
