import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { err, fault, ok, type Result } from "../core/index.ts";

/** In-toto attestation 1.0: the payload type of an envelope that holds a statement. */
export const statementPayload = "application/vnd.in-toto+json";

/** Sigstore bundle 0.3: media type of the file and artifact type of the manifest that carries it. */
export const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** DSSE 1.0, pre-authentication encoding: what is signed, so that neither type nor payload can be taken for another. */
export function signedBytes(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** A sigstore bundle of one statement with one signature (DER), found by the hint of its key. */
export function writeBundle(hint: string, payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      mediaType: bundleType,
      verificationMaterial: { publicKey: { hint } },
      dsseEnvelope: {
        payload: Buffer.from(payload).toString("base64"),
        payloadType: statementPayload,
        signatures: [{ sig: Buffer.from(signature).toString("base64") }],
      },
    }),
  );
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, "not base64");
const bundleSchema = z.object({
  mediaType: z.string(),
  dsseEnvelope: z.object({
    payload: base64,
    payloadType: z.literal(statementPayload),
    signatures: z
      .array(z.object({ sig: base64 }))
      .min(1)
      .max(16),
  }),
});

/** In-toto Statement, v0.1 and v1: who reads them needs the same members of both. */
const statementSchema = z.object({
  _type: z.enum(["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"]),
  subject: z.array(z.object({ name: z.string().optional(), digest: z.record(z.string(), z.string()) })).max(10_000),
  predicateType: z.string(),
  predicate: z.unknown(),
});

export type Statement = z.infer<typeof statementSchema>;

/**
 * The statement of a bundle, if one of the keys signed it; answers which. Faults: `bad-input` for what is no bundle of a
 * statement, `refused` when no key fits.
 */
export function openBundle(
  bytes: Uint8Array,
  keys: readonly { readonly id: string; readonly publicKey: string }[],
): Result<{ readonly statement: Statement; readonly keyId: string }> {
  const bundle = parsed(bytes, bundleSchema, "bundle");
  if (!bundle.ok) return bundle;
  const { payload: encoded, payloadType, signatures } = bundle.value.dsseEnvelope;
  const payload = Buffer.from(encoded, "base64");
  const message = signedBytes(payloadType, payload);
  const fits = keys.find((key) =>
    signatures.some(({ sig }) => isSignature(key.publicKey, message, Buffer.from(sig, "base64"))),
  );
  if (!fits) return err(fault("refused", "no trusted key made its signature"));
  const statement = parsed(payload, statementSchema, "statement");
  return statement.ok ? ok({ statement: statement.value, keyId: fits.id }) : statement;
}

/** ECDSA or RSA with SHA-256, Ed25519 by itself; false for a key that cannot be read. */
export function isSignature(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  const key = readPublicKey(publicKey);
  if (!key.ok) return false;
  return verify(key.value.asymmetricKeyType === "ed25519" ? null : "sha256", message, key.value, signature);
}

/** A public key in PEM. Fault `bad-input`. */
export function readPublicKey(pem: string): Result<KeyObject> {
  if (!pem.includes("-----BEGIN PUBLIC KEY-----"))
    return err(fault("bad-input", "this is no public key in PEM (`-----BEGIN PUBLIC KEY-----`)"));
  try {
    return ok(createPublicKey(pem));
  } catch (cause) {
    return err(fault("bad-input", "the public key cannot be read", { cause }));
  }
}

function parsed<Schema extends z.ZodType>(bytes: Uint8Array, schema: Schema, what: string): Result<z.infer<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return err(fault("bad-input", `the ${what} is no JSON`));
  }
  const read = schema.safeParse(value);
  if (read.success) return ok(read.data);
  const issue = read.error.issues[0];
  return err(fault("bad-input", `the ${what}'s ${issue?.path.join(".") ?? ""} is not valid: ${issue?.message ?? ""}`));
}
