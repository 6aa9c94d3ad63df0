import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import { type BlobStore, type Descriptor, mediaTypes } from "../../oci/index.ts";
import { openContext } from "../context/context.ts";
import { isForBuilder } from "../dockerfile/instructions.ts";
import type { Compression } from "../layers/compression.ts";
import { createLayerReader } from "../layers/read-layer.ts";
import type { AssembledImage, AssembleRequest, Assembler, BaseSource } from "../model.ts";
import type { OutsideBuilder } from "../outside/outside-builder.ts";
import { withBuildNumber } from "../windows-versions.ts";
import { buildPlatform, type PlatformImage } from "./platform-image.ts";

export interface AssemblerOptions {
  readonly blobs: BlobStore;
  readonly bases: BaseSource;
  readonly compression: Compression;
  /** For Dockerfiles that run something. */
  readonly outside?: OutsideBuilder | undefined;
}

/** Packing runs on zlib's own threads; more than two at once gain nothing on the machines this runs on. */
const atOnce = 2;

/** Makes images from Dockerfiles that run nothing: no daemon, no namespace, the same bytes on every machine. */
export function createAssembler(options: AssemblerOptions): Assembler {
  const layers = createLayerReader(options.blobs);
  return {
    assemble: async (request): Promise<Result<AssembledImage>> => {
      const context = openContext(request.context);
      const resolved = new Map<string, Promise<Result<Descriptor>>>();
      const resolveBase = (reference: string) => {
        const known = resolved.get(reference) ?? options.bases.resolve(reference);
        resolved.set(reference, known);
        return known;
      };
      const { labels, epoch, builder, place } = request;
      const { outside } = options;
      const built = await inTurn(request.platforms, async (asked): Promise<Result<MadeImage>> => {
        const spec = { ...asked, platform: withBuildNumber(asked.platform) };
        const build = { ...options, layers, context, spec, labels, epoch, resolveBase };
        const named = builder === "assembler" ? undefined : builder;
        if (named !== undefined && (!outside || !place))
          return err(fault("missing-need", `${named} is not started here`, { hint: "leave `builder` out" }));
        const image = named === undefined ? await buildPlatform(build) : undefined;
        if (image && (image.ok || builder === "assembler" || !isForBuilder(image.error))) return image;
        return outside && place
          ? await outside.build(build, named, place)
          : (image ?? err(fault("failed", "no builder")));
      });
      if (!built.ok) return built;
      const images = built.value;
      const first = images[0];
      if (!first) return err(fault("bad-input", "an image needs at least one platform"));
      const asIndex = request.index || images.length > 1;
      const root = asIndex ? await writeIndex(options.blobs, images) : ok(first.manifest);
      if (!root.ok) return root;
      const bases = new Map(images.flatMap((image) => image.bases.map((base) => [base.reference, base])));
      return ok({
        root: root.value,
        platforms: images.map(({ platform, manifest, diffIds, entrypoint }) => ({
          platform,
          manifest,
          diffIds,
          entrypoint,
        })),
        bases: [...bases.values()],
        warnings: onceEach(images.flatMap((image) => image.warnings)),
        tools: [...new Set(images.flatMap((image) => image.tool ?? []))],
      });
    },
  };
}

type MadeImage = PlatformImage & { readonly tool?: string };

/** Some at a time; answers in the order asked, and of several failures the first in that order. */
async function inTurn(
  specs: AssembleRequest["platforms"],
  build: (spec: AssembleRequest["platforms"][number]) => Promise<Result<MadeImage>>,
): Promise<Result<readonly MadeImage[]>> {
  const results: Result<MadeImage>[] = [];
  let next = 0;
  let failed = false;
  async function worker(): Promise<void> {
    for (let index = next++; index < specs.length && !failed; index = next++) {
      const spec = specs[index];
      if (!spec) return;
      const result = await build(spec);
      results[index] = result;
      failed ||= !result.ok;
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
  const images: MadeImage[] = [];
  for (const result of Object.values(results)) {
    if (!result.ok) return result;
    images.push(result.value);
  }
  return ok(images);
}

function onceEach(warnings: readonly Fault[]): readonly Fault[] {
  return [...new Map(warnings.map((warning) => [warning.message, warning])).values()];
}

async function writeIndex(blobs: BlobStore, images: readonly PlatformImage[]): Promise<Result<Descriptor>> {
  const docker = images.every((image) => image.docker);
  const mediaType = docker ? mediaTypes.dockerIndex : mediaTypes.ociIndex;
  const manifests = images.map(({ platform, manifest }) => ({ ...manifest, platform }));
  const stored = await blobs.write(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })));
  return stored.ok ? ok({ mediaType, ...stored.value }) : stored;
}
