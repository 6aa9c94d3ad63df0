import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fault, must, systemClock, systemIds } from "../src/core/index.ts";
import { chooseCompression, createAssembler } from "../src/images/index.ts";
import { createRegistryClient, createRemoteRegistry, openFsBlobStore, type RegistryClient } from "../src/oci/index.ts";
import { dockerRegistry, serveDockerRegistry } from "../test/fixtures/docker-registry.ts";
import { programPath, run } from "../test/fixtures/programs.ts";

const buildah = process.getuid?.() === 0 ? programPath("buildah") : undefined;
const architectures = ["amd64", "arm64", "ppc64le", "s390x", "arm", "386"];
const binaryBytes = 40_000_000;
const epoch = 1_700_000_000_000;
const dockerfile = [
  "FROM scratch",
  "LABEL maintainers=us",
  'LABEL description="A driver"',
  "ARG binary",
  "COPY ${binary} /driver",
  'ENTRYPOINT ["/driver"]',
  "",
].join("\n");

/** A context of six binaries, made of real programs, each of other bytes: an image of one driver, as kubernetes-csi has. */
async function writeContext(folder: string): Promise<void> {
  const programs: Buffer[] = [];
  let size = 0;
  for (const name of (await readdir("/usr/bin")).sort()) {
    if (size > binaryBytes * 2) break;
    const bytes = await readFile(join("/usr/bin", name)).catch(() => Buffer.alloc(0));
    programs.push(bytes);
    size += bytes.length;
  }
  const all = Buffer.concat(programs);
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  for (const [index, name] of architectures.entries()) {
    const from = (index * 1_000_003) % Math.max(all.length - binaryBytes, 1);
    writeFileSync(join(folder, "bin", `driver-${name}`), all.subarray(from, from + binaryBytes), { mode: 0o755 });
  }
}

/** Seconds to assemble and push, and blobs that were sent; again with an empty store of our own. */
async function ours(root: string, context: string, host: string): Promise<{ seconds: number; uploaded: number }> {
  const store = mkdtempSync(join(root, "blobs-"));
  const blobs = await openFsBlobStore({ root: store, ids: systemIds });
  const begun = performance.now();
  const assembler = createAssembler({
    blobs,
    compression: chooseCompression(),
    bases: {
      resolve: async (reference) => ({ ok: false, error: fault("not-found", reference) }),
      fetch: async (reference) => ({ ok: false, error: fault("not-found", reference) }),
    },
  });
  const image = must(
    await assembler.assemble({
      context,
      platforms: architectures.map((architecture) => ({
        platform: { os: "linux", architecture },
        dockerfile: "Dockerfile",
        args: { binary: `bin/driver-${architecture}` },
      })),
      labels: { "org.opencontainers.image.version": "v1.0.0" },
      epoch,
      index: true,
    }),
  );
  let uploaded = 0;
  const plain = createRegistryClient({ clock: systemClock });
  const client: RegistryClient = {
    ...plain,
    pushBlob: async (upload) => {
      const pushed = await plain.pushBlob(upload);
      if (pushed.ok && pushed.value === "uploaded") uploaded++;
      return pushed;
    },
  };
  const registry = createRemoteRegistry({ name: `${host}/ours`, client, blobs });
  must(await registry.push("driver", { root: image.root }));
  must(await registry.tag("driver", "v1.0.0", image.root, "immutable"));
  const seconds = (performance.now() - begun) / 1000;
  rmSync(store, { recursive: true, force: true });
  return { seconds, uploaded };
}

/** The same by buildah: one list, built platform by platform, and pushed with all of them. */
async function theirs(root: string, context: string, host: string): Promise<number> {
  const store = mkdtempSync(join(root, "storage-"));
  const storage = ["--storage-driver", "vfs", "--root", join(store, "root"), "--runroot", join(store, "run")];
  const call = async (...args: readonly string[]) => {
    const ended = await run(buildah ?? "", [...storage, ...args], { timeout: 900_000 });
    if (ended.code !== 0) throw new Error(ended.stderr);
  };
  const begun = performance.now();
  for (const architecture of architectures)
    await call(
      ...["bud", "-q", "--isolation", "chroot", "--layers=false", "--timestamp", String(epoch / 1000)],
      ...["--platform", `linux/${architecture}`, "--build-arg", `binary=bin/driver-${architecture}`],
      ...["--label", "org.opencontainers.image.version=v1.0.0", "--manifest", "localhost/driver:v1.0.0", context],
    );
  await call(
    "manifest",
    "push",
    "-q",
    "--all",
    "--tls-verify=false",
    "localhost/driver:v1.0.0",
    `docker://${host}/theirs/driver:v1.0.0`,
  );
  const seconds = (performance.now() - begun) / 1000;
  execFileSync("rm", ["-rf", store]);
  return seconds;
}

/** Assembling and pushing an image of six platforms to Debian's docker-registry, by us and by buildah in turns. */
export async function measureImages(print: (text: string) => void): Promise<void> {
  print("Assembling and pushing an image of one 40 MB binary for six platforms; buildah does the same, in turns.");
  if (!buildah || !dockerRegistry) {
    print("  not measured: buildah, docker-registry and root are needed");
    return;
  }
  const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "fairlead-images-bench-"));
  const context = join(root, "context");
  try {
    await writeContext(context);
    const figures: { ours: number; theirs: number; again: number; uploaded: number; sent: number }[] = [];
    for (let round = 0; round < 3; round++) {
      const registry = await serveDockerRegistry(join(root, `registry-${round}`));
      try {
        const first = round % 2 === 0 ? await ours(root, context, registry.host) : undefined;
        const other = await theirs(root, context, registry.host);
        const mine = first ?? (await ours(root, context, registry.host));
        const again = await ours(root, context, registry.host);
        figures.push({
          ours: mine.seconds,
          theirs: other,
          again: again.seconds,
          sent: mine.uploaded,
          uploaded: again.uploaded,
        });
      } finally {
        await registry.stop();
        rmSync(join(root, `registry-${round}`), { recursive: true, force: true });
      }
    }
    const best = (key: "ours" | "theirs" | "again") => Math.min(...figures.map((each) => each[key]));
    const ratio = (best("ours") / best("theirs")).toFixed(2);
    const uploaded = Math.max(...figures.map((each) => each.uploaded));
    print(
      `  ours ${best("ours").toFixed(2)} s, buildah ${best("theirs").toFixed(2)} s, ratio ${ratio} (at most 0.40); ${figures[0]?.sent} blobs sent`,
    );
    print(`  again, nothing changed: ${best("again").toFixed(2)} s, ${uploaded} blobs sent (0)`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
