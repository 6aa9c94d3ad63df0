import { type Clock, createSerial, err, fault, ok, type Result, sha256Hex } from "../core/index.ts";
import { type BlobStore, type Descriptor, type ImageConfig, type ImageRegistry, manifestsOf } from "../oci/index.ts";
import { type Store, sealRecord } from "../store/index.ts";
import { writeArtifact } from "./artifact.ts";
import { bundleType, signedBytes, statementPayload, writeBundle } from "./dsse.ts";
import { type ImageFiles, readImageFiles } from "./image-files.ts";
import type { Keyring, Signer } from "./keyring.ts";
import { layersAboveBases, readConfig } from "./own-layers.ts";
import { provenancePredicate, provenanceStatement, type Subject, signaturePredicate, statement } from "./provenance.ts";
import {
  historyOf,
  imagesToProve,
  keepProofs,
  makingOf,
  proofsOfRelease,
  releaseToProve,
  type StoredProof,
  wasVerified,
} from "./records.ts";
import { type ReleaseFileContent, writeReleaseFiles } from "./release-files.ts";
import { spdxDocument, spdxPredicate } from "./sbom.ts";

export interface Prover {
  /**
   * The proof of a release, made and stored the first time: what is pushed later is always these bytes. Faults:
   * `refused` when the journal does not hold that the release was verified, `unavailable` when the signer does not answer.
   */
  prove(releaseId: string): Promise<Result<readonly StoredProof[]>>;
  /** Pushes it all to one registry. Idempotent. */
  attach(releaseId: string, registry: ImageRegistry): Promise<Result<void>>;
}

export interface ProverOptions {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** `fairlead 0.1.0`. */
  readonly program: string;
  readonly repositoryOf: (name: string) => string;
  /** The URL of a component's repository. */
  readonly sourceOf: (component: string) => string;
  /** Auxiliary files of a component at a commit, as its release configuration names them. */
  readonly filesOf: (component: string, commit: string) => Promise<Result<readonly ReleaseFileContent[]>>;
}

/** A platform's manifest, or what an index is made of. */
interface Member {
  readonly image: string;
  readonly root: Descriptor;
  readonly platforms: readonly Descriptor[];
  readonly bases: readonly { readonly reference: string; readonly digest: string }[];
}

interface Scene {
  readonly release: NonNullable<Awaited<ReturnType<typeof releaseToProve>>>;
  readonly members: readonly Member[];
  readonly signer: Signer;
  readonly at: number;
}

