import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256Hex, systemClock, systemIds } from "../../src/core/index.ts";
import { chooseCompression, createAssembler } from "../../src/images/index.ts";
import {
  type BlobStore,
  createBaseSource,
  createRegistryClient,
  mediaTypes,
  openFsBlobStore,
  parseReference,
} from "../../src/oci/index.ts";
import { buildah, type PrivateBuildah, privateBuildah } from "../fixtures/private-buildah.ts";

/** Bare repositories, separated by `:`. Every Dockerfile that their released branches and tags ever had is tried. */
const repositories = (process.env["FAIRLEAD_DOCKERFILES"] ?? "").split(":").filter((path) => path !== "");
/** A root file system to stand in for every base: one of debootstrap, for example. Without it busybox alone. */
const rootfs = process.env["FAIRLEAD_BASE_ROOTFS"];
const epoch = 1_700_000_000_000;

interface Past {
  readonly name: string;
  readonly text: string;
}

/** Different Dockerfiles of main or master, release branches and version tags. */
function dockerfilesOf(repository: string): readonly Past[] {
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["--git-dir", repository, ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
  const refs = ["--branches=master", "--branches=main", "--branches=release-*", "--tags=v[0-9]*"];
  const log = git("log", ...refs, "--raw", "--no-abbrev", "--no-renames", "-m", "--format=", "--", "*Dockerfile*");
  const found = new Map<string, Past>();
  for (const line of log.split("\n")) {
    const [, , , , id = "", path = ""] = /^:(\d+) (\d+) (\S+) (\S+) \w+\t(.*)$/.exec(line) ?? [];
    const file = (path.split("/").at(-1) ?? "").startsWith("Dockerfile");
    if (!file || /^0+$/.test(id) || /(^|\/)vendor\//.test(path) || found.has(id)) continue;
    const name = `${
      repository
        .split("/")
        .findLast((part) => part.includes("+"))
        ?.split("+")[1] ?? repository
    }`;
    found.set(id, { name: `${name}:${path} ${id.slice(0, 8)}`, text: git("cat-file", "blob", id) });
  }
  return [...found.values()];
}

const texts = new Map(repositories.flatMap(dockerfilesOf).map((past) => [past.text, past]));
const all: readonly Past[] = [...texts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

const cases = all.length === 0 ? [["none is named", ""] as const] : all.map(({ name, text }) => [name, text] as const);

let root: string;
let blobs: BlobStore;
let mirror: Server;
let port: number;
let theirs: PrivateBuildah;
const hosts = [
  ...new Set(
    all
      .flatMap(({ text }) => [...text.matchAll(/^\s*(?:FROM|ARG \w+=)\s*(?:--platform=\S+\s+)?(\S+)/gim)])
      .map((match) => parseReference(match[1] ?? ""))
      .flatMap((reference) => (reference.ok ? [reference.value.registry] : [])),
  ),
  // Named by build arguments, and where Debian's list of short names sends buildah.
  ...["mcr.microsoft.com", "gcr.io", "quay.io", "registry.fedoraproject.org", "registry.access.redhat.com"],
];

/** A mirror that has one Linux image and one of Windows under every name. */
async function serveMirror(): Promise<void> {
  const blobsHere = new Map<string, Buffer>();
  const keep = (mediaType: string, value: unknown) => {
    const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value));
    const digest = `sha256:${sha256Hex(bytes)}`;
    blobsHere.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  function image(os: string, layers: readonly Buffer[], more: Readonly<Record<string, unknown>>) {
    const config = keep(mediaTypes.dockerConfig, {
      architecture: "amd64",
      os,
      ...more,
      config: { Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["/bin/sh"], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256Hex(layer)}`) },
      history: layers.map(() => ({ created_by: "stood in" })),
    });
    const listed = layers.map((layer) => keep(mediaTypes.dockerLayerGzip, gzipSync(layer)));
    const mediaType = mediaTypes.dockerManifest;
    return keep(mediaType, { schemaVersion: 2, mediaType, config, layers: listed });
  }
  const linux = image("linux", [rootfs === undefined ? busyboxTree() : treeOf(rootfs)], {});
  const windows = image("windows", [windowsTree()], { "os.version": "10.0.17763.1" });
  const mediaType = mediaTypes.dockerIndex;
  const manifests = [
    { ...linux, platform: { os: "linux", architecture: "amd64" } },
    { ...windows, platform: { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1" } },
  ];
  const list = keep(mediaType, { schemaVersion: 2, mediaType, manifests });
  const types = new Map([linux, windows, list].map((each) => [each.digest, each.mediaType]));
  mirror = createServer((request, response) => {
    const [, reference = ""] = /\/(?:manifests|blobs)\/([^/]+)$/.exec(request.url ?? "") ?? [];
    const digest = reference.startsWith("sha256:") ? reference : list.digest;
    const bytes = (request.url ?? "").includes("/v2/") && reference !== "" ? blobsHere.get(digest) : undefined;
    if (!bytes) return void response.writeHead(reference === "" ? 200 : 404).end("{}");
    response.writeHead(200, {
      "content-type": types.get(digest) ?? "application/octet-stream",
      "content-length": bytes.length,
      "docker-content-digest": digest,
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  });
  await new Promise<void>((done) => mirror.listen(0, "127.0.0.1", done));
  const address = mirror.address();
  port = typeof address === "object" && address ? address.port : 0;
}

const treeOf = (folder: string) =>
  execFileSync("tar", ["-C", folder, "--numeric-owner", "--sort=name", "--exclude=./dev/*", "-cf", "-", "."], {
    maxBuffer: 1 << 30,
  });

function put(folder: string, path: string, content: string | Uint8Array, mode = 0o755): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content, { mode });
}

function busyboxTree(): Buffer {
  const folder = join(root, "busybox");
  put(folder, "etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0o644);
  put(folder, "etc/group", "root:x:0:\n", 0o644);
  put(folder, "bin/sh", "a shell");
  return treeOf(folder);
}

function windowsTree(): Buffer {
  const folder = join(root, "windows");
  for (const name of ["netapi32.dll", "cmd.exe"]) put(folder, `Files/Windows/System32/${name}`, name);
  mkdirSync(join(folder, "Hives"), { recursive: true });
  return treeOf(folder);
}

beforeAll(async () => {
  root = join(tmpdir(), `dockerfile-history-${systemIds.hex(8)}`);
  mkdirSync(root);
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  if (all.length === 0 || buildah === undefined) return;
  await serveMirror();
  const names = (host: string) => (host === "registry-1.docker.io" ? "docker.io" : host);
  const conf = hosts.map(
    (host) => `[[registry]]\nprefix = "${names(host)}"\nlocation = "127.0.0.1:${port}/${host}"\ninsecure = true\n`,
  );
  writeFileSync(join(root, "registries.conf"), [`unqualified-search-registries = ["docker.io"]\n`, ...conf].join("\n"));
  theirs = privateBuildah(root, () => blobs, { CONTAINERS_REGISTRIES_CONF: join(root, "registries.conf") });
});
afterAll(() => {
  mirror?.close();
  rmSync(root, { recursive: true, force: true });
});

function assembler() {
  const mirrors = Object.fromEntries(hosts.map((host) => [host, `127.0.0.1:${port}/${host}`]));
  return createAssembler({
    blobs,
    compression: chooseCompression(),
    bases: createBaseSource({
      client: createRegistryClient({ clock: systemClock }),
      blobs,
      mirrors: () => mirrors,
      mirrorsMayResolve: () => true,
      allowedHosts: () => [],
    }),
  });
}

/** What build.make gives, where the Dockerfile asks for it and has no value of its own. */
function argumentsOf(text: string, windows: boolean): Record<string, string> {
  const given = windows
    ? {
        BASE_IMAGE: "mcr.microsoft.com/windows/nanoserver:1809",
        ADDON_IMAGE: "mcr.microsoft.com/windows/servercore:1809",
      }
    : {};
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => new RegExp(`^\\s*ARG ${name}\\s*$`, "m").test(text)),
  );
}

describe.skipIf(all.length === 0 || buildah === undefined)(
  "every Dockerfile of the past (skipped unless FAIRLEAD_DOCKERFILES names bare repositories, and buildah and root are there)",
  { timeout: 600_000 },
  () => {
    it.each(cases)("%s", async (name, text) => {
      const windows = /Windows/.test(name) || /nanoserver|servercore/.test(text);
      const context = mkdtempSync(join(root, "context-"));
      put(context, "Dockerfile", text, 0o644);
      const platform = { os: windows ? "windows" : "linux", architecture: "amd64" };
      const args = argumentsOf(text, windows);
      const labels = { "org.opencontainers.image.version": "v1" };
      const request = {
        context,
        platforms: [{ platform, dockerfile: "Dockerfile", args }],
        labels,
        epoch,
        index: false,
      };
      // Files that a build would have left are made as they are asked for.
      for (let missing = 0; missing < 40; missing++) {
        const image = await assembler().assemble(request);
        const absent = image.ok
          ? undefined
          : /^(.+) (?:is not in|matches nothing in) the build context$/.exec(image.error.message)?.[1];
        if (absent !== undefined) {
          const path = absent.replaceAll("*", "x");
          put(context, path.endsWith("/") || path === "." ? join(path, "file") : path, `content of ${path}`);
          continue;
        }
        if (!image.ok) {
          // Refused: the line that is named is one that runs something, downloads, or is no Dockerfile at all.
          const { place, message } = image.error;
          const line = text.split("\n")[(place?.line ?? 0) - 1] ?? "";
          expect([message, line]).toEqual([
            expect.stringMatching(/RUN is not carried out|downloads nothing|template/),
            expect.stringMatching(/^\s*(RUN|ADD\s+http)/i),
          ]);
          return void counted.push(`refused ${name}: ${place?.file}:${place?.line}: ${message}`);
        }
        expect(text).not.toMatch(/^\s*RUN\s/im);
        if (windows) return void counted.push(`assembled, for Windows: ${name}`);
        await theirs.importImage(image.value.root, "localhost/ours:1");
        const how = ["--isolation", "chroot", "--format", "docker", "--layers=false", "--timestamp", `${epoch / 1000}`];
        const given = Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
        await theirs.runBeside(
          "bud",
          "-q",
          ...how,
          ...given,
          "--label",
          "org.opencontainers.image.version=v1",
          "-t",
          "localhost/theirs:1",
          context,
        );
        const ours = theirs.filesOf("localhost/ours:1");
        expect(ours).toEqual(theirs.filesOf("localhost/theirs:1"));
        expect(ours.length).toBeGreaterThan(1);
        expect(theirs.configurationOf("localhost/ours:1")).toEqual(theirs.configurationOf("localhost/theirs:1"));
        theirs.run("rmi", "-f", "localhost/ours:1", "localhost/theirs:1");
        return void counted.push(`assembled, as buildah does: ${name}`);
      }
      throw new Error("it asks for more than 40 files");
    });

    const counted: string[] = [];
    afterAll(() => process.stdout.write(`${counted.sort().join("\n")}\n`));
  },
);
