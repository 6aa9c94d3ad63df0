import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fault, must, ok, type Result, sha256Hex, systemClock, systemIds } from "../../src/core/index.ts";
import { type AssembledImage, chooseCompression, createAssembler } from "../../src/images/index.ts";
import {
  type BlobStore,
  createBaseSource,
  createRegistryClient,
  createRemoteRegistry,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  mediaTypes,
  openFsBlobStore,
  type Platform,
  type RegistryClient,
  readImageFolder,
  writeLayout,
} from "../../src/oci/index.ts";
import { serveRegistry } from "../fixtures/served-registry.ts";

/**
 * What a builder of images must get right, one test each. What it asks of registries that fail (9) and of referrers (10)
 * stands in src/oci/client/faults.test.ts and referrers.test.ts.
 */
const epoch = 1_700_000_000_000;
const amd64: Platform = { os: "linux", architecture: "amd64" };
/** Other Node.js programs to compare with, separated by `:`. */
const nodes = (process.env["FAIRLEAD_NODES"] ?? "").split(":").filter((path) => path !== "");

let root: string;
let blobs: BlobStore;
const bases = new Map<string, Descriptor>();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "golden-images-"));
  chmodSync(root, 0o755);
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const json = async (value: unknown, mediaType: string) => ({
  mediaType,
  ...must(await blobs.write(Buffer.from(JSON.stringify(value)))),
});
const document = async <T>(digest: string): Promise<T> =>
  JSON.parse(Buffer.from(must(await blobs.readAll(digest, 1e7))).toString());

function context(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, "context-"));
  chmodSync(folder, 0o755);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o755 });
  }
  return folder;
}

async function assemble(
  folder: string,
  more: { readonly args?: Record<string, string>; readonly platforms?: readonly Platform[] } = {},
): Promise<Result<AssembledImage>> {
  const assembler = createAssembler({
    blobs,
    compression: chooseCompression(),
    bases: {
      resolve: async (name) => {
        const base = bases.get(name);
        return base ? ok(base) : { ok: false, error: fault("not-found", `no ${name}`) };
      },
      fetch: async (_name, manifest) => ok({ manifest, bytes: must(await blobs.readAll(manifest.digest, 1e7)) }),
    },
  });
  const platforms = more.platforms ?? [amd64];
  return await assembler.assemble({
    context: folder,
    platforms: platforms.map((platform) => ({ platform, dockerfile: "Dockerfile", args: more.args ?? {} })),
    labels: { "org.opencontainers.image.version": "v1" },
    epoch,
    index: platforms.length > 1,
  });
}

async function configOf(image: AssembledImage): Promise<ImageConfig> {
  return await document<ImageConfig>((await document<ImageManifest>(image.root.digest)).config.digest);
}
const warningsOf = (image: AssembledImage) => image.warnings.map((warning) => warning.message);

/** An image of layers made by shell scripts, each in a folder of its own. */
async function baseImage(
  steps: readonly string[],
  config: Readonly<Record<string, unknown>> = {},
  docker = false,
  platform: Readonly<Record<string, string>> = { os: "linux", architecture: "amd64" },
): Promise<Descriptor> {
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  for (const step of steps) {
    const folder = mkdtempSync(join(root, "layer-"));
    execFileSync("sh", ["-ec", step], { cwd: folder });
    const bytes = execFileSync("tar", ["-cf", "-", "--sort=name", ...readdirSync(folder)], { cwd: folder });
    diffIds.push(`sha256:${sha256Hex(bytes)}`);
    const mediaType = docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip;
    layers.push({ mediaType, ...must(await blobs.write(gzipSync(bytes))) });
  }
  const history = diffIds.map(() => ({ created_by: "base" }));
  const image = { ...platform, config, rootfs: { type: "layers", diff_ids: diffIds }, history };
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const stored = await json(image, docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig);
  return await json({ schemaVersion: 2, mediaType, config: stored, layers }, mediaType);
}

