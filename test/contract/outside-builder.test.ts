import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fault, must, ok, type Result, systemClock, systemIds } from "../../src/core/index.ts";
import type { Executor } from "../../src/execute/index.ts";
import { createProcessExecutor } from "../../src/execute/process/index.ts";
import {
  type AssembledImage,
  type BuilderName,
  chooseCompression,
  createAssembler,
  createOutsideBuilder,
} from "../../src/images/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  mediaTypes,
  openFsBlobStore,
} from "../../src/oci/index.ts";
import { programPath } from "../fixtures/programs.ts";

const busybox = programPath("busybox");
const tools = (["buildah", "podman"] as const).filter((tool) => programPath(tool) !== undefined);
const usable = busybox !== undefined && programPath("bwrap") !== undefined && process.getuid?.() === 0;
const epoch = Date.parse("2026-01-02T03:04:05Z");
const here = process.arch === "x64" ? "amd64" : process.arch;
const labels = { "org.opencontainers.image.version": "v1.0.0", "org.opencontainers.image.revision": "c0ffee" };

let root: string;
let blobs: BlobStore;
let executor: Executor;
const bases = new Map<string, Descriptor>();

/** busybox with a file of another group, as one layer; the applets are links. */
async function makeBase(docker: boolean): Promise<Descriptor> {
  const tree = join(root, `base-${docker}`);
  mkdirSync(join(tree, "bin"), { recursive: true });
  mkdirSync(join(tree, "etc"));
  copyFileSync(busybox ?? "", join(tree, "bin/busybox"));
  for (const name of [
    "sh",
    "cat",
    "echo",
    "touch",
    "chown",
    "chmod",
    "mkdir",
    "env",
    "wget",
    "sleep",
    "id",
    "ls",
    "test",
  ])
    symlinkSync("busybox", join(tree, "bin", name));
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0::/:/bin/sh\n");
  writeFileSync(join(tree, "etc/shadow"), "root:!:1::::::\n");
  const tar = (...args: readonly string[]) =>
    execFileSync("tar", ["-C", tree, "--numeric-owner", ...args], { maxBuffer: 1 << 26 });
  const bytes = tar("-cf", "-", "--owner=0", "--group=0", "--sort=name", ".");
  const layer = {
    mediaType: docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip,
    ...must(await blobs.write(gzipSync(bytes))),
  };
  const diffId = must(await blobs.write(bytes)).digest;
  const config = {
    architecture: here,
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created_by: "made" }],
  };
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const stored = must(await blobs.write(Buffer.from(JSON.stringify(config))));
  const configType = docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig;
  const manifest = { schemaVersion: 2, mediaType, config: { mediaType: configType, ...stored }, layers: [layer] };
  return { mediaType, ...must(await blobs.write(Buffer.from(JSON.stringify(manifest)))) };
}

function contextOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, "context-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

interface Built {
  readonly image: Result<AssembledImage>;
  readonly log: string;
  readonly told: readonly string[];
}

async function build(
  files: Readonly<Record<string, string>>,
  builder: BuilderName | undefined,
  more: { readonly args?: Record<string, string>; readonly architecture?: string; readonly timeoutMs?: number } = {},
): Promise<Built> {
  const assembler = createAssembler({
    blobs,
    compression: chooseCompression(),
    bases: {
      resolve: async (name) => {
        const found = bases.get(name);
        return found ? ok(found) : { ok: false, error: fault("refused", `base images are not pulled from ${name}`) };
      },
      fetch: async (_name, manifest) => ok({ manifest, bytes: must(await blobs.readAll(manifest.digest, 1e7)) }),
    },
    outside: createOutsideBuilder({ executor }),
  });
  const chunks: Uint8Array[] = [];
  const told: string[] = [];
  const folder = mkdtempSync(join(root, "run-"));
  const image = await assembler.assemble({
    context: contextOf(files),
    platforms: [
      {
        platform: { os: "linux", architecture: more.architecture ?? here },
        dockerfile: "Dockerfile",
        args: more.args ?? {},
      },
    ],
    labels,
    epoch,
    index: false,
    builder,
    place: {
      runId: "r",
      buildId: `b${systemIds.hex(4)}`,
      tier: "stranger",
      folder,
      timeoutMs: more.timeoutMs ?? 250_000,
      signal: new AbortController().signal,
      onOutput: (chunk) => chunks.push(chunk),
      tell: (line) => told.push(line),
    },
  });
  return { image, log: Buffer.concat(chunks).toString(), told };
}

