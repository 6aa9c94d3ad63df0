import { err, fault, ok, type Result } from "../../core/index.ts";
import { type ImageTree, locate } from "./image-tree.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const largestFile = 1024 * 1024;
const largestId = 2 ** 31;

/**
 * Docker: `--chown=user[:group]`, numbers or names of the image's own passwd and group. A user's name alone brings the
 * group that passwd gives it, a number alone names both; no user before the colon is root.
 */
export async function ownerOf(text: string, tree: ImageTree): Promise<Result<Owner>> {
  const [user = "", group] = text.split(":");
  const uid = user === "" && group !== undefined ? ok(0) : await idOf(user, tree, "etc/passwd");
  if (!uid.ok) return uid;
  if (group === undefined) return ok({ uid: uid.value, gid: (await primaryGroup(user, tree)) ?? uid.value });
  const gid = await idOf(group, tree, "etc/group");
  return gid.ok ? ok({ uid: uid.value, gid: gid.value }) : gid;
}

async function idOf(text: string, tree: ImageTree, file: string): Promise<Result<number>> {
  if (/^\d{1,10}$/.test(text) && Number(text) < largestId) return ok(Number(text));
  if (text === "root") return ok(0);
  const lines = (await readSmall(tree, file)) ?? [];
  const id = lines.map((line) => line.split(":")).find(([name]) => name === text)?.[2];
  if (id !== undefined && /^\d{1,10}$/.test(id) && Number(id) < largestId) return ok(Number(id));
  return err(
    fault("bad-input", `the owner ${text.slice(0, 60)} is neither a number nor in the image's /${file}`, {
      hint: "write it as uid:gid, for example 65532:65532",
    }),
  );
}

async function primaryGroup(user: string, tree: ImageTree): Promise<number | undefined> {
  if (/^\d/.test(user)) return undefined;
  const lines = (await readSmall(tree, "etc/passwd")) ?? [];
  const id = lines.map((line) => line.split(":")).find(([name]) => name === user)?.[3];
  return id !== undefined && /^\d{1,10}$/.test(id) && Number(id) < largestId ? Number(id) : undefined;
}

async function readSmall(tree: ImageTree, path: string): Promise<readonly string[] | undefined> {
  const node = locate(tree, path)?.node;
  if (node?.kind !== "file" || node.size > largestFile) return undefined;
  const content = await node.open();
  if (!content.ok) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.value) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks).toString("utf8").split("\n");
}