describe("1: the same input makes the same bytes", () => {
  const dockerfile = 'FROM scratch\nCOPY tree /tree\nCOPY bin/a /a\nLABEL x=y\nENTRYPOINT ["/a"]\n';
  const names = Array.from({ length: 40 }, (_, index) => `tree/${index % 7}/${(index * 7919) % 101}-ä`);
  let program: string;
  beforeAll(async () => {
    program = join(root, "assemble.mjs");
    const source = fileURLToPath(new URL("../../src/", import.meta.url));
    await build({
      stdin: {
        contents: `
          import { chooseCompression, createAssembler } from "./images/index.ts";
          import { must, systemIds } from "./core/index.ts";
          import { openFsBlobStore } from "./oci/index.ts";
          const [context, store] = process.argv.slice(2);
          const blobs = await openFsBlobStore({ root: store, ids: systemIds });
          const none = async () => ({ ok: false, error: { code: "not-found", message: "none" } });
          const assembler = createAssembler({ blobs, compression: chooseCompression(), bases: { resolve: none, fetch: none } });
          const platforms = ["amd64", "arm64"].map((architecture) => ({ platform: { os: "linux", architecture }, dockerfile: "Dockerfile", args: {} }));
          const image = must(await assembler.assemble({ context, platforms, labels: { v: "1" }, epoch: ${epoch}, index: true }));
          console.log(image.root.digest, ...image.platforms.flatMap((each) => each.diffIds));`,
        resolveDir: source,
        loader: "ts",
      },
      outfile: program,
      bundle: true,
      platform: "node",
      format: "esm",
      banner: {
        js: 'import { createRequire as make } from "node:module"; const require = make(import.meta.url);',
      },
    });
  });

  /** The same files, made in another order, at other times and with other modes of folders. */
  function written(order: readonly string[], mode: number, time: number): string {
    const folder = mkdtempSync(join(root, "same-"));
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, "Dockerfile"), dockerfile);
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/a"), "program", { mode: 0o755 });
    for (const name of order) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), name, { mode });
      utimesSync(join(folder, name), time, time);
    }
    symlinkSync("0", join(folder, "tree/link"));
    return folder;
  }
  function run(node: string, folder: string, user: readonly string[] = []): string {
    const store = mkdtempSync(join(root, "store-"));
    chmodSync(store, 0o777);
    const [first, ...rest] = [...user, node, program, folder, join(store, "blobs")];
    return execFileSync(first, rest, { encoding: "utf8", env: { PATH: process.env["PATH"] } }).trim();
  }
  const one = () => written(names, 0o644, 1_500_000_000);
  const other = () => written([...names].reverse(), 0o604, 1_600_000_000);

  it("from two folders, whatever the order, times and modes of files", () => {
    const digests = run(process.execPath, one());
    expect(digests).toMatch(/^sha256:[0-9a-f]{64}( sha256:[0-9a-f]{64}){4}$/);
    expect(run(process.execPath, other())).toBe(digests);
  });

  it.skipIf(process.getuid?.() !== 0)("by two users (skipped without root)", () => {
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    expect(run(process.execPath, other(), nobody)).toBe(run(process.execPath, one()));
  });

  it.skipIf(nodes.length === 0)("on other versions of Node.js (skipped unless FAIRLEAD_NODES names programs)", () => {
    const digests = run(process.execPath, one());
    for (const node of nodes) {
      const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
      expect([version, run(node, other())]).toEqual([version, digests]);
      process.stdout.write(`${process.version} and ${version}: ${digests.split(" ")[0]}\n`);
    }
  });
});

