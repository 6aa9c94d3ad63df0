import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { must, ok, systemIds } from "../core/index.ts";
import { type BlobStore, type ImageConfig, type ImageManifest, openFsBlobStore } from "../oci/index.ts";
import { createAssembler } from "./assemble/assembler.ts";
import { parseDockerfile } from "./dockerfile/instructions.ts";
import { substitute } from "./dockerfile/substitute.ts";
import { chooseCompression } from "./layers/compression.ts";
import type { BaseSource } from "./model.ts";

let root: string;
let blobs: BlobStore;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "images-"));
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
});
afterAll(() => rm(root, { recursive: true, force: true }));

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

const amd64 = { os: "linux", architecture: "amd64" };
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
  const listed = execFileSync("tar", ["-tvf", file, "--numeric-owner"], { encoding: "utf8" });
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
      Env: ["A=1", "B=two words"],
      User: "65532:65532",
      ExposedPorts: { "8080/tcp": {} },
      Entrypoint: ["/registrar"],
    });
    expect(await members(manifest.layers[0]?.digest ?? "")).toEqual(["-rwxr-xr-x 0/0 registrar"]);
    expect(config.history?.filter((entry) => entry.empty_layer !== true)).toHaveLength(1);
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
    expect(config.config).toMatchObject({ Env: ["P=1"], WorkingDir: "/srv", Labels: { b: "base" } });
    expect(config.config?.Cmd).toBeUndefined();
    expect(manifest.layers).toHaveLength(2);
    expect(config.rootfs.diff_ids).toHaveLength(2);
    expect(await members(manifest.layers[1]?.digest ?? "")).toEqual([
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
    ["COPY --from", "FROM scratch\nCOPY --from=x a b\n", 2, /COPY --from/],
    ["an owner by name", "FROM scratch\nCOPY --chown=nobody a /b\n", 2, /owner nobody/],
    ["nothing", "# only a comment\n", 1, /no FROM/],
  ])("refuses with the line: %s", async (_name, dockerfile, line, message) => {
    const context = await folderWith({ Dockerfile: dockerfile, a: "a", b: "b" });
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
});

describe("Dockerfile text", () => {
  it("never throws, whatever it is given", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseDockerfile("D", `FROM x\n${text}`)));
    fc.assert(fc.property(fc.string(), (text) => void substitute(text, () => "v")));
  });

  it.each([
    ["$a-${a}", "1-1"],
    ["${b:-d}${a:+set}${b:+set}", "dset"],
    ["${b:-${a}x}", "1x"],
    ["\\$a '$a' $", "$a '$a' $"],
  ])("substitutes %s", (text, expected) => {
    expect(substitute(text, (name) => (name === "a" ? "1" : undefined))).toEqual(ok(expected));
  });
});
