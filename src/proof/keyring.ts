import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import type { Store } from "../store/index.ts";
import { isSignature, readPublicKey } from "./dsse.ts";
import { signOutside } from "./outside-signer.ts";

/** A key of the family, as people and tools see it. */
export interface FamilyKey {
  /** SHA-256 of the public key in DER, hex. */
  readonly id: string;
  readonly publicKey: string;
  readonly custody: "file" | "command";
  readonly state: "current" | "retired" | "revoked";
  readonly created: string;
  readonly createdBy: string;
  readonly retired: string | null;
  /** What it signed from then on is not trusted. */
  readonly revokedFrom: string | null;
}

export interface Signer {
  readonly keyId: string;
  /** How a bundle names the key: base64 of the same sum. */
  readonly hint: string;
  /** DER. Fault `unavailable`: an outside signer does not answer. */
  sign(message: Uint8Array): Promise<Result<Uint8Array>>;
}

export interface Keyring {
  /** First start: makes a key. Encrypts a key that lies open once a passphrase is given; takes in an outside signer. */
  ensure(): Promise<Result<FamilyKey>>;
  /** The key that signs now. Fault `unavailable`: its passphrase or file is missing. */
  signer(): Promise<Result<Signer>>;
  /** Newest first. */
  list(): Promise<readonly FamilyKey[]>;
  /** Signs with a new key from now on; what the old one signed stays trusted. */
  rotate(by: string): Promise<Result<FamilyKey>>;
  /** What the key signed from `from` on (milliseconds) is trusted no more; the current one is followed by a new one. */
  revoke(id: string | undefined, from: number, by: string): Promise<Result<FamilyKey>>;
}

export interface KeyringOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Holds `<id>.pem`, mode 0600. */
  readonly folder: string;
  readonly passphrase: string | undefined;
  /** A signer elsewhere, with its public key in PEM. */
  readonly outside: () => Promise<
    Result<{ readonly command: readonly string[]; readonly publicKey: string } | undefined>
  >;
}

