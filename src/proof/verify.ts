import { createHash } from "node:crypto";
import { z } from "zod";
import { err, type Fault, fault, ok, type Result } from "../core/index.ts";
import { looksLikeVersion } from "../family/index.ts";
import {
  type Descriptor,
  formatReference,
  type ManifestDocument,
  parseReference,
  type Reference,
  type RegistryClient,
  type RemoteManifest,
  referredTo,
  referrersOf,
} from "../oci/index.ts";
import { bundleType, openBundle, type Statement } from "./dsse.ts";
import { provenancePredicate, signaturePredicate, withdrawalPredicate } from "./provenance.ts";
import { filesArtifact } from "./release-files.ts";
import { spdxPredicate } from "./sbom.ts";

/** A key that the asker trusts. */
export interface TrustedKey {
  readonly id: string;
  /** PEM. */
  readonly publicKey: string;
  /** What it signed from then on counts only if the family's record holds it from before; RFC 3339. */
  readonly revokedFrom?: string | null | undefined;
}

/** What the family's record knows, where it can be asked. */
export interface RecordWitness {
  /** When the record took in the artifact of this digest; `undefined`: it does not know it. */
  storedAt(artifact: string): Promise<Result<string | undefined>>;
  /** Whether the chain is whole and this head is a link of it. */
  holds(head: string): Promise<Result<{ readonly ok: boolean; readonly detail: string }>>;
}

export interface Verification {
  readonly image: string;
  readonly digest: string | null;
  readonly ok: boolean;
  readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[];
  /** What could not be looked at here, and why. */
  readonly unchecked: readonly { readonly check: string; readonly reason: string }[];
}

interface Signed {
  readonly statement: Statement;
  readonly keyId: string;
}

const withdrawalSchema = z.object({ version: z.string(), reason: z.string(), withdrawnAt: z.string() });
const largestBundle = 64 * 1024 * 1024;
const mostMembers = 100;

/**
 * Checks an image against its proof with nothing but a registry and keys: every byte of it, signature, provenance, labels,
 * SBOM, and the record where there is a witness. Faults only for what is no image reference or cannot be reached; anything
 * else is a check that says no.
 */
export async function verifyProof(
  options: {
    readonly client: RegistryClient;
    readonly keys: readonly TrustedKey[];
    readonly witness: RecordWitness | undefined;
  },
  image: string,
): Promise<Result<Verification>> {
  const reference = parseReference(image);
  if (!reference.ok) return reference;
  const { registry, repository, tag, digest } = reference.value;
  const found = await options.client.manifest(registry, repository, digest ?? tag ?? "latest");
  if (!found.ok) return found;
  if (!found.value) return err(fault("not-found", `there is no ${formatReference(reference.value)}`));
  const root = found.value;
  const checks: Verification["checks"][number][] = [];
  const unchecked: Verification["unchecked"][number][] = [];
  const say = (check: string, outcome: Result<string>) => {
    checks.push({ check, ok: outcome.ok, detail: outcome.ok ? outcome.value : outcome.error.message });
  };
  say(
    "key",
    options.keys.length > 0
      ? ok(options.keys.map((key) => key.id.slice(0, 12)).join(", "))
      : err(fault("refused", "there is no key to trust: name one with --key, or ask where the family's server is")),
  );
  const visit: Visit = { ...options, reference: reference.value, say };
  const platforms = await readContent(visit, root.descriptor, root.parsed);
  const signed = await signedAbout(visit, root.descriptor.digest);
  const members = new Map([[root.descriptor.digest, signed]]);
  for (const { descriptor } of platforms)
    if (!members.has(descriptor.digest)) members.set(descriptor.digest, await signedAbout(visit, descriptor.digest));
  say("signature", allSigned([...members.values()]));
  const withdrawn = withdrawalOf(signed);
  if (withdrawn !== undefined) say("withdrawn", err(fault("refused", withdrawn)));
  const provenance = provenanceOf(signed, root.descriptor.digest, reference.value);
  const told = (found: Provenance) => ok(`${found.tag} of ${found.source} at ${found.commit.slice(0, 12)}`);
  say("provenance", provenance.ok ? told(provenance.value) : provenance);
  if (provenance.ok) {
    const wanted = provenance.value;
    if (platforms.length > 0) {
      say("labels", labelsFit(platforms, wanted));
      say("sbom", sbomsFit(platforms.map(({ descriptor }) => members.get(descriptor.digest) ?? signed)));
    }
    if (wanted.files.length > 0 && wanted.first === root.descriptor.digest)
      say("files", await filesFit(visit, root, wanted));
    else if (wanted.files.length > 0)
      unchecked.push({ check: "files", reason: `they stand beside ${wanted.first}, the first image of the release` });
    if (options.witness) say("record", await recordFits(options.witness, wanted));
  }
  if (!options.witness)
    unchecked.push({ check: "record", reason: "the family's server or home was not asked, so only the keys speak" });
  return ok({
    image,
    digest: root.descriptor.digest,
    ok: checks.every((check) => check.ok),
    checks,
    unchecked,
  });
}

