import { execFile } from "node:child_process";
import { access, lstat, mkdir, readdir, readlink, realpath, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { findOnPath, isolationCapability } from "../host/index.ts";
import type { Capability } from "../model.ts";
import type { CageParts } from "./cage.ts";
import { forwarderScript } from "./forwarder.ts";
import { idRangeMend, openIdRange } from "./id-range.ts";
import { kubekinsCapability, kubekinsTools } from "./kubekins.ts";

const run = promisify(execFile);

/** Where the cage looks for programs; the same folders as its PATH. */
const cagePath = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const openEtc = [
  "/etc/alternatives",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/ca-certificates",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/protocols",
  "/etc/services",
];

/** Collects what a cage is assembled from and writes the generated files below `folder`. */
export async function readMachine(folder: string): Promise<{ readonly parts: CageParts; readonly forwarder: string }> {
  await mkdir(join(folder, "etc"), { recursive: true, mode: 0o700 });
  const links: { path: string; target: string }[] = [];
  const folders: string[] = [];
  for (const path of systemFolders) {
    const facts = await lstat(path).catch(() => undefined);
    if (facts?.isSymbolicLink()) links.push({ path, target: await readlink(path) });
    else if (facts?.isDirectory()) folders.push(path);
  }
  const etc: string[] = [];
  for (const path of openEtc) if (await exists(path)) etc.push(path);
  const files: Readonly<Record<string, string>> = {
    passwd:
      "root:x:0:0:root:/root:/bin/sh\nprow:x:1000:1000:prow:/home/prow:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    group: "root:x:0:\nprow:x:1000:\nnogroup:x:65534:\n",
    hosts: "127.0.0.1 localhost fairlead\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "# Names are resolved by the egress proxy.\n",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, "etc", name), content);
  const forwarder = join(folder, "forwarder.pl");
  await writeFile(forwarder, forwarderScript);
  const generated = Object.keys(files).map((name) => ({ host: join(folder, "etc", name), inside: `/etc/${name}` }));
  generated.push(...(await withoutEngine(join(folder, "nothing"))));
  return { parts: { links, folders, etc, proc: await machineWideProc(), generated }, forwarder };
}

/**
 * Covers docker by an empty file that is no program: no daemon is reached from the cage, and scripts that ask for docker
 * (kubernetes-csi's `make test`) would take its presence for an engine.
 */
async function withoutEngine(empty: string): Promise<readonly { readonly host: string; readonly inside: string }[]> {
  const file = await findInCage("docker");
  const real = file && (await realpath(file));
  if (real === undefined || basename(real) !== "docker") return [];
  await writeFile(empty, "", { mode: 0o644 });
  return [{ host: empty, inside: real }];
}

/**
 * A process of root without any capability still owns these files: through /proc/sys a job set the host's core_pattern,
 * which the kernel runs. bubblewrap covers some of them only.
 */
async function machineWideProc(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir("/proc")) {
    if (/^\d+$/.test(name)) continue;
    const facts = await lstat(join("/proc", name)).catch(() => undefined);
    if (facts?.isDirectory() || (facts?.isFile() && (facts.mode & 0o222) !== 0)) found.push(join("/proc", name));
  }
  return found;
}

/** As `findOnPath`, for programs that a job in the cage can see. */
export async function findInCage(name: string): Promise<string | undefined> {
  const file = await findOnPath(name, cagePath);
  if (!file) return undefined;
  const real = await realpath(file);
  return systemFolders.some((folder) => real.startsWith(`${folder}/`)) ? file : undefined;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function versionOf(file: string, args: readonly string[]): Promise<string> {
  const answer = await run(file, [...args], { timeout: 10_000, env: { PATH: cagePath, HOME: "/nonexistent" } }).catch(
    () => undefined,
  );
  return (answer?.stdout ?? "").split("\n")[0]?.trim() ?? "";
}

const programs = [
  { need: "go", args: ["version"], mend: "install Go below /usr/local/go: https://go.dev/doc/install" },
  { need: "make", args: ["--version"], mend: "apt-get install make" },
  { need: "git", args: ["--version"], mend: "apt-get install git" },
  { need: "bash", args: ["--version"], mend: "apt-get install bash" },
  { need: "curl", args: ["--version"], mend: "apt-get install curl" },
] as const;

/** Programs that build images whose Dockerfile runs something; one is enough. */
const builders = ["buildah", "podman"] as const;

/** What jobs can need, beyond a POSIX shell. */
export async function readCapabilities(
  isolation: { readonly full: boolean; readonly missing: readonly string[] },
  limits: Capability,
  cluster: string,
): Promise<readonly Capability[]> {
  const seen = await Promise.all(
    kubekinsTools.map(async (tool) => ((await findInCage(tool)) === undefined ? [] : [tool])),
  );
  const found = await Promise.all(
    programs.map(async ({ need, args, mend }): Promise<Capability> => {
      const file = await findInCage(need);
      const version = file ? await versionOf(file, args) : "";
      return {
        need,
        present: file !== undefined,
        detail: file ? `${file}${version ? `, ${version}` : ""}` : `no ${need} in the folders that a job can see`,
        mend: file ? "" : mend,
        switchesOff: `jobs that need ${need}`,
      };
    }),
  );
  const manyIds = isolation.full ? await openIdRange() : undefined;
  if (manyIds?.ok) manyIds.value.close();
  const building = await Promise.all(
    builders.map(async (need): Promise<Capability> => {
      const file = await findInCage(need);
      const lack = manyIds === undefined || manyIds.ok ? isolation.missing.join("; ") : manyIds.error.message;
      const present = file !== undefined && manyIds?.ok === true;
      const version = present ? await versionOf(file, ["--version"]) : "";
      return {
        need,
        present,
        detail: present ? `${file}, ${version}` : file === undefined ? `no ${need} in the folders of the cage` : lack,
        mend: present ? "" : file === undefined ? `apt-get install ${need} uidmap` : idRangeMend,
        switchesOff: `images whose Dockerfile has RUN, where ${builders.filter((each) => each !== need).join()} is missing too`,
      };
    }),
  );
  return [
    {
      ...isolationCapability(isolation.missing, "apt-get install bubblewrap"),
      switchesOff: "strangers' changes; jobs of others run as this user, with this machine's network",
    },
    limits,
    ...found,
    ...building,
    kubekinsCapability(new Set(seen.flat())),
    {
      need: "container-engine",
      present: false,
      detail: "jobs in the cage reach no container engine, and find no docker command",
      mend: "have the job do without one, or run it elsewhere",
      switchesOff: "jobs that start containers",
    },
    {
      need: "cluster",
      present: false,
      detail: `kubernetes.cluster is ${cluster}, and this version starts no clusters`,
      mend: "set kubernetes.cluster to none in the family file, which every page then shows",
      switchesOff: "tests on Kubernetes",
    },
  ];
}