export function createProver(options: ProverOptions): Prover {
  const { store, blobs } = options;
  const serial = createSerial();

  async function prove(releaseId: string): Promise<Result<readonly StoredProof[]>> {
    const known = await proofsOfRelease(store.db, releaseId);
    if (known.length > 0) return ok(known);
    const release = await releaseToProve(store.db, releaseId);
    if (!release) return err(fault("not-found", `there is no release ${releaseId}`));
    if (!(await wasVerified(store.db, releaseId)))
      return err(fault("refused", `${releaseId} was not verified, so nothing of it is signed`));
    const signer = await options.keyring.signer();
    if (!signer.ok) return signer;
    const built = release.run_id === null ? [] : await imagesToProve(store.db, release.run_id);
    const members: Member[] = [];
    for (const image of built) {
      const root = { mediaType: image.media_type, digest: image.digest, size: image.size };
      const manifests = await manifestsOf(blobs, root);
      if (!manifests.ok) return manifests;
      const platforms = manifests.value
        .filter((each) => each.parsed.kind === "manifest")
        .map((each) => each.descriptor);
      members.push({ image: image.name, root, platforms, bases: makingOf(image)?.bases ?? [] });
    }
    const files = await options.filesOf(release.component, release.commit_id);
    if (!files.ok) return files;
    const extra = await writeReleaseFiles(blobs, members[0]?.root, files.value, {
      "org.opencontainers.image.source": options.sourceOf(release.component),
      "org.opencontainers.image.revision": release.commit_id,
      "org.opencontainers.image.version": release.version,
    });
    if (!extra.ok) return extra;
    const at = options.clock.now();
    const whole: Member[] =
      members.length > 0 || !extra.value ? members : [{ image: "", root: extra.value, platforms: [], bases: [] }];
    const scene: Scene = { release, members: whole, signer: signer.value, at };
    const makings = built.flatMap((image) => makingOf(image) ?? []);
    const made = await makeStatements(scene, files.value, makings.length === built.length ? makings[0] : undefined);
    if (!made.ok) return made;
    const [first] = whole;
    const carried =
      extra.value && first ? [rowOf(scene, first, first.root, "files", extra.value, made.value.head)] : [];
    const kept = files.value.map(({ path, bytes }) => ({
      release_id: release.id,
      path,
      digest: `sha256:${sha256Hex(bytes)}`,
      size: bytes.length,
    }));
    await store.transaction(async (trx) => {
      await store.orderAppends(trx);
      await keepProofs(trx, [...carried, ...made.value.rows], kept);
    });
    return ok(await proofsOfRelease(store.db, releaseId));
  }

  async function makeStatements(
    scene: Scene,
    files: readonly ReleaseFileContent[],
    making: ReturnType<typeof makingOf>,
  ): Promise<Result<{ readonly rows: readonly Omit<StoredProof, "seq">[]; readonly head: string }>> {
    const { release, members } = scene;
    const sboms = new Map<Descriptor, unknown>();
    const goVersions = new Set<string>();
    for (const member of members) {
      for (const platform of member.platforms) {
        const document = await describe(scene, member, platform, goVersions);
        if (!document.ok) return document;
        sboms.set(platform, document.value);
      }
    }
    const record = await sealRecord(store);
    const provenance = provenanceStatement({
      subjects: subjectsOf(scene),
      component: release.component,
      withoutImages: members.every((member) => member.image === ""),
      repository: options.sourceOf(release.component),
      version: release.version,
      commit: release.commit_id,
      tagObject: release.tag_object,
      configHash: release.config_hash,
      findingsHash: release.findings_hash,
      program: options.program,
      making,
      goVersions: [...goVersions].sort(),
      ...(await historyOf(store.db, release)),
      files: files.map(({ path, bytes }) => ({ path, sha256: sha256Hex(bytes) })),
      record,
    });
    const carrier = await carry(scene, provenance);
    if (!carrier.ok) return carrier;
    const rows: Omit<StoredProof, "seq">[] = [];
    const add = async (member: Member, subject: Descriptor, kind: string, layer: Uint8Array, predicate: string) => {
      const artifact = await writeBundleArtifact(scene, subject, layer, predicate);
      if (artifact.ok) rows.push(rowOf(scene, member, subject, kind, artifact.value, record.head));
      return artifact;
    };
    for (const member of members) {
      const digests = new Map([member.root, ...member.platforms].map((each) => [each.digest, each]));
      for (const subject of digests.values()) {
        const signed = await carry(scene, signatureOf(subject));
        if (!signed.ok) return signed;
        const signature = await add(member, subject, "signature", signed.value, signaturePredicate);
        if (!signature.ok) return signature;
        const proven = await add(member, subject, "provenance", carrier.value, provenancePredicate);
        if (!proven.ok) return proven;
      }
      for (const platform of member.platforms) {
        const name = options.repositoryOf(member.image);
        const listed = await carry(scene, statement([subjectOf(name, platform)], spdxPredicate, sboms.get(platform)));
        if (!listed.ok) return listed;
        const sbom = await add(member, platform, "sbom", listed.value, spdxPredicate);
        if (!sbom.ok) return sbom;
      }
    }
    return ok({ rows, head: record.head });
  }

  async function describe(
    scene: Scene,
    member: Member,
    platform: Descriptor,
    goVersions: Set<string>,
  ): Promise<Result<unknown>> {
    const config = await readConfig(blobs, platform);
    if (!config.ok) return config;
    const own = await layersAboveBases(blobs, config.value, member.bases);
    const contents = await readImageFiles(blobs, own);
    if (!contents.ok) return contents;
    for (const file of contents.value.files) if (file.go) goVersions.add(file.go.goVersion);
    return ok(documentOf(scene, member, platform, config.value.config, contents.value));
  }

  function documentOf(
    { release }: Scene,
    member: Member,
    manifest: Descriptor,
    config: ImageConfig,
    contents: ImageFiles,
  ): unknown {
    return spdxDocument({
      repository: options.repositoryOf(member.image),
      version: release.version,
      manifest,
      platform: { os: config.os, architecture: config.architecture, variant: config.variant },
      source: `${options.sourceOf(release.component)} at ${release.commit_id}`,
      created: config.created ?? new Date(release.requested_at).toISOString(),
      tool: options.program.replace(" ", "-"),
      bases: member.bases,
      contents,
    });
  }

  /** A statement in a signed bundle. */
  async function carry(scene: Scene, value: unknown): Promise<Result<Uint8Array>> {
    const payload = Buffer.from(JSON.stringify(value));
    const signature = await scene.signer.sign(signedBytes(statementPayload, payload));
    return signature.ok ? ok(writeBundle(scene.signer.hint, payload, signature.value)) : signature;
  }

  async function writeBundleArtifact(
    scene: Scene,
    subject: Descriptor,
    bundle: Uint8Array,
    predicateType: string,
  ): Promise<Result<Descriptor>> {
    return await writeArtifact(blobs, {
      artifactType: bundleType,
      subject,
      layers: [{ mediaType: bundleType, bytes: bundle }],
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": predicateType,
        "org.opencontainers.image.created": new Date(scene.at).toISOString(),
      },
    });
  }

  function subjectsOf(scene: Scene): readonly Subject[] {
    const source: Subject = {
      name: `git+${options.sourceOf(scene.release.component)}@refs/tags/${scene.release.version}`,
      digest: { gitCommit: scene.release.commit_id },
    };
    const images = scene.members.flatMap((member) => {
      const name = options.repositoryOf(member.image || scene.release.component);
      const digests = new Map([member.root, ...member.platforms].map((each) => [each.digest, each]));
      return [...digests.values()].map((each) => subjectOf(name, each));
    });
    return scene.members.some((member) => member.image === "") ? [source, ...images] : images;
  }

  return {
    prove: (releaseId) => serial(releaseId, () => prove(releaseId)),
    attach: async (releaseId, registry) => {
      const proofs = await serial(releaseId, () => prove(releaseId));
      if (!proofs.ok) return proofs;
      const release = await releaseToProve(store.db, releaseId);
      if (!release) return err(fault("not-found", `there is no release ${releaseId}`));
      for (const proof of proofs.value) {
        const repository = options.repositoryOf(proof.image || release.component);
        const artifact = { mediaType: proof.media_type, digest: proof.digest, size: proof.size };
        const pushed = await registry.push(repository, { root: artifact });
        if (!pushed.ok) return pushed;
      }
      // What has no images is found by its version all the same.
      const alone = proofs.value.find((proof) => proof.subject_digest === proof.digest);
      if (!alone) return ok(undefined);
      const root = { mediaType: alone.media_type, digest: alone.digest, size: alone.size };
      return await registry.tag(options.repositoryOf(release.component), release.version, root, "immutable");
    },
  };
}

function rowOf(
  scene: Scene,
  member: Member,
  subject: Descriptor,
  kind: string,
  artifact: Descriptor,
  head: string,
): Omit<StoredProof, "seq"> {
  return {
    release_id: scene.release.id,
    image: member.image,
    subject_digest: subject.digest,
    kind,
    digest: artifact.digest,
    media_type: artifact.mediaType,
    size: artifact.size,
    key_id: scene.signer.keyId,
    record_head: head,
    at: scene.at,
  };
}

/** Cosign: a signature is a statement about a digest with an empty predicate. */
function signatureOf(subject: Descriptor) {
  const { name: _, ...nameless } = subjectOf("", subject);
  return { ...statement([], signaturePredicate, {}), subject: [nameless] };
}

function subjectOf(name: string, { digest }: Descriptor): Subject {
  const colon = digest.indexOf(":");
  return { name, digest: { [digest.slice(0, colon)]: digest.slice(colon + 1) } };
}