it.each(["docker", "oci"])(
  "2: of a list of %s the entry of the platform is taken, and its family of types; statements about it are not",
  async (family) => {
    const docker = family === "docker";
    const linux = await baseImage(["echo base > f"], {}, docker);
    const version = { os: "windows", architecture: "amd64", "os.version": "10.0.17763.9" };
    const windows = await baseImage(["mkdir -p Files/Windows Hives; echo w > Files/Windows/w"], {}, docker, version);
    const statement = await baseImage(["echo statement > s"], {}, docker, { os: "unknown", architecture: "unknown" });
    const mediaType = docker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
    const manifests = [
      { ...statement, platform: { os: "unknown", architecture: "unknown" } },
      { ...linux, platform: amd64 },
      { ...windows, platform: version },
    ];
    const list = await json({ schemaVersion: 2, mediaType, manifests }, mediaType);
    // Served by a registry of ours, so that the choice is the one that real bases go through.
    const registry = await serveRegistry();
    try {
      for (const descriptor of [linux, windows, statement]) {
        const manifest = await document<ImageManifest>(descriptor.digest);
        for (const { digest } of [manifest.config, ...manifest.layers, descriptor])
          must(await registry.blobs.write(must(await blobs.readAll(digest, 1e7))));
      }
      const put = async (descriptor: Descriptor, reference: string) => {
        const bytes = Buffer.from(must(await blobs.readAll(descriptor.digest, 1e7)));
        if (descriptor !== list) {
          const manifest: ImageManifest = JSON.parse(bytes.toString());
          for (const { digest } of [manifest.config, ...manifest.layers]) {
            const body = Buffer.from(must(await blobs.readAll(digest, 1e7)));
            await registry.at(`fam/base/blobs/uploads/?digest=${digest}`, { method: "POST", body });
          }
        }
        const headers = { "content-type": descriptor.mediaType };
        const answer = await registry.at(`fam/base/manifests/${reference}`, { method: "PUT", headers, body: bytes });
        expect([answer.status, await answer.text()]).toEqual([201, expect.anything()]);
      };
      for (const descriptor of [linux, windows, statement]) await put(descriptor, descriptor.digest);
      await put(list, "trial");
      const reference = `${registry.host}/fam/base:trial`;
      const assembler = createAssembler({
        blobs,
        compression: chooseCompression(),
        bases: createBaseSource({
          client: createRegistryClient({ clock: systemClock }),
          blobs,
          mirrors: () => ({}),
          mirrorsMayResolve: () => false,
          allowedHosts: () => [registry.host],
        }),
      });
      const platforms = [amd64, { os: "windows", architecture: "amd64", "os.version": "10.0.17763" }];
      const image = must(
        await assembler.assemble({
          context: context({ Dockerfile: `FROM ${reference}\nCOPY a /a\nENTRYPOINT ["/a"]\n`, a: "a" }),
          platforms: platforms.map((platform) => ({ platform, dockerfile: "Dockerfile", args: {} })),
          labels: {},
          epoch,
          index: true,
        }),
      );
      const index = await document<ImageIndex>(image.root.digest);
      expect([image.root.mediaType, index.mediaType]).toEqual([mediaType, mediaType]);
      expect(index.manifests.map((each) => [each.mediaType, each.platform?.os, each.platform?.["os.version"]])).toEqual(
        [
          [linux.mediaType, "linux", undefined],
          [linux.mediaType, "windows", "10.0.17763.9"],
        ],
      );
      const inner = await document<ImageManifest>(index.manifests[0]?.digest ?? "");
      expect(new Set(inner.layers.map((layer) => layer.mediaType)).size).toBe(1);
    } finally {
      await registry.close();
    }
  },
);

it.each([
  ["unset", undefined, []],
  ["/", "/", []],
  ["/home/nonroot", "/home/nonroot", ["the entrypoint /x is not in the image"]],
] as const)("3: a relative COPY where the base's WorkingDir is %s", async (name, workingDir, warnings) => {
  bases.set(`base.test/${name}`, await baseImage(["mkdir -p home/nonroot"], { WorkingDir: workingDir }));
  const files = { Dockerfile: `FROM base.test/${name}\nCOPY bin/x x\nENTRYPOINT ["/x"]\n`, "bin/x": "x" };
  const image = must(await assemble(context(files)));
  expect(warningsOf(image)).toEqual(warnings);
  expect(image.warnings[0]?.hint).toEqual(
    warnings.length > 0 ? expect.stringContaining("/home/nonroot/x is") : undefined,
  );
});

