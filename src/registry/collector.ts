import { type Clock, err, fault, ok, type Result } from "../core/index.ts";
import { type Digest, largestManifest, parseManifest, type SweepableBlobStore } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import { digestsInRecords } from "./records.ts";

export interface Usage {
  readonly blobs: number;
  readonly bytes: number;
}

export interface Collection {
  readonly kept: Usage;
  readonly deleted: Usage;
}

export interface Collector {
  /** What is stored, in blobs and bytes. */
  usage(): Promise<Usage>;
  /**
   * Deletes blobs that no manifest, release, canary or built image refers to and that nobody touched for the grace.
   * A call during another gets that one's answer. Fault `corrupt`: a stored manifest cannot be read, so that what it
   * refers to is unknown; nothing is deleted then.
   */
  collect(): Promise<Result<Collection>>;
}

const defaultGraceMs = 24 * 3_600_000;

/**
 * Removes unused blobs while pushes, pulls and builds go on. Whoever relies on a blob has written it or asked for its
 * size, which touches it; the store deletes only what is untouched at that moment. So what is pushed while the records
 * are read is safe for the grace, and by then a manifest refers to it. Rows that say which repository had a blob stay: the
 * door asks the store as well, and a push that brings the blob back at this moment needs them.
 */
export function createCollector(options: {
  readonly store: Store;
  readonly blobs: SweepableBlobStore;
  readonly clock: Clock;
  readonly graceMs?: number;
}): Collector {
  const { store, blobs, clock, graceMs = defaultGraceMs } = options;
  let running: Promise<Result<Collection>> | undefined;

  async function referred(): Promise<Result<ReadonlySet<Digest>>> {
    const marked = new Set<Digest>();
    // Of an image that a record names but that was never stored here, nothing need be kept.
    const required = new Map<Digest, boolean>();
    for (const { digest, stored } of await digestsInRecords(store))
      required.set(digest, stored || required.get(digest) === true);
    const waiting = [...required];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [digest, must] = next;
      if (marked.has(digest)) continue;
      const bytes = await blobs.readAll(digest, largestManifest);
      if (!bytes.ok && bytes.error.code === "not-found" && !must) continue;
      const parsed = bytes.ok ? parseManifest(bytes.value, undefined) : bytes;
      if (!parsed.ok) {
        return err(
          fault("corrupt", `the stored manifest ${digest} cannot be read: ${parsed.error.message}`, {
            hint: "restore it from a backup; until then no blob is removed",
          }),
        );
      }
      marked.add(digest);
      if (parsed.value.kind === "index") {
        for (const child of parsed.value.document.manifests) waiting.push([child.digest, false]);
      } else {
        for (const blob of [parsed.value.document.config, ...parsed.value.document.layers]) marked.add(blob.digest);
      }
    }
    return ok(marked);
  }

  async function sweep(): Promise<Result<Collection>> {
    const before = clock.now() - graceMs;
    const marked = await referred();
    if (!marked.ok) return marked;
    const kept = { blobs: 0, bytes: 0 };
    const deleted = { blobs: 0, bytes: 0 };
    for await (const { digest, size, touchedAt } of blobs.list()) {
      const gone = touchedAt < before && !marked.value.has(digest) && (await blobs.deleteUntouched(digest, before));
      const count = gone ? deleted : kept;
      count.blobs += 1;
      count.bytes += size;
    }
    return ok({ kept, deleted });
  }

  return {
    usage: async () => {
      const all = { blobs: 0, bytes: 0 };
      for await (const { size } of blobs.list()) {
        all.blobs += 1;
        all.bytes += size;
      }
      return all;
    },
    collect: async () => {
      running ??= sweep().finally(() => {
        running = undefined;
      });
      return await running;
    },
  };
}
