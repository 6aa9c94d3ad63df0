import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ObjectId } from "./model.ts";
import { gitText, runGit } from "./run-git.ts";

/**
 * Who signed an annotated tag with one of the listed SSH keys (`ssh-keygen -Y sign`, as git does with `gpg.format=ssh`);
 * `undefined`: nobody of them. What was signed has to name the very tag, so that a signed tag under another name is nobody's.
 */
export async function tagSigner(
  gitDir: string,
  object: ObjectId,
  name: string,
  signers: Readonly<Record<string, readonly string[]>>,
): Promise<string | undefined> {
  const text = await gitText(["cat-file", "tag", object], { gitDir });
  if (!text.ok || !text.value.includes("-----BEGIN SSH SIGNATURE-----")) return undefined;
  if (/^tag (.*)$/m.exec(text.value)?.[1] !== name) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "fairlead-signers-"));
  const file = join(folder, "signers");
  try {
    const lines = Object.entries(signers).flatMap(([user, keys]) =>
      keys.map((key) => `${user} namespaces="git" ${key.split(" ").slice(0, 2).join(" ")}\n`),
    );
    await writeFile(file, lines.join(""), { mode: 0o600 });
    const settings = ["-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${file}`];
    const checked = await runGit([...settings, "verify-tag", object], { gitDir });
    if (!checked.ok || checked.value.code !== 0) return undefined;
    const user = /^Good "git" signature for (\S+) with /m.exec(checked.value.stderr)?.[1];
    return user !== undefined && Object.hasOwn(signers, user) ? user : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