interface Visit {
  readonly client: RegistryClient;
  readonly keys: readonly TrustedKey[];
  readonly witness: RecordWitness | undefined;
  readonly reference: Reference;
  readonly say: (check: string, outcome: Result<string>) => void;
}

interface PlatformConfig {
  readonly descriptor: Descriptor;
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads every byte of the image and compares it with the digest by which it is named. */
async function readContent(
  visit: Visit,
  root: Descriptor,
  parsed: ManifestDocument,
): Promise<readonly PlatformConfig[]> {
  const platforms: PlatformConfig[] = [];
  let blobs = 0;
  let bytes = 0;
  const outcome = await (async (): Promise<Result<string>> => {
    const seen = new Set<string>();
    const waiting: { readonly descriptor: Descriptor; readonly parsed: ManifestDocument }[] = [
      { descriptor: root, parsed },
    ];
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (next.parsed.kind === "index") {
        const { manifests } = next.parsed.document;
        if (manifests.length > mostMembers) return err(fault("limit", `it has more than ${mostMembers} members`));
        for (const child of manifests) {
          const inner = await manifestOf(visit, child.digest);
          if (!inner.ok) return inner;
          waiting.push({ descriptor: child, parsed: inner.value.parsed });
        }
        continue;
      }
      const { config } = next.parsed.document;
      for (const blob of referredTo(next.parsed).blobs) {
        if (seen.has(blob.digest)) continue;
        seen.add(blob.digest);
        const read = await readBlob(visit, blob, blob.digest === config.digest ? largestBundle : 0);
        if (!read.ok) return read;
        blobs += 1;
        bytes += blob.size;
        if (blob.digest === config.digest && next.parsed.document.artifactType === undefined)
          platforms.push({ descriptor: next.descriptor, labels: labelsOf(read.value) });
      }
    }
    return ok(`${blobs} blobs, ${bytes.toLocaleString("en")} bytes are what their digests say`);
  })();
  visit.say("content", outcome);
  return platforms;
}

async function manifestOf(visit: Visit, digest: string) {
  const { registry, repository } = visit.reference;
  const found = await visit.client.manifest(registry, repository, digest);
  if (!found.ok) return found;
  return found.value ? ok(found.value) : err(fault("not-found", `the manifest ${digest} is not at the registry`));
}

/** Compares size and digest while reading; keeps the bytes of what is at most `keep` bytes. */
async function readBlob(visit: Visit, blob: Descriptor, keep: number): Promise<Result<Uint8Array>> {
  const { registry, repository } = visit.reference;
  const stream = await visit.client.blob(registry, repository, blob);
  if (!stream.ok) return stream;
  const hash = createHash(blob.digest.startsWith("sha512:") ? "sha512" : "sha256");
  const kept: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of stream.value) {
      size += chunk.length;
      if (size > blob.size) break;
      hash.update(chunk);
      if (size <= keep) kept.push(chunk);
    }
  } catch (cause) {
    return err(fault("unavailable", `the connection broke while ${blob.digest} was read`, { cause }));
  }
  const found = `${blob.digest.slice(0, blob.digest.indexOf(":"))}:${hash.digest("hex")}`;
  return size === blob.size && found === blob.digest
    ? ok(Buffer.concat(kept))
    : err(fault("corrupt", `${blob.digest} holds other bytes at ${registry} (${size} bytes, ${found})`));
}

