import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { mediaTypes } from "../src/oci/index.ts";
import { dockerRegistry, serveDockerRegistry } from "../test/fixtures/docker-registry.ts";
import { programPath, run } from "../test/fixtures/programs.ts";
import { greeter, serveFamily } from "../test/fixtures/served-family.ts";
import { digestOf } from "../test/fixtures/served-registry.ts";

const large: Shape = { images: 1, layers: 4, bytes: 256 * 1024 ** 2 };
const small: Shape = { images: 40, layers: 49, bytes: 3000 };
const skopeo = programPath("skopeo");

/** One registry of a round, empty, with the credentials that pushing there needs. */
interface Peer {
  readonly host: string;
  readonly pid: number;
  readonly credentials: readonly string[];
  remove(): Promise<void>;
}

interface Seconds {
  readonly push: number;
  readonly pull: number;
}

interface Shape {
  readonly images: number;
  readonly layers: number;
  readonly bytes: number;
}

/** An index of images whose layers are random bytes in stored gzip: neither side has anything to compress. */
function writeLayout(folder: string, shape: Shape): void {
  mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
  const keep = (content: Uint8Array, mediaType: string) => {
    const digest = digestOf(content);
    writeFileSync(join(folder, "blobs", ...digest.split(":")), content);
    return { mediaType, digest, size: content.length };
  };
  const json = (value: unknown, mediaType: string) => keep(Buffer.from(JSON.stringify(value)), mediaType);
  const manifests = Array.from({ length: shape.images }, () => {
    const contents = Array.from({ length: shape.layers }, () => {
      const tar = randomBytes(shape.bytes);
      return { id: digestOf(tar), layer: keep(gzipSync(tar, { level: 0 }), mediaTypes.ociLayerGzip) };
    });
    const rootfs = { type: "layers", diff_ids: contents.map(({ id }) => id) };
    const config = json({ architecture: "amd64", os: "linux", config: {}, rootfs }, mediaTypes.ociConfig);
    const layers = contents.map(({ layer }) => layer);
    return json({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers }, mediaTypes.ociManifest);
  });
  const index = json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, mediaTypes.ociIndex);
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [index] }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

/** One that skopeo may write to, whoever it runs as. */
function openFolder(parent: string): string {
  const folder = mkdtempSync(join(parent, "registry-bench-"));
  chmodSync(folder, 0o777);
  return folder;
}

async function ours(): Promise<Peer> {
  const family = await serveFamily([greeter]);
  await family.start();
  const pid = Number(/"pid":(\d+)/.exec(readFileSync(join(family.home, "server.json"), "utf8"))?.[1]);
  return {
    host: new URL(family.url()).host,
    pid,
    credentials: [`--dest-creds=x:${await family.token()}`],
    remove: () => family.remove(),
  };
}

async function theirs(folder: string): Promise<Peer> {
  const root = mkdtempSync(join(folder, "docker-registry-"));
  const server = await serveDockerRegistry(root);
  return {
    host: server.host,
    pid: server.pid,
    credentials: [],
    remove: async () => {
      await server.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/**
 * Root's skopeo writes down each blob it saw in one file of the machine, synced to disk every time: for small blobs that
 * would be measured instead of the registries. An ordinary user's file is where we say.
 */
const unprivileged = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];

/** Seconds that one `skopeo copy` took; `folder` is its own. */
async function copy(folder: string, ...args: readonly string[]): Promise<number> {
  const flags = ["copy", "-q", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
  const [program = "", ...rest] = [...unprivileged, skopeo ?? "", ...flags, ...args];
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: join(folder, "data"), XDG_RUNTIME_DIR: folder };
  const begun = performance.now();
  const ended = await run(program, rest, { timeout: 600_000, env });
  if (ended.code !== 0) throw new Error(ended.stderr);
  return (performance.now() - begun) / 1000;
}

async function pushAndPull(peer: Peer, layout: string, folder: string): Promise<Seconds> {
  const image = `docker://${peer.host}/fam/greeter:trial`;
  const push = await copy(folder, ...peer.credentials, `oci:${layout}`, image);
  const out = join(folder, "pulled");
  const pull = await copy(folder, image, `dir:${out}`);
  rmSync(out, { recursive: true, force: true });
  return { push, pull };
}

function highestResident(pid: number): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** On a machine that others use too, what disturbs only ever adds. */
const fastest = (values: readonly number[]) => Math.min(...values);

async function compare(
  print: (text: string) => void,
  { folder, rounds, what, shape }: { folder: string; rounds: number; what: string; shape: Shape },
): Promise<void> {
  const root = openFolder(folder);
  const figures = { ours: [] as Seconds[], theirs: [] as Seconds[] };
  let resident = 0;
  try {
    writeLayout(join(root, "layout"), shape);
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? (["ours", "theirs"] as const) : (["theirs", "ours"] as const)) {
        const peer = side === "ours" ? await ours() : await theirs(root);
        try {
          figures[side].push(await pushAndPull(peer, join(root, "layout"), root));
          if (side === "ours") resident = Math.max(resident, highestResident(peer.pid));
        } finally {
          await peer.remove();
        }
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  const lines = (["push", "pull"] as const).map((way) => {
    const [a, b] = [fastest(figures.ours.map((each) => each[way])), fastest(figures.theirs.map((each) => each[way]))];
    return `${way} ours ${a.toFixed(2)} s, docker-registry ${b.toFixed(2)} s, ratio ${(b / a).toFixed(2)}`;
  });
  print(`  ${what}: ${lines.join("; ")} (at least 1.0); ${(resident / 1e6).toFixed(0)} MB at most resident (200)`);
}

async function manyPulls(print: (text: string) => void, folder: string): Promise<void> {
  const root = openFolder(folder);
  const peer = await ours();
  try {
    writeLayout(join(root, "layout"), { images: 1, layers: 4, bytes: 5_000_000 });
    await copy(root, ...peer.credentials, `oci:${join(root, "layout")}`, `docker://${peer.host}/fam/greeter:trial`);
    const pulls = Array.from({ length: 64 }, (_, n) =>
      copy(root, `docker://${peer.host}/fam/greeter:trial`, `dir:${join(root, `out-${n}`)}`).then(
        () => 0,
        () => 1,
      ),
    );
    const failed = (await Promise.all(pulls)).filter((each) => each > 0).length;
    const resident = (highestResident(peer.pid) / 1e6).toFixed(0);
    print(`  64 skopeo pulls of 20 MB at once: ${failed} failed (0); ${resident} MB at most resident (200)`);
  } finally {
    await peer.remove();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Push and pull by skopeo against our registry and Debian's docker-registry, in turns, each round on empty ones. */
export async function measureRegistry(print: (text: string) => void): Promise<void> {
  print(
    "Push and pull with skopeo, of the same bytes, against docker-registry in turns; ratio: its time to ours, the fastest of each.",
  );
  if (!skopeo || !dockerRegistry) {
    print("  not measured: skopeo and docker-registry are needed");
    return;
  }
  const disk = tmpdir();
  for (const [name, folder, rounds] of [
    ["tmpfs", "/dev/shm", 4],
    ["disk", disk, 1],
  ] as const) {
    if (!existsSync(folder)) continue;
    // Where the served family puts its home.
    process.env["TMPDIR"] = folder;
    await compare(print, { folder, rounds, what: `${name}: 1 GB in four layers`, shape: large });
    await compare(print, { folder, rounds, what: `${name}: 2,000 small blobs`, shape: small });
  }
  const folder = existsSync("/dev/shm") ? "/dev/shm" : disk;
  process.env["TMPDIR"] = folder;
  await manyPulls(print, folder);
}
