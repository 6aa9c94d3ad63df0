import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { programPath, run } from "../../test/fixtures/programs.ts";
import { tagSigner } from "./tag-signer.ts";

const lacks = programPath("ssh-keygen") === undefined ? " (skipped: ssh-keygen is not installed)" : "";
const suite = lacks === "" ? describe : describe.skip;
let folder: string;
const keys: Record<string, string> = {};
const env = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "T",
  GIT_AUTHOR_EMAIL: "t@example.invalid",
  GIT_COMMITTER_NAME: "T",
  GIT_COMMITTER_EMAIL: "t@example.invalid",
};
const git = async (...args: string[]) =>
  (await run("git", ["-C", join(folder, "repository"), ...args], { env })).stdout.trim();

async function sign(user: string, tag: string): Promise<string> {
  await git("-c", "gpg.format=ssh", "-c", `user.signingkey=${join(folder, user)}`, "tag", "-s", "-m", tag, tag);
  return await git("rev-parse", tag);
}

const signer = (object: string, name: string, signers: Readonly<Record<string, readonly string[]>>) =>
  tagSigner(join(folder, "repository", ".git"), object, name, signers);

beforeAll(async () => {
  if (lacks !== "") return;
  folder = await mkdtemp(join(tmpdir(), "fairlead-tag-signer-"));
  for (const user of ["ann", "eve"]) {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, user)]);
    keys[user] = (await readFile(join(folder, `${user}.pub`), "utf8")).trim();
  }
  await run("git", ["init", "-q", join(folder, "repository")], { env });
  await git("commit", "-q", "--allow-empty", "-m", "Begin");
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

suite(`who signed a tag${lacks}`, () => {
  it("is the user whose listed key it was", async () => {
    const object = await sign("ann", "v1.0.0");
    expect(await signer(object, "v1.0.0", { ann: [keys["ann"] ?? ""], bob: [keys["eve"] ?? ""] })).toBe("ann");
  });

  it("is nobody for a key that is not listed, whatever the tag says of its tagger", async () => {
    const object = await sign("eve", "v1.1.0");
    expect(await signer(object, "v1.1.0", { ann: [keys["ann"] ?? ""] })).toBeUndefined();
  });

  it("is nobody when a signed tag stands under another name", async () => {
    const object = await git("rev-parse", "v1.0.0");
    expect(await signer(object, "v9.0.0", { ann: [keys["ann"] ?? ""] })).toBeUndefined();
  });

  it("is nobody for a tag without a signature, one whose text was changed, and a commit", async () => {
    const ann = { ann: [keys["ann"] ?? ""] };
    await git("tag", "-a", "-m", "plain", "v1.2.0");
    expect(await signer(await git("rev-parse", "v1.2.0"), "v1.2.0", ann)).toBeUndefined();
    const text = (await git("cat-file", "tag", "v1.0.0")).replace("v1.0.0\n-----", "other\n-----");
    const forged = await run(
      "sh",
      ["-c", 'printf "%s\\n" "$1" | git -C "$2" hash-object -t tag -w --stdin', "sh", text, join(folder, "repository")],
      { env },
    );
    expect(await signer(forged.stdout.trim(), "v1.0.0", ann)).toBeUndefined();
    expect(await signer(await git("rev-parse", "HEAD"), "v1.0.0", ann)).toBeUndefined();
  });
});
