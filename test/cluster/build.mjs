// Builds what the Kubernetes of the tests consists of, once for each state of its sources, into a cache outside the
// checkout, and prints the folder. `--suite` adds the storage suite of Kubernetes, ginkgo and agnhost; `--cached` builds
// nothing and fails, saying what is not there yet.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "fairlead", "cluster");
const busybox = "/usr/bin/busybox";
const say = (line) => process.stderr.write(`cluster: ${line}\n`);

function stop(line) {
  say(line);
  process.exit(1);
}

const go = spawnSync("go", ["version"], { encoding: "utf8" });
if (go.status !== 0) stop("Go is not installed: https://go.dev/dl, version 1.26 or newer");
if (!existsSync(busybox)) stop(`${busybox} is missing: apt-get install busybox-static`);

const module = readFileSync(join(here, "go.mod"), "utf8");
const kubernetes = /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)$/m.exec(module);
if (!kubernetes) stop("go.mod names no version of k8s.io/kubernetes");
const [, version, major, minor] = kubernetes;
const linked = Object.entries({ gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" })
  .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  .join(" ");

const goBuild = (target, more = []) => [
  "go",
  "build",
  "-v",
  "-trimpath",
  "-ldflags",
  `-s -w ${linked}`,
  ...more,
  target,
];
const sum = ["go.mod", "go.sum"];
/** What is built: from which files, and how; `OUT` stands for the file to be written. */
const parts = {
  kubernetes: { sources: [...sum, "kubernetes/main.go"], argv: [...goBuild("./kubernetes", ["-o", "OUT"])] },
  starter: { sources: [...sum, ...sourcesIn("starter")], argv: goBuild("./starter", ["-o", "OUT"]) },
  "pause.tar": {
    sources: ["pause-image.ts", "../fixtures/layout-image.ts", busybox],
    argv: ["node", "BUNDLE", busybox, "OUT"],
  },
  ...(process.argv.includes("--suite") && {
    "e2e.test": {
      sources: [...sum, "storage-suite/suite_test.go"],
      argv: ["go", "test", "-c", "-v", "-trimpath", "-ldflags", `-s -w ${linked}`, "-o", "OUT", "./storage-suite"],
      list: "./storage-suite",
    },
    ginkgo: { sources: sum, argv: goBuild("github.com/onsi/ginkgo/v2/ginkgo", ["-o", "OUT"]) },
    agnhost: { sources: sum, argv: goBuild("k8s.io/kubernetes/test/images/agnhost", ["-o", "OUT"]) },
  }),
};

function sourcesIn(folder) {
  return readdirSync(join(here, folder))
    .filter((name) => name.endsWith(".go"))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function hashOf(part) {
  const hash = createHash("sha256").update(go.stdout).update(JSON.stringify(part.argv));
  for (const source of part.sources)
    hash.update(source).update(readFileSync(source.startsWith("/") ? source : join(here, source)));
  return hash.digest("hex").slice(0, 16);
}

const objects = Object.entries(parts).map(([name, part]) => ({
  name,
  part,
  file: join(cache, "parts", `${name}-${hashOf(part)}`),
}));
const all = createHash("sha256")
  .update(objects.map((each) => each.file.slice(cache.length)).join("\n"))
  .digest("hex")
  .slice(0, 16);
const folder = join(cache, all);
if (!existsSync(folder)) {
  if (process.argv.includes("--cached"))
    stop(
      "the test cluster is not built yet; this builds it, in 10 minutes the first time: node test/cluster/build.mjs",
    );
  mkdirSync(join(cache, "parts"), { recursive: true });
  // While another build runs this waits for it, and then finds everything there.
  if (process.env["FAIRLEAD_CLUSTER_LOCKED"] !== "1") {
    const env = { ...process.env, FAIRLEAD_CLUSTER_LOCKED: "1" };
    const argv = [join(cache, "lock"), process.execPath, ...process.argv.slice(1)];
    process.exit(spawnSync("flock", argv, { env, stdio: "inherit" }).status ?? 1);
  }
  for (const each of objects) if (!existsSync(each.file)) await build(each);
  const beside = mkdtempSync(join(cache, "new-"));
  chmodSync(beside, 0o755);
  for (const { name, file } of objects) linkSync(file, join(beside, name));
  symlinkSync("kubernetes", join(beside, "kubectl"));
  renameSync(beside, folder);
  forget();
}
const now = new Date();
utimesSync(folder, now, now);
for (const { file } of objects) utimesSync(file, now, now);
console.log(folder);

async function build({ name, part, file }) {
  const out = `${file}.new`;
  const started = performance.now();
  const env = {
    ...process.env,
    CGO_ENABLED: "0",
    GOFLAGS: "-mod=readonly -buildvcs=false",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
  };
  const argv = part.argv.map((word) => (word === "OUT" ? out : word === "BUNDLE" ? "" : word));
  if (part.argv.includes("BUNDLE")) argv[1] = await bundled("pause-image.ts");
  const total = argv[0] === "go" ? packagesOf(part.list ?? argv.at(-1), env) : 0;
  say(`building ${name}${total > 0 ? `: at most ${total} packages` : ""} …`);
  const child = spawn(argv[0], argv.slice(1), { cwd: here, env, stdio: ["ignore", "inherit", "pipe"] });
  let done = 0;
  const words = [];
  for await (const line of createInterface({ input: child.stderr })) {
    if (/^[\w.\-~]+(\/[\w.\-~]+)*$/.test(line)) {
      done++;
      if (done % 100 === 0)
        say(`building ${name}: ${done} packages after ${Math.round((performance.now() - started) / 1000)} s`);
    } else words.push(line);
  }
  const code = child.exitCode ?? (await new Promise((ended) => child.once("close", ended)));
  if (code !== 0) stop(`${name} could not be built:\n${words.slice(-30).join("\n")}`);
  renameSync(out, file);
  say(
    `built ${name} in ${Math.round((performance.now() - started) / 1000)} s, ${Math.round(statSync(file).size / 1e6)} MB`,
  );
}

function packagesOf(target, env) {
  const listed = spawnSync("go", ["list", "-deps", "-test", target], {
    cwd: here,
    env,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  if (listed.status !== 0) stop(`the Go module could not be read: ${listed.stderr.trim()}`);
  return listed.stdout.trim().split("\n").length;
}

/** A program in TypeScript as one file that Node runs. */
async function bundled(name) {
  const { build: esbuild } = await import("esbuild");
  const outfile = join(root, "dist/cluster", name.replace(/\.ts$/, ".mjs"));
  await esbuild({
    entryPoints: [join(here, name)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["libsql", "pg-native"],
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return outfile;
}

/** Removes what no build has asked for in two weeks: it is large, and can be built again. */
function forget() {
  const old = Date.now() - 14 * 24 * 3_600_000;
  for (const each of [...readdirSync(cache), ...readdirSync(join(cache, "parts")).map((name) => join("parts", name))]) {
    if (each === "lock" || each === "parts") continue;
    if (statSync(join(cache, each)).mtimeMs < old) rmSync(join(cache, each), { recursive: true, force: true });
  }
}
