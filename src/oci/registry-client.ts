import { type Clock, ok, type Result } from "../core/index.ts";
import { type CredentialSource, createAuthorizations } from "./client/authorization.ts";
import { openBlob } from "./client/download.ts";
import { createExchange } from "./client/exchange.ts";
import { createHostBudgets, type HostBudgets } from "./client/host-budget.ts";
import { type ManifestWrite, type RemoteManifest, readManifest, writeManifest } from "./client/manifests.ts";
import { listTags } from "./client/paging.ts";
import { addToFallback, asReferrer, listReferrers } from "./client/referrers.ts";
import { type Upload, uploadBlob } from "./client/upload.ts";
import { createWire } from "./client/wire.ts";
import type { Descriptor, Digest } from "./documents.ts";

export interface RegistryClientOptions {
  readonly clock: Clock;
  /** Absent: everything is asked anonymously. */
  readonly credentials?: CredentialSource;
  /** Handed to every client of a process, so that one host has one budget. */
  readonly budgets?: HostBudgets;
  /** Spreads the pauses of many workers: 0 up to 1. Absent: not spread. */
  readonly random?: () => number;
}

/**
 * OCI distribution 1.1, as its client. Credentials go to the registry they belong to and nowhere else; every digest is
 * compared; what broke off goes on where it stopped. Faults: `not-found`, `forbidden`, `unavailable` (worth trying again),
 * `corrupt` (the registry does not hold, or did not send, what it says), `limit`.
 */
export interface RegistryClient {
  /** By tag or digest. `undefined`: there is none. */
  manifest(host: string, repository: string, reference: string): Promise<Result<RemoteManifest | undefined>>;
  /** All of them, in the registry's order. */
  tags(host: string, repository: string): Promise<Result<readonly string[]>>;
  /** What is attached to a manifest, of one artifact type or all. */
  referrers(
    host: string,
    repository: string,
    subject: Digest,
    artifactType?: string,
  ): Promise<Result<readonly Descriptor[]>>;
  /** The bytes as they arrive, resumed where a connection breaks; whoever stores them compares size and digest. */
  blob(
    host: string,
    repository: string,
    blob: Pick<Descriptor, "digest" | "size">,
  ): Promise<Result<ReadableStream<Uint8Array>>>;
  /** Nothing is sent that is there already, or that can be mounted. */
  pushBlob(upload: Upload): Promise<Result<"present" | "mounted" | "uploaded">>;
  /** Written, read back and compared; a subject is listed where the registry does not do so itself. */
  pushManifest(write: ManifestWrite): Promise<Result<void>>;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { clock } = options;
  const wire = createWire(clock);
  const exchange = createExchange({
    clock,
    wire,
    budgets: options.budgets ?? createHostBudgets({ clock }),
    authorizations: createAuthorizations({ clock, wire, credentials: options.credentials }),
    random: options.random ?? (() => 1),
  });
  return {
    manifest: (host, repository, reference) => readManifest(exchange, host, repository, reference),
    tags: (host, repository) => listTags(exchange, host, repository),
    referrers: (host, repository, subject, artifactType) =>
      listReferrers(exchange, host, repository, subject, artifactType),
    blob: (host, repository, blob) => openBlob(exchange, host, repository, blob),
    pushBlob: (upload) => uploadBlob(exchange, upload),
    pushManifest: async (write) => {
      const described = asReferrer(write.bytes, write.mediaType);
      if (!described.ok) return described;
      const written = await writeManifest(exchange, write);
      if (!written.ok) return written;
      if (!described.value || written.value.indexedSubject) return ok(undefined);
      const { subject, referrer } = described.value;
      return await addToFallback(exchange, write.host, write.repository, subject, referrer);
    },
  };
}
