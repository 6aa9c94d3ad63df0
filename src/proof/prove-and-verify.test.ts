import { createPublicKey, verify as verifySignature } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MemoryRegistry, memoryRegistry } from "../../test/fixtures/memory-registry.ts";
import { ManualClock, must, ok, sha256Hex, systemIds } from "../core/index.ts";
import { createRemoteRegistry, type Descriptor, mediaTypes, openFsBlobStore } from "../oci/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { createKeyring, type Keyring, keyIdOf } from "./keyring.ts";
import { createProver, type Prover } from "./prover.ts";
import { proofsOfRelease, storedAt } from "./records.ts";
import { type RecordWitness, type TrustedKey, verifyProof } from "./verify.ts";

const commit = "c0ffee0000000000000000000000000000000001";
const releaseId = "beacon@v1.2.0";
const start = Date.parse("2026-03-01T08:00:00Z");
let root: string;
let store: Store;
let clock: ManualClock;
let keyring: Keyring;
let blobs: Awaited<ReturnType<typeof openFsBlobStore>>;
let registry: MemoryRegistry;
let image: Descriptor;
let platforms: readonly Descriptor[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "proof-"));
  store = await openStore("sqlite::memory:");
  clock = new ManualClock(start);
  blobs = await openFsBlobStore({ root: join(root, "blobs"), ids: systemIds });
  keyring = createKeyring({
    store,
    clock,
    folder: join(root, "keys"),
    passphrase: undefined,
    outside: async () => ok(undefined),
  });
  must(await keyring.ensure());
  registry = memoryRegistry(false);
  ({ image, platforms } = await buildImage());
  await recordRelease();
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

async function keep(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  return { mediaType, ...must(await blobs.write(bytes)) };
}

async function json(value: unknown, mediaType: string): Promise<Descriptor> {
  return await keep(Buffer.from(JSON.stringify(value)), mediaType);
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files))
    archive.entry({ name, mode: 0o755, mtime: new Date(0) }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Two platforms, each with a layer of its own on a layer of a base. */
async function buildImage(version = "v1.2.0") {
  const baseTar = await tarOf({ "etc/os-release": "NAME=base\n" });
  const base = await keep(gzipSync(baseTar), mediaTypes.ociLayerGzip);
  const baseId = `sha256:${sha256Hex(baseTar)}`;
  const baseConfig = await json(
    { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [baseId] } },
    mediaTypes.ociConfig,
  );
  const baseManifest = await json(
    { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: baseConfig, layers: [base] },
    mediaTypes.ociManifest,
  );
  baseDigest = baseManifest.digest;
  const members: Descriptor[] = [];
  for (const architecture of ["amd64", "arm64"]) {
    const tar = await tarOf({ beacon: `#!/bin/sh\necho ${architecture}\n` });
    const layer = await keep(gzipSync(tar), mediaTypes.ociLayerGzip);
    const labels = { "org.opencontainers.image.revision": commit, "org.opencontainers.image.version": version };
    const config = await json(
      {
        created: "2026-02-28T12:00:00Z",
        architecture,
        os: "linux",
        config: { Labels: labels },
        rootfs: { type: "layers", diff_ids: [baseId, `sha256:${sha256Hex(tar)}`] },
      },
      mediaTypes.ociConfig,
    );
    members.push(
      await json(
        { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [base, layer] },
        mediaTypes.ociManifest,
      ),
    );
  }
  const index = await json(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: members },
    mediaTypes.ociIndex,
  );
  return { image: index, platforms: members };
}
let baseDigest: string;

