import { ok, type Result } from "../core/index.ts";
import type { EffectHandler, Journal } from "../journal/index.ts";
import type { ImageRegistry } from "../oci/index.ts";
import type { Trx } from "../store/index.ts";
import { publicationSubject } from "./records.ts";

/** Body of an `attach-proof` entry. Without a registry: of all of them, for a release that has no images. */
export interface ProofOrder {
  readonly releaseId: string;
  readonly registry?: string;
}

export interface AttachProofOptions {
  readonly journal: Journal;
  readonly registryNamed: (name: string) => Result<ImageRegistry>;
  readonly registries: () => readonly ImageRegistry[];
  /** Makes the proof the first time and pushes it; idempotent. */
  readonly attach: (releaseId: string, registry: ImageRegistry) => Promise<Result<void>>;
  /** Recorded when a release without images has its proof everywhere. */
  readonly onProven: (releaseId: string, trx: Trx) => Promise<void>;
  readonly onRetry: (order: ProofOrder, message: string, trx: Trx) => Promise<void>;
  readonly onFailure: (order: ProofOrder, message: string, trx: Trx) => Promise<void>;
}

/**
 * Between pushing images by digest and giving them their tag: whoever finds an image by its version finds its signature
 * and provenance with it.
 */
export function proofAttacher(options: AttachProofOptions): EffectHandler<ProofOrder> {
  return {
    kind: "attach-proof",
    perform: async (entry) => {
      const { releaseId, registry: name } = entry.body;
      if (name === undefined) {
        for (const registry of options.registries()) {
          const attached = await options.attach(releaseId, registry);
          if (!attached.ok) return attached;
        }
        return ok((trx) => options.onProven(releaseId, trx));
      }
      const registry = options.registryNamed(name);
      if (!registry.ok) return registry;
      const attached = await options.attach(releaseId, registry.value);
      if (!attached.ok) return attached;
      return ok(async (trx) => {
        const body = { releaseId, registry: name };
        await options.journal.write(trx, { kind: "tag-images", subject: publicationSubject(releaseId, name), body });
      });
    },
    onRetry: (entry, message, trx) => options.onRetry(entry.body, message, trx),
    onFailure: (entry, message, trx) => options.onFailure(entry.body, message, trx),
  };
}
