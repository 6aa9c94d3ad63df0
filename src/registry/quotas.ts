import { stat } from "node:fs/promises";
import type { Clock } from "../core/index.ts";
import type { Family } from "../family/index.ts";
import type { BlobStore, Digest } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import { blobsOf, manifestBytesOf } from "./records.ts";
import { stagingRunOf } from "./staging-names.ts";

/** How much more may be pushed to a repository. A blob or manifest counts once, in however many repositories of the scope it is. */
export interface Quotas {
  /** Bytes that still fit, and the sentence for when they do not; `undefined`: no bound. */
  room(repository: string): Promise<{ readonly bytes: number; readonly reason: string } | undefined>;
  /** Why so many bytes more do not fit; `undefined`: they do. */
  refuse(repository: string, bytes: number): Promise<string | undefined>;
  /** A blob or manifest came to the repository that was not in it. */
  added(repository: string, bytes: number): void;
}

interface Count {
  bytes: number;
  readonly at: number;
}

interface Bound {
  /** A repository, or what its name begins with, ending in a slash. */
  readonly scope: string;
  readonly limit: number;
  readonly words: string;
}

const mostOfRun = 20 * 1024 ** 3;
const recountMs = 10 * 60_000;
/** Deleted blobs make room at the next count; a refusal is never older than this. */
const doubtMs = 10_000;
const mostCounts = 1000;

export function createQuotas(options: {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly family: () => Family;
}): Quotas {
  const { store, blobs, clock } = options;
  const counts = new Map<string, Count>();

  function boundsOf(repository: string): readonly Bound[] {
    const { name, registries } = options.family();
    const limits = registries.quota ?? { run: mostOfRun };
    const run = stagingRunOf(repository);
    if (run !== undefined) return [{ scope: `staging/${run}/`, limit: limits.run, words: "what this run pushes" }];
    const bounds: Bound[] = [];
    if (limits.repository !== undefined)
      bounds.push({ scope: repository, limit: limits.repository, words: `the repository ${repository}` });
    if (limits.family !== undefined && repository.startsWith(`${name}/`))
      bounds.push({
        scope: `${name}/`,
        limit: limits.family,
        words: `the family ${name}, all its repositories together,`,
      });
    return bounds;
  }

  async function counted(scope: string, olderThanMs: number): Promise<number> {
    const known = counts.get(scope);
    if (known && clock.now() - known.at < olderThanMs) return known.bytes;
    const at = clock.now();
    let bytes = await manifestBytesOf(store.db, scope);
    for (const digest of await blobsOf(store.db, scope)) bytes += await sizeUntouched(blobs, digest);
    if (counts.size >= mostCounts) counts.clear();
    counts.set(scope, { bytes, at });
    return bytes;
  }

  async function room(repository: string, wanted: number) {
    let least: { bytes: number; reason: string } | undefined;
    for (const { scope, limit, words } of boundsOf(repository)) {
      let bytes = limit - (await counted(scope, recountMs));
      if (bytes < wanted) bytes = limit - (await counted(scope, doubtMs));
      if (least !== undefined && least.bytes <= bytes) continue;
      const reason = `${words} may hold ${inMebibytes(limit)} and has room for ${inMebibytes(Math.max(bytes, 0))}; delete what is not needed, or ask an administrator for more (registries.quota in the family file)`;
      least = { bytes: Math.max(bytes, 0), reason };
    }
    return least;
  }

  return {
    room: (repository) => room(repository, 1),
    refuse: async (repository, bytes) => {
      const found = await room(repository, bytes);
      return found && found.bytes < bytes ? found.reason : undefined;
    },
    added: (repository, bytes) => {
      for (const { scope } of boundsOf(repository)) {
        const count = counts.get(scope);
        if (count) count.bytes += bytes;
      }
    },
  };
}

/** Asking the store would touch the blob and keep it from the collector. */
async function sizeUntouched(blobs: BlobStore, digest: Digest): Promise<number> {
  return (await stat(blobs.pathOf(digest)).catch(() => undefined))?.size ?? 0;
}

function inMebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`;
}