it("4: COPY --from reads an image through whiteouts, hard links into lower layers and opaque folders", async () => {
  bases.set(
    "base.test/layered",
    await baseImage([
      "mkdir -p d o; echo first > d/again; echo gone > d/gone; echo low > o/low; echo linked > d/target",
      "mkdir -p d o; touch d/.wh.again d/.wh.gone o/.wh..wh..opq; echo high > o/high",
      "mkdir d; echo third > d/again; echo x > d/target; ln d/target d/hard",
    ]),
  );
  const copied =
    'FROM scratch\nCOPY --from=base.test/layered /d /d\nCOPY --from=base.test/layered /o /o\nCMD ["/d/hard"]\n';
  const image = must(await assemble(context({ Dockerfile: copied })));
  const { layers } = await document<ImageManifest>(image.root.digest);
  const listed = layers.flatMap((layer) =>
    execFileSync("tar", ["-tzf", blobs.pathOf(layer.digest)], { encoding: "utf8" })
      .trim()
      .split("\n"),
  );
  expect(listed.filter((path) => !path.endsWith("/"))).toEqual(["d/again", "d/hard", "d/target", "o/high"]);
  const out = (path: string) =>
    execFileSync("tar", ["-xOzf", blobs.pathOf(layers[0]?.digest ?? ""), path], { encoding: "utf8" });
  expect([out("d/again"), out("d/hard")]).toEqual(["third\n", "x\n"]);
  const gone = "FROM scratch\nCOPY --from=base.test/layered /d/gone /g\n";
  expect(await assemble(context({ Dockerfile: gone }))).toMatchObject({
    ok: false,
    error: { message: "/d/gone is not in base.test/layered", place: { line: 2, column: 31 } },
  });
});

describe("5: ARG", () => {
  it.each([
    ["before FROM it is seen by FROM alone", "ARG V=x\nFROM scratch\nLABEL l=[$V]\n", {}, "[]"],
    ["declared again it has the value from before FROM", "ARG V=x\nFROM scratch\nARG V\nLABEL l=[$V]\n", {}, "[x]"],
    ["declared again with a default it has that", "ARG V=x\nFROM scratch\nARG V=y\nLABEL l=[$V]\n", {}, "[y]"],
    ["what is given wins", "ARG V=x\nFROM scratch\nARG V=y\nLABEL l=[$V]\n", { V: "z" }, "[z]"],
    ["never declared it is nothing", "FROM scratch\nLABEL l=[$V]\n", { V: "z" }, "[]"],
    ["an escape keeps the dollar", "FROM scratch\nARG V=y\nLABEL l=\\$V\n", {}, "$V"],
    ["a continuation is one line", "FROM scratch\nARG \\\n  V=y\nLABEL \\\n# a comment\n  l=${V:-n}${W:+w}\n", {}, "y"],
  ] as const)("%s", async (_name, dockerfile, args, wanted) => {
    const image = must(await assemble(context({ Dockerfile: dockerfile }), { args }));
    expect((await configOf(image)).config?.Labels?.["l"]).toBe(wanted);
  });

  it("that is declared nowhere is told, and a here-document is refused with its place", async () => {
    const image = must(await assemble(context({ Dockerfile: 'FROM scratch\nCMD ["/x"]\n' }), { args: { V: "z" } }));
    expect(warningsOf(image)).toContain("the build argument V is declared nowhere in Dockerfile");
    expect(await assemble(context({ Dockerfile: "FROM scratch\nCOPY <<EOF /x\nhello\nEOF\n" }))).toMatchObject({
      ok: false,
      error: { place: { file: "Dockerfile", line: 2, column: 6 }, message: expect.stringContaining("here-documents") },
    });
  });
});