export function createKeyring(options: KeyringOptions): Keyring {
  const { store, clock, folder, passphrase } = options;
  const fileOf = (id: string) => join(folder, `${id}.pem`);

  async function rows() {
    return await store.db.selectFrom("signing_keys").selectAll().orderBy("created_at", "desc").orderBy("id").execute();
  }

  async function list(): Promise<readonly FamilyKey[]> {
    return (await rows()).map((row) => ({
      id: row.id,
      publicKey: row.public_key,
      custody: row.custody === "command" ? "command" : "file",
      state: row.revoked_from !== null ? "revoked" : row.retired_at !== null ? "retired" : "current",
      created: new Date(row.created_at).toISOString(),
      createdBy: row.created_by,
      retired: row.retired_at === null ? null : new Date(row.retired_at).toISOString(),
      revokedFrom: row.revoked_from === null ? null : new Date(row.revoked_from).toISOString(),
    }));
  }

  async function current(): Promise<FamilyKey | undefined> {
    return (await list()).find((key) => key.state === "current");
  }

  /** The private half is on disk before the record names the key. */
  async function makeCurrent(by: string): Promise<Result<FamilyKey>> {
    const outside = await options.outside();
    if (!outside.ok) return outside;
    let publicKey = outside.value?.publicKey;
    if (publicKey === undefined) {
      const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
      publicKey = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
      const id = keyIdOf(publicKey);
      if (!id.ok) return id;
      await writeKey(fileOf(id.value), pair.privateKey, passphrase);
    }
    const id = keyIdOf(publicKey);
    if (!id.ok) return id;
    const row = {
      id: id.value,
      public_key: publicKey,
      custody: outside.value ? "command" : "file",
      created_at: clock.now(),
      created_by: by,
      retired_at: null,
      revoked_from: null,
      revoked_by: null,
    };
    const taken = await store.transaction(async (trx) => {
      const known = await trx.selectFrom("signing_keys").selectAll().where("id", "=", row.id).executeTakeFirst();
      if (known?.revoked_from !== null && known !== undefined) return false;
      await trx
        .updateTable("signing_keys")
        .set({ retired_at: clock.now() })
        .where("retired_at", "is", null)
        .where("id", "!=", row.id)
        .execute();
      await trx
        .insertInto("signing_keys")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ retired_at: null }))
        .execute();
      return true;
    });
    if (!taken)
      return err(
        fault("refused", `the key ${row.id.slice(0, 12)} of the outside signer was revoked`, {
          hint: "give signing.publicKey and signing.command another key",
        }),
      );
    const made = await current();
    if (!made) throw new Error("a key was made current, and none is");
    return ok(made);
  }

  return {
    list,
    ensure: async () => {
      const outside = await options.outside();
      if (!outside.ok) return outside;
      const now = await current();
      const wanted = outside.value && keyIdOf(outside.value.publicKey);
      if (wanted && !wanted.ok) return wanted;
      const fits = wanted ? now?.id === wanted.value : now?.custody === "file";
      if (!now || !fits) return await makeCurrent(now ? "configuration" : "first start");
      if (now.custody === "file" && passphrase !== undefined) await encryptOpenKey(fileOf(now.id), passphrase);
      return ok(now);
    },
    signer: async () => {
      const key = await current();
      if (!key) return err(fault("unavailable", "the family has no key yet", { hint: "fairlead key rotate" }));
      const hint = Buffer.from(key.id, "hex").toString("base64");
      const checked = (signature: Uint8Array, message: Uint8Array): Result<Uint8Array> =>
        isSignature(key.publicKey, message, signature)
          ? ok(signature)
          : err(fault("unavailable", `what signs for ${key.id.slice(0, 12)} made a signature that is not that key's`));
      if (key.custody === "command") {
        const outside = await options.outside();
        if (!outside.ok) return outside;
        const command = outside.value?.command;
        if (!command) return err(fault("unavailable", "the family file names no signer any more"));
        return ok({
          keyId: key.id,
          hint,
          sign: async (message) => {
            const signature = await signOutside(command, message);
            return signature.ok ? checked(signature.value, message) : signature;
          },
        });
      }
      const opened = await openKey(fileOf(key.id), passphrase);
      if (!opened.ok) return opened;
      return ok({
        keyId: key.id,
        hint,
        sign: async (message) => checked(sign("sha256", message, opened.value), message),
      });
    },
    rotate: async (by) => {
      const outside = await options.outside();
      if (!outside.ok) return outside;
      const now = await current();
      const wanted = outside.value && keyIdOf(outside.value.publicKey);
      if (now && wanted?.ok && wanted.value === now.id)
        return err(
          fault("refused", "the key is with an outside signer, which makes the next one", {
            hint: "change signing.publicKey in the family file; the new key is then taken in by itself",
          }),
        );
      return await makeCurrent(by);
    },
    revoke: async (id, from, by) => {
      const all = await list();
      const key =
        id === undefined ? all.find((each) => each.state === "current") : all.find((each) => each.id.startsWith(id));
      if (!key || (id !== undefined && id.length < 8))
        return err(fault("not-found", `there is no key ${id ?? ""}`, { hint: "fairlead key show lists them" }));
      const earliest = Math.min(from, ...(key.revokedFrom === null ? [] : [Date.parse(key.revokedFrom)]));
      await store.db
        .updateTable("signing_keys")
        .set({ revoked_from: earliest, revoked_by: by, retired_at: clock.now() })
        .where("id", "=", key.id)
        .execute();
      // Of an outside signer the next key comes with the configuration; until then nothing is signed.
      if (key.state === "current" && key.custody === "file") {
        const next = await makeCurrent(by);
        if (!next.ok) return next;
      }
      const revoked = (await list()).find((each) => each.id === key.id);
      return revoked ? ok(revoked) : err(fault("not-found", `there is no key ${key.id}`));
    },
  };
}

/** Sigstore: a key is found by the SHA-256 of its DER. Fault `bad-input`. */
export function keyIdOf(publicKey: string): Result<string> {
  const key = readPublicKey(publicKey);
  if (!key.ok) return key;
  return ok(
    createHash("sha256")
      .update(key.value.export({ type: "spki", format: "der" }))
      .digest("hex"),
  );
}

async function writeKey(file: string, key: KeyObject, passphrase: string | undefined): Promise<void> {
  const pem = key.export({
    type: "pkcs8",
    format: "pem",
    ...(passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase }),
  });
  await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, pem, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

async function openKey(file: string, passphrase: string | undefined): Promise<Result<KeyObject>> {
  const pem = await readFile(file, "utf8").catch(() => undefined);
  if (pem === undefined)
    return err(
      fault("unavailable", `the signing key ${file} is gone`, {
        hint: "restore it from a backup, or make another: fairlead key rotate",
      }),
    );
  const encrypted = pem.includes("ENCRYPTED");
  if (encrypted && passphrase === undefined)
    return err(
      fault("unavailable", "the signing key is encrypted and no passphrase was given", {
        hint: "start with FAIRLEAD_KEY_PASSPHRASE",
      }),
    );
  try {
    return ok(createPrivateKey(encrypted ? { key: pem, passphrase } : pem));
  } catch (cause) {
    return err(
      fault(
        "unavailable",
        `the signing key ${file} cannot be opened: the passphrase is not its own, or it is damaged`,
        {
          hint: "start with the right FAIRLEAD_KEY_PASSPHRASE",
          cause,
        },
      ),
    );
  }
}

async function encryptOpenKey(file: string, passphrase: string): Promise<void> {
  const pem = await readFile(file, "utf8").catch(() => "ENCRYPTED");
  if (!pem.includes("ENCRYPTED")) await writeKey(file, createPrivateKey(pem), passphrase);
}