async function recordRelease(making = "assembler"): Promise<void> {
  const run = {
    type: "postsubmit",
    component: "beacon",
    context: "",
    optional: 0,
    required: 1,
    state: "success",
    description: "",
    reason: "",
    refs: "{}",
    ref: "refs/tags/v1.2.0",
    base_sha: "b".repeat(40),
    job_body: "{}",
    config_hash: "",
    event_id: "",
    attempt: 1,
    created_at: start,
    finished_at: start + 60_000,
    started_at: start,
    fencing: 0,
  } as const;
  await store.db
    .insertInto("runs")
    .values([
      {
        ...run,
        id: "r-tag",
        job: "fam-beacon-build",
        tier: "release",
        head: commit,
        tested_commit: commit,
        tested_tree: "7".repeat(40),
        tests: JSON.stringify({ passed: 3, failed: 0, skipped: 1, failures: [] }),
      },
      {
        ...run,
        id: "r-change",
        job: "fam-beacon-pr",
        type: "presubmit",
        tier: "change",
        ref: "refs/pull/4/head",
        change_number: 4,
        head: "d".repeat(40),
        tested_commit: "e".repeat(40),
      },
      {
        ...run,
        id: "r-other",
        job: "fam-beacon-pr",
        type: "presubmit",
        tier: "change",
        ref: "refs/pull/5/head",
        change_number: 5,
        head: "f".repeat(40),
        tested_commit: "a".repeat(40),
      },
      {
        ...run,
        id: "r-red",
        job: "fam-beacon-extra",
        tier: "branch",
        state: "failure",
        head: commit,
        tested_commit: commit,
      },
      {
        ...run,
        id: "r-none",
        job: "fam-beacon-cluster",
        tier: "branch",
        state: "error",
        not_run_need: "cluster",
        head: commit,
      },
    ])
    .execute();
  await store.db
    .insertInto("changes")
    .values({
      component: "beacon",
      number: 4,
      base: "main",
      base_sha: "b".repeat(40),
      head: "d".repeat(40),
      title: "",
      author: "ann",
      author_role: null,
      allowed_head: null,
      state: "merged",
      files: "[]",
      opened_at: start,
      updated_at: start,
      merged_at: start,
      merged_commit: commit,
      merged_by: "ann",
      override_reason: "the cluster is being moved",
      conflicts: "",
    })
    .execute();
  await store.db
    .insertInto("releases")
    .values({
      id: releaseId,
      component: "beacon",
      version: "v1.2.0",
      tag_object: "9".repeat(40),
      commit_id: commit,
      tree: null,
      state: "publishing",
      prerelease: 0,
      findings: "[]",
      unchecked: "[]",
      findings_hash: "f",
      config_hash: "c",
      reason: "",
      requested_by: "ann",
      run_id: "r-tag",
      approved_by: null,
      approved_reason: null,
      requested_at: start,
    })
    .execute();
  await store.db
    .insertInto("built_images")
    .values({
      run_id: "r-tag",
      name: "beacon",
      digest: image.digest,
      media_type: image.mediaType,
      size: image.size,
      platforms: JSON.stringify(platforms.map((each) => ({ digest: each.digest }))),
      warnings: "[]",
      making: JSON.stringify({
        by: making,
        isolation: "full",
        network: "egress-proxy",
        caches: "none",
        toolchain: { go: "1.26.6" },
        bases: [{ reference: "base.example/static:1", digest: baseDigest }],
      }),
      at: start,
    })
    .execute();
  await store.db
    .insertInto("feed")
    .values({ at: start, topic: "release", component: "beacon", subject: releaseId, state: "publishing" })
    .execute();
}

async function recordVerified(): Promise<void> {
  await store.db
    .insertInto("journal")
    .values({
      id: "j1",
      kind: "verify-release",
      subject: releaseId,
      body: JSON.stringify({ releaseId }),
      state: "done",
      tries: 1,
      not_before: 0,
      last_error: "",
      written_at: start,
      fencing: 0,
    })
    .execute();
}

function prover(ring: Keyring = keyring): Prover {
  return createProver({
    store,
    blobs,
    clock,
    keyring: ring,
    program: "fairlead 0.1.0",
    repositoryOf: (name) => `fam/${name}`,
    sourceOf: (component) => `https://git.example/${component}`,
    filesOf: async () => ok([{ path: "deploy/rbac.yaml", bytes: Buffer.from("kind: Role\n") }]),
  });
}