/** Statements about a digest that a trusted key signed; why others do not count. */
async function signedAbout(
  visit: Visit,
  subject: string,
): Promise<{ readonly signed: readonly Signed[]; readonly refused: readonly Fault[] }> {
  const { registry, repository } = visit.reference;
  const listed = await referrersOf(visit.client, registry, repository, subject);
  if (!listed.ok) return { signed: [], refused: [listed.error] };
  const signed: Signed[] = [];
  const refused: Fault[] = [];
  for (const each of listed.value) {
    if (each.artifactType !== bundleType) continue;
    const one = await readSigned(visit, subject, each);
    if (one.ok) signed.push(one.value);
    else refused.push(one.error);
  }
  return { signed, refused };
}

async function readSigned(visit: Visit, subject: string, artifact: Descriptor): Promise<Result<Signed>> {
  const manifest = await manifestOf(visit, artifact.digest);
  if (!manifest.ok) return manifest;
  const { parsed } = manifest.value;
  const layer = parsed.kind === "manifest" ? parsed.document.layers[0] : undefined;
  if (!layer || layer.size > largestBundle) return err(fault("bad-input", `${artifact.digest} carries no bundle`));
  const bytes = await readBlob(visit, layer, largestBundle);
  if (!bytes.ok) return bytes;
  const opened = openBundle(bytes.value, visit.keys);
  if (!opened.ok) return opened;
  const { statement, keyId } = opened.value;
  const [algorithm = "", hex = ""] = subject.split(":");
  if (!statement.subject.some((each) => each.digest[algorithm] === hex))
    return err(fault("refused", "what was signed is about another image"));
  const revokedFrom = visit.keys.find((key) => key.id === keyId)?.revokedFrom;
  if (typeof revokedFrom === "string") {
    const before = await signedBefore(visit.witness, artifact.digest, revokedFrom);
    if (!before.ok) return before;
  }
  return ok({ statement, keyId });
}

/** A stolen key can sign under any date: only the record knows what was there before. */
async function signedBefore(witness: RecordWitness | undefined, artifact: string, from: string): Promise<Result<void>> {
  const refused = (why: string) =>
    err(fault("refused", `its key was revoked from ${from.slice(0, 10)} on, and ${why}`));
  if (!witness) return refused("no record says that this was signed before");
  const at = await witness.storedAt(artifact);
  if (!at.ok) return at;
  if (at.value === undefined) return refused("the record does not know this signature");
  return Date.parse(at.value) < Date.parse(from) ? ok(undefined) : refused(`this was signed on ${at.value}`);
}

/** What its family says of an image that is not to be used any more. */
function withdrawalOf(gathered: Gathered): string | undefined {
  const found = gathered.signed.find((each) => each.statement.predicateType === withdrawalPredicate);
  if (!found) return undefined;
  const read = withdrawalSchema.safeParse(found.statement.predicate);
  const { version, reason, withdrawnAt } = read.success ? read.data : { version: "it", reason: "", withdrawnAt: "" };
  return `${version} was withdrawn ${withdrawnAt.slice(0, 10)}: ${reason}`;
}

type Gathered = Awaited<ReturnType<typeof signedAbout>>;

function allSigned(members: readonly Gathered[]): Result<string> {
  const keys = new Set<string>();
  for (const gathered of members) {
    const fits = gathered.signed.find((each) => each.statement.predicateType === signaturePredicate);
    if (!fits) return err(absent(gathered, "signature"));
    keys.add(fits.keyId.slice(0, 12));
  }
  const each = members.length > 1 ? `, it and its ${members.length - 1} platforms` : "";
  return ok(`by ${[...keys].join(", ")}${each}`);
}

function absent({ refused }: Gathered, name: string): Fault {
  const [first] = refused;
  return first ?? fault("refused", `it has no ${name}`);
}

const provenanceSchema = z.object({
  buildDefinition: z.object({
    externalParameters: z.object({ repository: z.string(), tag: z.string() }),
  }),
  runDetails: z.object({
    byproducts: z.array(z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })).max(1000),
  }),
  fairlead_record: z.object({ head: z.string() }),
  fairlead_commit: z.string(),
});

interface Provenance {
  readonly source: string;
  readonly tag: string;
  readonly commit: string;
  readonly head: string;
  /** The first image it is about: the release's files refer to that one. */
  readonly first: string;
  readonly files: z.infer<typeof provenanceSchema>["runDetails"]["byproducts"];
}

