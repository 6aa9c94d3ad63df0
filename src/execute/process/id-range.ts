import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { err, fault, ok, type Result } from "../../core/index.ts";
import { findOnPath } from "../host/index.ts";

const run = promisify(execFile);

/** Two user namespaces, open: the cage is set up in the outer one, and its payload is root of the inner one alone. */
export interface IdRange {
  readonly outer: number;
  readonly inner: number;
  /** Ids that the payload has. */
  readonly count: number;
  close(): void;
}

const wanted = 65_536;
/** Ids that no distribution gives to users, services or containers; a server run as root may map any. */
const unused = 2_000_000_000;
export const idRangeMend =
  "apt-get install uidmap util-linux, and a line of 65536 ids for this user in /etc/subuid and /etc/subgid";

/** Says that it is there, and stays until its input ends. */
const wait = "echo; read -r _ || :";

/**
 * User ids for a builder of images, which unpacks files of many owners. A server run as root maps none of its own: what
 * the builder does as root it does as an id that nobody else has. An ordinary user's server maps itself as root, as
 * rootless engines do, and the ids that /etc/subuid gives it. Fault `missing-need` where neither can be had.
 *
 * Two namespaces, since mounts can be undone by whoever made them: those of the cage are made in the outer one, and in
 * the inner one, where the payload has its capabilities, they are locked.
 */
export async function openIdRange(): Promise<Result<IdRange>> {
  const [unshare, nsenter] = [await findOnPath("unshare"), await findOnPath("nsenter")];
  if (!unshare || !nsenter) return missing("unshare and nsenter (util-linux) are not installed");
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? uid;
  const held: ChildProcess[] = [];
  const open: number[] = [];
  try {
    const outer = await hold(unshare, ["--user", "/bin/sh", "-c", wait], held);
    let count = wanted;
    if (uid === 0) {
      const map = `0 0 1\n1 ${unused} ${wanted}\n`;
      await writeFile(`/proc/${outer}/uid_map`, map);
      await writeFile(`/proc/${outer}/gid_map`, map);
    } else {
      const users = await subordinate("/etc/subuid", uid);
      const groups = await subordinate("/etc/subgid", uid);
      const [mapUsers, mapGroups] = [await findOnPath("newuidmap"), await findOnPath("newgidmap")];
      if (!users || !groups || !mapUsers || !mapGroups)
        return missing(
          users && groups ? "newuidmap and newgidmap are not installed" : "this user has no ids in /etc/subuid",
        );
      count = Math.min(users.count, groups.count) + 1;
      const of = (own: number, first: number) => ["0", own, "1", "1", first, String(count - 1)].map(String);
      await run(mapUsers, [String(outer), ...of(uid, users.first)], { timeout: 10_000 });
      await run(mapGroups, [String(outer), ...of(gid, groups.first)], { timeout: 10_000 });
    }
    const into = [`--user=/proc/${outer}/ns/user`, "--setuid=0", "--setgid=0", "--"];
    const inner = await hold(nsenter, [...into, unshare, "--user", "/bin/sh", "-c", wait], held);
    // Only a process of the outer namespace may write the map of the inner one.
    const map = uid === 0 ? `0 1 ${count}` : `0 0 ${count}`;
    const write = 'echo "$2" > /proc/"$1"/uid_map && echo "$2" > /proc/"$1"/gid_map';
    await run(nsenter, [...into, "/bin/sh", "-c", write, "sh", String(inner), map], { timeout: 10_000 });
    for (const pid of [outer, inner]) open.push(openSync(`/proc/${pid}/ns/user`, "r"));
    const [first = -1, second = -1] = open;
    const kept = [...open];
    open.length = 0;
    return ok({
      outer: first,
      inner: second,
      count,
      close: () => {
        for (const descriptor of kept) closeSync(descriptor);
      },
    });
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    return missing(`this machine gives no user namespace with many ids: ${why.slice(0, 300)}`);
  } finally {
    for (const descriptor of open) closeSync(descriptor);
    for (const child of held) child.kill("SIGKILL");
  }
}

function missing(why: string) {
  return err(fault("missing-need", why, { hint: idRangeMend }));
}

/** Starts a process that keeps its namespace alive; answers its pid once it is there. */
async function hold(program: string, args: readonly string[], held: ChildProcess[]): Promise<number> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { PATH: "/usr/bin:/bin" } });
  held.push(child);
  let said = "";
  child.stderr.on("data", (chunk: Uint8Array) => {
    if (said.length < 1000) said += Buffer.from(chunk).toString();
  });
  await new Promise<void>((done, failed) => {
    child.stdout.once("data", () => done());
    child.once("error", failed);
    child.once("close", () => failed(new Error(said.trim() || `${program} ended`)));
  });
  if (child.pid === undefined) throw new Error(`${program} did not start`);
  return child.pid;
}

/** subuid(5): `name-or-id:first:count`, a line each. */
async function subordinate(file: string, uid: number) {
  const text = await readFile(file, "utf8").catch(() => "");
  const users = await readFile("/etc/passwd", "utf8").catch(() => "");
  const name = users
    .split("\n")
    .map((line) => line.split(":"))
    .find((fields) => fields[2] === String(uid))?.[0];
  for (const line of text.split("\n")) {
    const [who = "", first = "", count = ""] = line.split(":");
    if ((who === String(uid) || who === name) && /^\d+$/.test(first) && Number(count) >= 1000)
      return { first: Number(first), count: Math.min(Number(count), wanted) };
  }
  return undefined;
}