const remote = () => createRemoteRegistry({ name: "reg.example/mirror", client: registry, blobs });

async function publish(): Promise<void> {
  await recordVerified();
  must(await remote().push("fam/beacon", { root: image }));
  must(await prover().attach(releaseId, remote()));
  must(await remote().tag("fam/beacon", "v1.2.0", image, "immutable"));
}

async function familyKeys(): Promise<readonly TrustedKey[]> {
  return await keyring.list();
}

async function verified(
  keys: readonly TrustedKey[],
  witness?: RecordWitness,
  name = "reg.example/mirror/fam/beacon:v1.2.0",
) {
  const answer = must(await verifyProof({ client: registry, keys, witness }, name));
  return { ...answer, no: answer.checks.filter((each) => !each.ok).map((each) => `${each.check}: ${each.detail}`) };
}

async function statementOf(kind: string, subject: string): Promise<{ readonly predicate: Record<string, unknown> }> {
  const row = (await proofsOfRelease(store.db, releaseId)).find(
    (each) => each.kind === kind && each.subject_digest === subject,
  );
  const manifest: { layers: { digest: string }[] } = JSON.parse(await text(row?.digest ?? ""));
  const bundle: { dsseEnvelope: { payload: string } } = JSON.parse(await text(manifest.layers[0]?.digest ?? ""));
  return JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8"));
}

async function text(digest: string): Promise<string> {
  return await readFile(blobs.pathOf(digest), "utf8");
}

