import { err, fault, ok, type Result } from "../../core/index.ts";
import { type BlobStore, type Descriptor, mediaTypes } from "../../oci/index.ts";
import { openContext } from "../context/context.ts";
import type { Compression } from "../layers/compression.ts";
import type { AssembledImage, AssembleRequest, Assembler, BaseSource } from "../model.ts";
import { buildPlatform, type PlatformImage } from "./platform-image.ts";

export interface AssemblerOptions {
  readonly blobs: BlobStore;
  readonly bases: BaseSource;
  readonly compression: Compression;
}

/** Makes images from Dockerfiles that run nothing: no daemon, no namespace, the same bytes on every machine. */
export function createAssembler(options: AssemblerOptions): Assembler {
  return {
    assemble: async (request): Promise<Result<AssembledImage>> => {
      const context = await openContext(request.context);
      const bases = new Map<string, Promise<Result<Descriptor>>>();
      const resolveBase = (reference: string) => {
        const known = bases.get(reference) ?? options.bases.resolve(reference);
        bases.set(reference, known);
        return known;
      };
      const images: {
        readonly platform: AssembleRequest["platforms"][number]["platform"];
        readonly image: PlatformImage;
      }[] = [];
      for (const spec of request.platforms) {
        const { labels, epoch } = request;
        const built = await buildPlatform({ ...options, context, spec, labels, epoch, resolveBase });
        if (!built.ok) return built;
        images.push({ platform: spec.platform, image: built.value });
      }
      const first = images[0];
      if (!first) return err(fault("bad-input", "an image needs at least one platform"));
      const root = request.index ? await writeIndex(options.blobs, images) : ok(first.image.manifest);
      if (!root.ok) return root;
      const used = new Map(images.flatMap(({ image }) => (image.base ? [[image.base.reference, image.base]] : [])));
      return ok({
        root: root.value,
        platforms: images.map(({ platform, image }) => ({
          platform,
          manifest: image.manifest,
          diffIds: image.diffIds,
          entrypoint: image.entrypoint,
        })),
        bases: [...used.values()],
        warnings: images.flatMap(({ image }) => image.warnings),
      });
    },
  };
}

async function writeIndex(
  blobs: BlobStore,
  images: readonly { readonly platform: object; readonly image: PlatformImage }[],
): Promise<Result<Descriptor>> {
  const docker = images.every(({ image }) => image.docker);
  const mediaType = docker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
  const manifests = images.map(({ platform, image }) => ({ ...image.manifest, platform }));
  const stored = await blobs.write(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })));
  return stored.ok ? ok({ mediaType, ...stored.value }) : stored;
}
