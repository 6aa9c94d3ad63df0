import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../fixtures/programs.ts";

/** What a cluster could leave on the machine, as far as it can be told from what others do there at the same time. */
export interface Traces {
  /** Processes in the cluster's control groups, or that name it. */
  readonly processes: readonly string[];
  readonly cgroups: readonly string[];
  /** Mounts of this machine that name the cluster or its folder. */
  readonly mounts: readonly string[];
  readonly sockets: readonly string[];
  readonly records: readonly string[];
  /** Loop devices, interfaces, pinned network namespaces and firewall chains of the kinds that a cluster makes. */
  readonly network: readonly string[];
  /** Settings of the kernel that a kubelet or a proxy would change. */
  readonly settings: Readonly<Record<string, string>>;
}

const settings = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "net/ipv4/ip_forward",
  "net/netfilter/nf_conntrack_max",
];

export async function tracesOf(name: string, folder: string): Promise<Traces> {
  const own = (line: string) => line.includes(folder) || line.includes(`fairlead-cluster-${name}`);
  const processes: string[] = [];
  for (const pid of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    const [cgroup, command] = await Promise.all([text(`/proc/${pid}/cgroup`), text(`/proc/${pid}/cmdline`)]);
    // One that has ended, and waits for its parent to take notice, has no command line left.
    if (command === "") continue;
    const argv = command.split("\0");
    const isStarter = argv[0]?.endsWith("starter") === true && argv.includes(name);
    if (isStarter || cgroup.includes(`fairlead-cluster-${name}`)) processes.push(`${pid} ${argv.join(" ")}`);
  }
  const groups = await run("find", ["/sys/fs/cgroup", "-type", "d", "-name", `fairlead-cluster-${name}`]);
  const links = await run("ip", ["-o", "link"]);
  const rules = await run("iptables-save", []);
  const pinned = await readdir("/run/netns").catch(() => []);
  return {
    processes,
    cgroups: groups.stdout.split("\n").filter((line) => line !== ""),
    mounts: (await text("/proc/self/mountinfo")).split("\n").filter(own),
    sockets: (await text("/proc/net/unix")).split("\n").filter((line) => own(line) || line.includes(`/${name}.sock`)),
    records: (await readdir("/run/fairlead-clusters").catch(() => [])).filter((entry) => entry.startsWith(`${name}.`)),
    network: [
      ...links.stdout.split("\n").filter((line) => /: (cni0|node0|peer0)[@:]/.test(line)),
      ...rules.stdout.split("\n").filter((line) => /^:(KUBE-|CNI-)/.test(line)),
      ...pinned.filter((entry) => entry.startsWith("cni-")),
    ],
    settings: Object.fromEntries(
      await Promise.all(settings.map(async (each) => [each, (await text(join("/proc/sys", each))).trim()] as const)),
    ),
  };
}

async function text(file: string): Promise<string> {
  return await readFile(file, "utf8").catch(() => "");
}