async function read(image: AssembledImage) {
  const document = async <T>(digest: string): Promise<T> =>
    JSON.parse(Buffer.from(must(await blobs.readAll(digest, 1e7))).toString());
  const manifest = await document<ImageManifest>(image.root.digest);
  const config = await document<ImageConfig>(manifest.config.digest);
  const listed: string[] = [];
  for (const layer of manifest.layers)
    listed.push(execFileSync("tar", ["-tvf", blobs.pathOf(layer.digest), "--numeric-owner"], { encoding: "utf8" }));
  return { manifest, config, files: listed.join("") };
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "outside-builder-"));
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  executor = await createProcessExecutor({
    folder: join(root, "cage"),
    clock: systemClock,
    ids: systemIds,
    reachable: () => [],
    cluster: () => "none",
  });
  if (!usable) return;
  bases.set("example.test/base:1", await makeBase(false));
  const docker = await makeBase(true);
  bases.set("busybox", docker);
  bases.set(`busybox@${docker.digest}`, docker);
});
afterAll(async () => {
  await executor.close();
  rmSync(root, { recursive: true, force: true });
});

const simple = 'FROM example.test/base:1\nRUN echo made > /made\nENTRYPOINT ["/bin/busybox"]\n';

describe.skipIf(!usable || tools.length === 0)(
  "outside builders (skipped without buildah or podman, bubblewrap, busybox-static and root)",
  { timeout: 300_000 },
  () => {
    it.each(tools)("%s builds what a Dockerfile runs, with our labels, owners kept", async (tool) => {
      const dockerfile = [
        "ARG BASE=example.test/base:1",
        `FROM busybox AS tools`,
        "RUN mkdir /out && echo from-tools > /out/t",
        "FROM $BASE",
        "ARG given=none",
        "RUN touch /made && chown 5:42 /made && chmod 640 /made && echo $given > /given",
        "COPY --chown=7:8 src /src",
        "COPY --from=tools /out/t /t",
        "LABEL own=yes",
        "USER 1000",
        'ENTRYPOINT ["/bin/busybox", "sh"]',
      ].join("\n");
      const files = { Dockerfile: dockerfile, "src/f": "f", "src/left": "out", ".dockerignore": "src/left\n" };
      const { image, log, told } = await build(files, tool, { args: { given: "from outside; $(touch /x)" } });
      expect(image, log).toMatchObject({ ok: true });
      const made = must(image);
      expect([made.warnings, made.tools]).toEqual([[], [expect.stringMatching(new RegExp(`^${tool} \\d`))]]);
      expect(made.bases.map((base) => base.reference).sort()).toEqual(["busybox", "example.test/base:1"]);
      expect(told.join()).toContain("in a cage of its own");
      const { manifest, config, files: listed } = await read(made);
      expect(manifest.mediaType).toBe(mediaTypes.ociManifest);
      expect(config).toMatchObject({ os: "linux", architecture: here, created: "2026-01-02T03:04:05Z" });
      expect(config.config).toMatchObject({
        User: "1000",
        Labels: { ...labels, own: "yes" },
        Entrypoint: ["/bin/busybox", "sh"],
      });
      expect(listed).toMatch(/-rw-r----- 5\/42 +0 2026-01-02 .* made/);
      expect(listed).toMatch(/-rw-r--r-- 7\/8 .* src\/f/);
      expect(listed).toMatch(/ t\n/);
      expect(listed).not.toContain("left");
      expect(listed).not.toMatch(/ x\n/);
    });

    it("is chosen where the Dockerfile needs it, follows a base of Docker's media types and takes one by digest", async () => {
      const docker = bases.get("busybox")?.digest ?? "";
      const { image, log } = await build(
        { Dockerfile: `FROM busybox@${docker}\nRUN echo x > /x\nENTRYPOINT ["/bin/sh"]\n` },
        undefined,
      );
      expect(image, log).toMatchObject({ ok: true, value: { root: { mediaType: mediaTypes.dockerManifest } } });
    });

    it("leaves what runs nothing to the assembler", async () => {
      const { image } = await build({ Dockerfile: 'FROM busybox\nCOPY f /f\nCMD ["/bin/sh"]\n', f: "f" }, undefined);
      expect(must(image).tools).toEqual([]);
    });

    it("builds in a cage: no credentials, no way to this machine, no root of it", async () => {
      const script = [
        "env",
        "cat /proc/self/uid_map /proc/self/status",
        "for a in http://127.0.0.1:1/ http://169.254.169.254/ http://bases.fairlead.local/v2/r0/base/manifests/none; do wget -q -O- $a || echo refused $a; done",
        "echo x > /proc/sys/kernel/hostname || echo read-only",
        "ls /root /home /work 2>/dev/null || echo nothing of the machine",
      ].join("; ");
      const { image, log, told } = await build(
        { Dockerfile: `FROM busybox\nRUN ${script}\nCMD ["/bin/sh"]\n` },
        undefined,
      );
      expect(image, log).toMatchObject({ ok: true });
      expect(log).toMatch(/^ +0 +1 +65536$/m);
      expect(log).toMatch(/NoNewPrivs:\s+1/);
      for (const each of [
        "refused http://127.0.0.1:1/",
        "refused http://169.254.169.254/",
        "read-only",
        "nothing of the machine",
      ])
        expect(log).toContain(each);
      expect(log).not.toMatch(/TOKEN|SECRET|PASSWORD|AUTH/);
      expect(told.join()).toContain("169.254.169.254:80 was refused");
    });

    it("says what failed, and which line needed a builder that is not there", async () => {
      const failing = await build({ Dockerfile: "FROM busybox\nRUN echo before && exit 3\n" }, undefined);
      expect(failing.image).toMatchObject({
        ok: false,
        error: { code: "failed", message: expect.stringContaining("exited with") },
      });
      expect(failing.log).toContain("before");
      const elsewhere = await build({ Dockerfile: simple }, undefined, { architecture: "s390x" });
      expect(elsewhere.image).toMatchObject({
        ok: false,
        error: {
          code: "missing-need",
          place: { file: "Dockerfile", line: 2, column: 1 },
          message: expect.stringContaining("RUN"),
        },
      });
      const unlisted = await build({ Dockerfile: "FROM evil.example/base\nRUN true\n" }, undefined);
      expect(unlisted.image).toMatchObject({ ok: false, error: { code: "refused" } });
      const assembler = await build({ Dockerfile: simple }, "assembler");
      expect(assembler.image).toMatchObject({
        ok: false,
        error: { message: "RUN is not carried out by the built-in assembler" },
      });
    });

    it("ends a build that takes too long", async () => {
      const { image } = await build({ Dockerfile: "FROM busybox\nRUN sleep 600\n" }, undefined, { timeoutMs: 2000 });
      expect(image).toMatchObject({
        ok: false,
        error: { message: expect.stringContaining("did not finish within 2s") },
      });
    });

    it("warns of an entrypoint that is not in what was built", async () => {
      const { image } = await build({ Dockerfile: 'FROM busybox\nRUN true\nENTRYPOINT ["/none"]\n' }, undefined);
      expect(must(image).warnings.map((warning) => warning.message)).toEqual([
        "the entrypoint /none is not in the image",
      ]);
    });
  },
);
