import { type Clock, createSerial, err, fault, ok, type Result } from "../core/index.ts";
import { type BlobStore, type Descriptor, type ImageRegistry, manifestsOf } from "../oci/index.ts";
import { type Store, sealRecord } from "../store/index.ts";
import { writeArtifact } from "./artifact.ts";
import { bundleType, signedBytes, statementPayload, writeBundle } from "./dsse.ts";
import type { Keyring } from "./keyring.ts";
import { statement, withdrawalPredicate } from "./provenance.ts";
import { addProofs, imagesToProve, proofsOfRelease, releaseToProve, type StoredProof } from "./records.ts";

export interface WithdrawalOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly repositoryOf: (name: string) => string;
}

interface Subject {
  readonly image: string;
  readonly descriptor: Descriptor;
}

/**
 * Says beside each image of a withdrawn release, at one registry, that it is not to be used: a signed statement that refers
 * to the image, made once. Idempotent. Faults: `refused` for a release that is not withdrawn, `unavailable`.
 */
export function createWithdrawalAnnouncer(
  options: WithdrawalOptions,
): (releaseId: string, registry: ImageRegistry) => Promise<Result<void>> {
  const { store, blobs } = options;
  const serial = createSerial();

  /** Images and their platforms; for a release without images, what carries its files. */
  async function subjectsOf(releaseId: string, runId: string | null): Promise<Result<readonly Subject[]>> {
    const found: Subject[] = [];
    for (const image of runId === null ? [] : await imagesToProve(store.db, runId)) {
      const root = { mediaType: image.media_type, digest: image.digest, size: image.size };
      const manifests = await manifestsOf(blobs, root);
      if (!manifests.ok) return manifests;
      for (const { descriptor } of manifests.value) found.push({ image: image.name, descriptor });
    }
    if (found.length > 0) return ok(found);
    const alone = (await proofsOfRelease(store.db, releaseId)).find((proof) => proof.subject_digest === proof.digest);
    return ok(
      alone ? [{ image: "", descriptor: { mediaType: alone.media_type, digest: alone.digest, size: alone.size } }] : [],
    );
  }

  async function make(releaseId: string): Promise<Result<readonly StoredProof[]>> {
    const known = (await proofsOfRelease(store.db, releaseId)).filter((proof) => proof.kind === "withdrawal");
    if (known.length > 0) return ok(known);
    const release = await releaseToProve(store.db, releaseId);
    if (release?.withdrawn_at == null) return err(fault("refused", `${releaseId} is not withdrawn`));
    const signer = await options.keyring.signer();
    if (!signer.ok) return signer;
    const subjects = await subjectsOf(releaseId, release.run_id);
    if (!subjects.ok) return subjects;
    const record = await sealRecord(store);
    const predicate = {
      component: release.component,
      version: release.version,
      reason: release.withdrawn_reason ?? "",
      withdrawnBy: release.withdrawn_by ?? "",
      withdrawnAt: new Date(release.withdrawn_at).toISOString(),
    };
    const rows: Omit<StoredProof, "seq">[] = [];
    for (const { image, descriptor } of subjects.value) {
      const [algorithm = "", hex = ""] = descriptor.digest.split(":");
      const name = options.repositoryOf(image || release.component);
      const payload = Buffer.from(
        JSON.stringify(statement([{ name, digest: { [algorithm]: hex } }], withdrawalPredicate, predicate)),
      );
      const signature = await signer.value.sign(signedBytes(statementPayload, payload));
      if (!signature.ok) return signature;
      const artifact = await writeArtifact(blobs, {
        artifactType: bundleType,
        subject: descriptor,
        layers: [{ mediaType: bundleType, bytes: writeBundle(signer.value.hint, payload, signature.value) }],
        annotations: {
          "dev.sigstore.bundle.content": "dsse-envelope",
          "dev.sigstore.bundle.predicateType": withdrawalPredicate,
          "org.opencontainers.image.created": predicate.withdrawnAt,
        },
      });
      if (!artifact.ok) return artifact;
      rows.push({
        release_id: releaseId,
        image,
        subject_digest: descriptor.digest,
        kind: "withdrawal",
        digest: artifact.value.digest,
        media_type: artifact.value.mediaType,
        size: artifact.value.size,
        key_id: signer.value.keyId,
        record_head: record.head,
        at: options.clock.now(),
      });
    }
    await store.transaction(async (trx) => {
      await store.orderAppends(trx);
      await addProofs(trx, rows);
    });
    return ok((await proofsOfRelease(store.db, releaseId)).filter((proof) => proof.kind === "withdrawal"));
  }

  return async (releaseId, registry) => {
    const made = await serial(releaseId, () => make(releaseId));
    if (!made.ok) return made;
    const release = await releaseToProve(store.db, releaseId);
    for (const proof of made.value) {
      const root = { mediaType: proof.media_type, digest: proof.digest, size: proof.size };
      const pushed = await registry.push(options.repositoryOf(proof.image || (release?.component ?? "")), { root });
      if (!pushed.ok) return pushed;
    }
    return ok(undefined);
  };
}