describe("the proof of a release", () => {
  it("is not made of what the journal does not hold as verified", async () => {
    const refused = await prover().prove(releaseId);
    expect(refused).toMatchObject({ ok: false, error: { code: "refused" } });
    expect(await proofsOfRelease(store.db, releaseId)).toEqual([]);
  });

  it("says what was built from what, how, and what was tested on which commit", async () => {
    await recordVerified();
    must(await prover().prove(releaseId));
    const provenance = await statementOf("provenance", image.digest);
    const { fairlead_record: record, ...predicate } = provenance.predicate;
    expect(record).toEqual({ entries: 1, head: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect({ ...provenance, predicate }).toMatchSnapshot();
  });

  it("claims no materials for what a job's own script pushed", async () => {
    await store.db
      .updateTable("built_images")
      .set({
        making: JSON.stringify({
          by: "job",
          isolation: "full",
          network: "egress-proxy",
          caches: "none",
          toolchain: {},
          bases: [],
        }),
      })
      .execute();
    await recordVerified();
    must(await prover().prove(releaseId));
    const { predicate } = await statementOf("provenance", image.digest);
    expect(predicate).toMatchObject({ buildDefinition: { resolvedDependencies: [] } });
  });

  it("lists files above the base with their sums, and the base as what the image descends from", async () => {
    await recordVerified();
    must(await prover().prove(releaseId));
    expect(await statementOf("sbom", platforms[0]?.digest ?? "")).toMatchSnapshot();
  });

  it("is the same bytes whenever it is asked for again, by another process too", async () => {
    await recordVerified();
    const first = must(await prover().prove(releaseId));
    clock.advance(3_600_000);
    await store.db
      .insertInto("feed")
      .values({ at: start, topic: "run", component: "beacon", subject: "later", state: "x" })
      .execute();
    const other = prover();
    const [again, beside] = await Promise.all([other.prove(releaseId), other.prove(releaseId)]);
    expect(must(again)).toEqual(first);
    expect(must(beside)).toEqual(first);
    expect(first.map((row) => row.kind).sort()).toEqual([
      "files",
      ...Array(3).fill("provenance"),
      ...Array(2).fill("sbom"),
      ...Array(3).fill("signature"),
    ]);
  });

  it("waits for a signer that does not answer, and keeps nothing half-made", async () => {
    await recordVerified();
    const silent: Keyring = {
      ...keyring,
      signer: async () =>
        ok({
          keyId: "k",
          hint: "h",
          sign: async () => ({ ok: false, error: { code: "unavailable", message: "down" } }),
        }),
    };
    expect(await prover(silent).prove(releaseId)).toMatchObject({ ok: false, error: { code: "unavailable" } });
    expect(await proofsOfRelease(store.db, releaseId)).toEqual([]);
    expect((await prover().prove(releaseId)).ok).toBe(true);
  });

  it.each([true, false])(
    "is found from the image, the registry listing referrers: %s; pushing again changes nothing",
    async (lists) => {
      registry = memoryRegistry(lists);
      await publish();
      const before = new Map(registry.manifests);
      must(await prover().attach(releaseId, remote()));
      expect([...registry.manifests.keys()].sort()).toEqual([...before.keys()].sort());
      const tag = `mirror/fam/beacon:${image.digest.replace(":", "-")}`;
      expect(registry.manifests.has(tag)).toBe(!lists);
      if (lists) return;
      const index: { manifests: { artifactType: string; annotations: Record<string, string> }[] } = JSON.parse(
        Buffer.from(registry.manifests.get(tag) ?? "").toString("utf8"),
      );
      expect(
        index.manifests.map((each) => each.annotations["dev.sigstore.bundle.predicateType"] ?? each.artifactType),
      ).toEqual([
        "application/vnd.fairlead.files.v1",
        "https://sigstore.dev/cosign/sign/v1",
        "https://slsa.dev/provenance/v1",
      ]);
    },
  );

  it("is a DSSE envelope whose signature any implementation can check", async () => {
    await recordVerified();
    const rows = must(await prover().prove(releaseId));
    const [key] = await keyring.list();
    for (const row of rows.filter((each) => each.kind !== "files")) {
      const manifest: { layers: { digest: string }[]; subject: { digest: string } } = JSON.parse(
        await text(row.digest),
      );
      expect(manifest.subject.digest).toBe(row.subject_digest);
      const bundle: {
        verificationMaterial: { publicKey: { hint: string } };
        dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
      } = JSON.parse(await text(manifest.layers[0]?.digest ?? ""));
      const payload = Buffer.from(bundle.dsseEnvelope.payload, "base64");
      const type = bundle.dsseEnvelope.payloadType;
      const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
      const signature = Buffer.from(bundle.dsseEnvelope.signatures[0]?.sig ?? "", "base64");
      expect(verifySignature("sha256", signed, createPublicKey(key?.publicKey ?? ""), signature)).toBe(true);
      expect(Buffer.from(bundle.verificationMaterial.publicKey.hint, "base64").toString("hex")).toBe(key?.id);
    }
  });
});

describe("verifying an image", () => {
  it("says yes to what was published, with the family's key or a key file alone", async () => {
    await publish();
    const answer = await verified(await familyKeys());
    expect(answer).toMatchObject({ ok: true, digest: image.digest, no: [] });
    expect(answer.checks.map((each) => each.check)).toEqual([
      "key",
      "content",
      "signature",
      "provenance",
      "labels",
      "sbom",
      "files",
    ]);
    expect(answer.unchecked.map((each) => each.check)).toEqual(["record"]);
    const one = await verified(await familyKeys(), undefined, `reg.example/mirror/fam/beacon@${platforms[1]?.digest}`);
    expect(one.ok).toBe(true);
  });

  it("says no without a key to trust, and with a stranger's", async () => {
    await publish();
    expect((await verified([])).no[0]).toMatch(/^key: there is no key to trust/);
    const stranger = createKeyring({
      store: await openStore("sqlite::memory:"),
      clock,
      folder: join(root, "other"),
      passphrase: undefined,
      outside: async () => ok(undefined),
    });
    const key = must(await stranger.ensure());
    expect((await verified([key])).no).toEqual([
      "signature: no trusted key made its signature",
      "provenance: no trusted key made its signature",
    ]);
  });

  it("says no to an image without proof", async () => {
    await recordVerified();
    must(await remote().push("fam/beacon", { root: image }));
    must(await remote().tag("fam/beacon", "v1.2.0", image, "immutable"));
    expect((await verified(await familyKeys())).no).toEqual([
      "signature: it has no signature",
      "provenance: it has no provenance",
    ]);
  });

  it("catches one changed byte, wherever it is", async () => {
    await publish();
    for (const [digest, bytes] of [...registry.blobs]) {
      if (Buffer.from(bytes).toString() === "{}") continue;
      const changed = Buffer.from(bytes);
      changed[Math.floor(changed.length / 2)] = (changed[Math.floor(changed.length / 2)] ?? 0) ^ 1;
      registry.blobs.set(digest, changed);
      const named = `${digest} ${Buffer.from(bytes).toString("utf8").slice(0, 60)}`;
      expect((await verified(await familyKeys())).ok, named).toBe(false);
      registry.blobs.set(digest, bytes);
    }
    expect((await verified(await familyKeys())).ok).toBe(true);
  });

  it("says no under another version's tag, and to labels of another version", async () => {
    await publish();
    must(await remote().tag("fam/beacon", "v1.3.0", image, "moving"));
    expect((await verified(await familyKeys(), undefined, "reg.example/mirror/fam/beacon:v1.3.0")).no).toEqual([
      "provenance: it was released as v1.2.0, not as v1.3.0",
    ]);
  });

  it("does not take the proof of one image for another", async () => {
    await publish();
    const foreign = await buildImage("v6.6.6");
    must(await remote().push("fam/beacon", { root: foreign.image }));
    must(await remote().tag("fam/beacon", "v6.6.6", foreign.image, "moving"));
    const mine = `mirror/fam/beacon:${image.digest.replace(":", "-")}`;
    registry.manifests.set(
      `mirror/fam/beacon:${foreign.image.digest.replace(":", "-")}`,
      registry.manifests.get(mine) ?? new Uint8Array(),
    );
    expect((await verified(await familyKeys(), undefined, "reg.example/mirror/fam/beacon:v6.6.6")).no).toEqual([
      "signature: what was signed is about another image",
      "provenance: what was signed is about another image",
    ]);
  });

  it("asks the record where it can, and believes it", async () => {
    await publish();
    const witness = (good: boolean): RecordWitness => ({
      storedAt: async () => ok(undefined),
      holds: async (head) =>
        ok({ ok: good && head.length === 64, detail: good ? "whole" : "row 3 of events was changed" }),
    });
    expect((await verified(await familyKeys(), witness(true))).ok).toBe(true);
    expect((await verified(await familyKeys(), witness(false))).no).toEqual(["record: row 3 of events was changed"]);
  });

  it("trusts a revoked key only for what the record had before", async () => {
    await publish();
    const witness: RecordWitness = {
      storedAt: async (artifact) => ok(await storedAt(store.db, artifact)),
      holds: async () => ok({ ok: true, detail: "" }),
    };
    must(await keyring.revoke(undefined, start + 1, "ann"));
    expect((await verified(await familyKeys(), witness)).ok).toBe(true);
    expect((await verified(await familyKeys())).no[0]).toMatch(/revoked from 2026-03-01 on, and no record says/);
    const [, old] = [...(await keyring.list())].sort((a, b) =>
      a.state === "current" ? -1 : b.state === "current" ? 1 : 0,
    );
    must(await keyring.revoke(old?.id, start - 1, "ann"));
    expect((await verified(await familyKeys(), witness)).no[0]).toMatch(/and this was signed on 2026-03-01/);
  });

  it("goes by the key's own name", async () => {
    const [key] = await keyring.list();
    expect(must(keyIdOf(key?.publicKey ?? ""))).toBe(key?.id);
    expect(keyIdOf("-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----")).toMatchObject({
      ok: false,
      error: { code: "bad-input" },
    });
  });
});
