import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock, must, ok } from "../core/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { isSignature } from "./dsse.ts";
import { createKeyring, type KeyringOptions } from "./keyring.ts";

let root: string;
let store: Store;
const clock = new ManualClock(Date.parse("2026-03-01T08:00:00Z"));
const message = Buffer.from("a message");

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "keys-"));
  store = await openStore("sqlite::memory:");
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

function ring(more: Partial<KeyringOptions> = {}) {
  return createKeyring({
    store,
    clock,
    folder: join(root, "keys"),
    passphrase: undefined,
    outside: async () => ok(undefined),
    ...more,
  });
}

async function onlyFile(): Promise<string> {
  const [file = ""] = await readdir(join(root, "keys"));
  return join(root, "keys", file);
}

describe("the family's key", () => {
  it("is made at the first start and the same ever after, readable by its owner only", async () => {
    const first = must(await ring().ensure());
    expect(must(await ring().ensure())).toEqual(first);
    expect(first).toMatchObject({ state: "current", custody: "file", createdBy: "first start" });
    expect((await stat(await onlyFile())).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, "keys"))).mode & 0o777).toBe(0o700);
    const signer = must(await ring().signer());
    expect(isSignature(first.publicKey, message, must(await signer.sign(message)))).toBe(true);
    expect(isSignature(first.publicKey, Buffer.from("another"), must(await signer.sign(message)))).toBe(false);
  });

  it("is encrypted once a passphrase is given, and opens with no other", async () => {
    must(await ring().ensure());
    expect(await readFile(await onlyFile(), "utf8")).toContain("BEGIN PRIVATE KEY");
    must(await ring({ passphrase: "correct horse" }).ensure());
    expect(await readFile(await onlyFile(), "utf8")).toContain("BEGIN ENCRYPTED PRIVATE KEY");
    expect((await ring({ passphrase: "correct horse" }).signer()).ok).toBe(true);
    for (const passphrase of [undefined, "wrong"])
      expect(await ring({ passphrase }).signer()).toMatchObject({
        ok: false,
        error: { code: "unavailable", hint: expect.stringContaining("FAIRLEAD_KEY_PASSPHRASE") },
      });
  });

  it("says what to do when its file is gone or damaged", async () => {
    must(await ring().ensure());
    await writeFile(await onlyFile(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect(await ring().signer()).toMatchObject({ ok: false, error: { code: "unavailable" } });
    await rm(await onlyFile());
    expect(await ring().signer()).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining("is gone"), hint: expect.stringContaining("backup") },
    });
  });

  it("is followed by another, and both stay known", async () => {
    const first = must(await ring().ensure());
    clock.advance(1000);
    const second = must(await ring().rotate("ann"));
    expect(second.id).not.toBe(first.id);
    expect((await ring().list()).map((key) => [key.id, key.state])).toEqual([
      [second.id, "current"],
      [first.id, "retired"],
    ]);
    expect(must(await ring().signer()).keyId).toBe(second.id);
  });

  it("is revoked from a date on, never later than before, and replaced if it was the current one", async () => {
    const first = must(await ring().ensure());
    clock.advance(1000);
    expect(must(await ring().revoke(undefined, Date.parse("2026-02-20"), "ann"))).toMatchObject({
      id: first.id,
      state: "revoked",
      revokedFrom: "2026-02-20T00:00:00.000Z",
    });
    expect(must(await ring().revoke(first.id.slice(0, 10), Date.parse("2026-02-25"), "ann")).revokedFrom).toBe(
      "2026-02-20T00:00:00.000Z",
    );
    expect(must(await ring().signer()).keyId).not.toBe(first.id);
    expect(await ring().revoke("abcd", 0, "ann")).toMatchObject({ ok: false, error: { code: "not-found" } });
  });
});

describe("a signer outside", () => {
  const helper = `
    const { createPrivateKey, sign } = require("node:crypto");
    const { readFileSync } = require("node:fs");
    const key = createPrivateKey(readFileSync(process.argv[1]));
    process.stdout.write(sign("sha256", readFileSync(0), key).toString("base64") + "\\n");`;

  async function elsewhere() {
    const key = must(
      await createKeyring({
        store: await openStore("sqlite::memory:"),
        clock,
        folder: join(root, "kms"),
        passphrase: undefined,
        outside: async () => ok(undefined),
      }).ensure(),
    );
    return { key, command: [process.execPath, "-e", helper, join(root, "kms", `${key.id}.pem`)] };
  }

  it("signs with a program, and its key is the family's then", async () => {
    must(await ring().ensure());
    const { key, command } = await elsewhere();
    const outside = ring({ outside: async () => ok({ command, publicKey: key.publicKey }) });
    expect(must(await outside.ensure())).toMatchObject({ id: key.id, custody: "command" });
    const signer = must(await outside.signer());
    expect(isSignature(key.publicKey, message, must(await signer.sign(message)))).toBe(true);
    expect(await outside.rotate("ann")).toMatchObject({ ok: false, error: { code: "refused" } });
  });

  it("is not believed when it signs with another key, fails, or is not there", async () => {
    const { key, command } = await elsewhere();
    const other = must(await ring().ensure());
    const wrong = [...command.slice(0, 3), join(root, "keys", `${other.id}.pem`)];
    for (const [argv, why] of [
      [wrong, "not that key's"],
      [
        [process.execPath, "-e", "process.stderr.write('no permission'); process.exit(4)"],
        "ended with 4: no permission",
      ],
      [[process.execPath, "-e", ""], "printed no signature"],
      [["/nonexistent/signer"], "could not be started"],
    ] as const) {
      const outside = ring({ outside: async () => ok({ command: argv, publicKey: key.publicKey }) });
      must(await outside.ensure());
      const signer = must(await outside.signer());
      expect(await signer.sign(message)).toMatchObject({
        ok: false,
        error: { code: "unavailable", message: expect.stringContaining(why) },
      });
    }
  });
});