it("6: history counts with the layers, ENTRYPOINT clears a CMD below, USER stays as written, labels merge in order", async () => {
  bases.set(
    "base.test/six",
    await baseImage(["echo 1 > a", "echo 2 > b"], { Cmd: ["/below"], Labels: { a: "base", b: "base" } }),
  );
  const dockerfile =
    'FROM base.test/six\nLABEL a=one c=one\nCOPY f /f\nUSER 65532:nobody\nLABEL a=two\nENTRYPOINT ["/f"]\n';
  const config = await configOf(must(await assemble(context({ Dockerfile: dockerfile, f: "f" }))));
  const made = config.history?.filter((entry) => entry.empty_layer !== true) ?? [];
  expect([made.length, config.rootfs.diff_ids.length]).toEqual([3, 3]);
  expect(config.config).toMatchObject({ Entrypoint: ["/f"], User: "65532:nobody" });
  expect(config.config?.Cmd ?? null).toBeNull();
  expect(config.config?.Labels).toEqual({ a: "two", b: "base", c: "one", "org.opencontainers.image.version": "v1" });
});

it("7: RUN is refused with its line, unless no stage needs it", async () => {
  const dockerfile = "FROM scratch AS tools\nRUN apk add --no-cache util-linux\nFROM scratch\nCOPY f /f\n";
  expect(must(await assemble(context({ Dockerfile: dockerfile, f: "f" }))).tools).toEqual([]);
  expect(await assemble(context({ Dockerfile: `${dockerfile}COPY --from=tools /x /x\n`, f: "f" }))).toMatchObject({
    ok: false,
    error: {
      message: "RUN is not carried out by the built-in assembler",
      place: { file: "Dockerfile", line: 2, column: 1 },
    },
  });
});

it("8: a registry, a reader of layouts and a second reading take it; pushed again it sends no blob", async () => {
  const files = { Dockerfile: 'FROM scratch\nCOPY a /a\nENTRYPOINT ["/a"]\n', a: "a" };
  const image = must(await assemble(context(files), { platforms: [amd64, { os: "linux", architecture: "arm64" }] }));
  const layout = join(root, "layout");
  must(await writeLayout(blobs, image.root, layout, "v1"));
  const fresh = await openFsBlobStore({ root: join(root, "fresh"), ids: systemIds });
  const [read] = must(await readImageFolder(fresh, layout, 1e8));
  expect([read?.name, read?.root.digest]).toEqual(["v1", image.root.digest]);
  for (const { digest } of (await document<ImageIndex>(image.root.digest)).manifests) {
    const bytes = Buffer.from(must(await fresh.readAll(digest, 1e7)));
    expect([`sha256:${sha256Hex(bytes)}`, JSON.stringify(JSON.parse(bytes.toString()))]).toEqual([
      digest,
      bytes.toString(),
    ]);
  }
  const registry = await serveRegistry();
  try {
    const answers: string[] = [];
    const plain = createRegistryClient({
      clock: systemClock,
      credentials: async () => ({ username: "x", password: "fl_admin" }),
    });
    const client: RegistryClient = {
      ...plain,
      pushBlob: async (upload) => {
        const pushed = await plain.pushBlob(upload);
        answers.push(pushed.ok ? pushed.value : pushed.error.message);
        return pushed;
      },
    };
    const push = async () => {
      answers.length = 0;
      const remote = createRemoteRegistry({ name: `${registry.host}/fam`, client, blobs });
      must(await remote.push("greeter", { root: image.root }));
      return [...answers].sort();
    };
    expect(await push()).toContain("uploaded");
    expect(new Set(await push())).toEqual(new Set(["present"]));
  } finally {
    await registry.close();
  }
});