function provenanceOf(gathered: Gathered, digest: string, reference: Reference): Result<Provenance> {
  const fits = gathered.signed.find((each) => each.statement.predicateType === provenancePredicate);
  if (!fits) return err(absent(gathered, "provenance"));
  const read = provenanceSchema.safeParse(fits.statement.predicate);
  if (!read.success) return err(fault("refused", `the provenance of ${digest.slice(0, 19)} is not one of Fairlead`));
  const { externalParameters } = read.data.buildDefinition;
  const { tag } = reference;
  if (tag !== undefined && looksLikeVersion(tag) && tag !== externalParameters.tag)
    return err(fault("refused", `it was released as ${externalParameters.tag}, not as ${tag}`));
  return ok({
    source: externalParameters.repository,
    tag: externalParameters.tag,
    commit: read.data.fairlead_commit,
    head: read.data.fairlead_record.head,
    first: fits.statement.subject.flatMap((each) => each.digest["sha256"] ?? []).map((hex) => `sha256:${hex}`)[0] ?? "",
    files: read.data.runDetails.byproducts,
  });
}

const labelNames = {
  revision: "org.opencontainers.image.revision",
  version: "org.opencontainers.image.version",
} as const;

function labelsFit(platforms: readonly PlatformConfig[], wanted: Provenance): Result<string> {
  for (const { labels, descriptor } of platforms) {
    const pairs = [
      [labelNames.revision, wanted.commit],
      [labelNames.version, wanted.tag],
    ] as const;
    for (const [label, value] of pairs) {
      if (labels[label] !== value)
        return err(
          fault(
            "refused",
            `${label} of ${descriptor.digest.slice(0, 19)} says ${labels[label] ?? "nothing"}, not ${value}`,
          ),
        );
    }
  }
  return ok(`commit and version on ${platforms.length === 1 ? "its platform" : `all ${platforms.length} platforms`}`);
}

function sbomsFit(platforms: readonly Gathered[]): Result<string> {
  let packages = 0;
  let files = 0;
  for (const gathered of platforms) {
    const listed = gathered.signed.find((each) => each.statement.predicateType === spdxPredicate);
    if (!listed) return err(absent(gathered, "SBOM"));
    const document = z
      .object({ spdxVersion: z.literal("SPDX-2.3"), packages: z.array(z.unknown()), files: z.array(z.unknown()) })
      .safeParse(listed.statement.predicate);
    if (!document.success) return err(fault("refused", "its SBOM is no SPDX 2.3 document"));
    packages += document.data.packages.length;
    files += document.data.files.length;
  }
  return ok(`SPDX 2.3 of ${platforms.length} platforms: ${packages} packages, ${files} files`);
}

/** The auxiliary files beside the image, or in what stands for a release without one, are those the provenance names. */
async function filesFit(visit: Visit, root: RemoteManifest, { files }: Provenance): Promise<Result<string>> {
  const { registry, repository } = visit.reference;
  const carriers: ManifestDocument[] = [root.parsed];
  const listed = await referrersOf(visit.client, registry, repository, root.descriptor.digest);
  if (!listed.ok) return listed;
  for (const each of listed.value) {
    if (each.artifactType !== filesArtifact) continue;
    const manifest = await manifestOf(visit, each.digest);
    if (!manifest.ok) return manifest;
    carriers.push(manifest.value.parsed);
  }
  const layers = carriers.flatMap((carrier) => (carrier.kind === "manifest" ? carrier.document.layers : []));
  for (const { name, digest } of files) {
    const layer = layers.find((each) => each.digest === `sha256:${digest.sha256}`);
    if (!layer) return err(fault("refused", `${name} of the provenance is not published with it`));
    const read = await readBlob(visit, layer, 0);
    if (!read.ok) return read;
  }
  return ok(`${files.length} published with it are what the provenance says`);
}

async function recordFits(witness: RecordWitness, { head }: Provenance): Promise<Result<string>> {
  const answer = await witness.holds(head);
  if (!answer.ok) return answer;
  return answer.value.ok ? ok(answer.value.detail) : err(fault("refused", answer.value.detail));
}

function labelsOf(config: Uint8Array): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(config).toString("utf8"));
  } catch {
    return {};
  }
  const read = z.object({ config: z.object({ Labels: z.record(z.string(), z.string()) }) }).safeParse(value);
  return read.success ? read.data.config.Labels : {};
}
