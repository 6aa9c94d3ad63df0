import { err, fault, ok, type Result } from "../core/index.ts";
import type { ImageInspector } from "../images/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  mediaTypes,
  type Platform,
} from "../oci/index.ts";

export interface Expected {
  readonly commit: string;
  readonly version: string;
  /** As the release configuration of the commit lists them; `undefined`: it lists none, a script makes the image. */
  readonly declared: readonly Platform[] | undefined;
  /** What the release before has, unless this one is a new major. */
  readonly before: { readonly version: string; readonly platforms: readonly Platform[] } | undefined;
}

const documentLimit = 4 * 1024 * 1024;

/**
 * Reads an image back from the blob store and compares what it says about itself with the release: every platform must
 * carry the labels of this commit and this version, all its bytes must be there, what it starts must be in it and able to
 * run, and the platforms are those declared and no fewer than before.
 */
export async function verifyImage(
  blobs: BlobStore,
  inspector: ImageInspector,
  name: string,
  root: Descriptor,
  expected: Expected,
): Promise<Result<void>> {
  const manifests = await manifestsOf(blobs, root);
  if (!manifests.ok) return manifests;
  const platforms: Platform[] = [];
  for (const descriptor of manifests.value) {
    const manifest = await readDocument<ImageManifest>(blobs, descriptor.digest);
    if (!manifest.ok) return manifest;
    for (const layer of manifest.value.layers) {
      if ((await blobs.sizeOf(layer.digest)) !== layer.size && layer.urls === undefined) {
        return err(fault("corrupt", `image ${name}: layer ${layer.digest} is missing or cut short`));
      }
    }
    const config = await readDocument<ImageConfig>(blobs, manifest.value.config.digest);
    if (!config.ok) return config;
    const wrong = wrongLabel(config.value, expected);
    if (wrong) return err(fault("refused", `image ${name}: ${wrong}`));
    const { os, architecture, variant } = config.value;
    const platform = { os, architecture, variant, "os.version": config.value["os.version"] };
    platforms.push(platform);
    const troubles = await inspector.troubles(descriptor.digest, platform);
    if (!troubles.ok) return troubles;
    const [trouble] = troubles.value;
    if (trouble)
      return err(
        fault("refused", `image ${name}, ${platformName(platform)}: ${trouble.message}`, { hint: trouble.hint }),
      );
  }
  const lacking = missingPlatform(platforms, expected);
  return lacking === undefined ? ok(undefined) : err(fault("refused", `image ${name}: ${lacking}`));
}

/** Which platform the image should have and has not. Several builds of Windows count as one platform each. */
export function missingPlatform(
  has: readonly Platform[],
  expected: Pick<Expected, "declared" | "before">,
): string | undefined {
  const names = new Map<string, number>();
  for (const platform of has) names.set(platformName(platform), (names.get(platformName(platform)) ?? 0) + 1);
  const lacks = (wanted: readonly Platform[]) => {
    const counted = new Map<string, number>();
    for (const platform of wanted) counted.set(platformName(platform), (counted.get(platformName(platform)) ?? 0) + 1);
    return [...counted].find(([name, count]) => (names.get(name) ?? 0) < count)?.[0];
  };
  const undeclared = lacks(expected.declared ?? []);
  if (undeclared !== undefined) return `it has nothing for ${undeclared}, which the release configuration lists`;
  const lost = lacks(expected.before?.platforms ?? []);
  return lost === undefined
    ? undefined
    : `it has nothing for ${lost}, which ${expected.before?.version} has; a new major may leave a platform out`;
}

/** Without the variants that are the only ones: arm64 is v8, whether said or not. */
function platformName({ os, architecture, variant }: Platform): string {
  const plain = variant === undefined || (architecture === "arm64" && variant === "v8");
  return [os, architecture, ...(plain ? [] : [variant])].join("/");
}

async function manifestsOf(blobs: BlobStore, root: Descriptor): Promise<Result<readonly Descriptor[]>> {
  if (root.mediaType !== mediaTypes.ociIndex && root.mediaType !== mediaTypes.dockerIndex) return ok([root]);
  const index = await readDocument<ImageIndex>(blobs, root.digest);
  return index.ok ? ok(index.value.manifests) : index;
}

function wrongLabel(config: ImageConfig, expected: Expected): string | undefined {
  const labels = config.config?.Labels ?? {};
  const wanted: readonly [string, string][] = [
    ["org.opencontainers.image.revision", expected.commit],
    ["org.opencontainers.image.version", expected.version],
  ];
  for (const [label, value] of wanted) {
    if (labels[label] !== value) return `its label ${label} says ${labels[label] ?? "nothing"}, not ${value}`;
  }
  return undefined;
}

async function readDocument<T>(blobs: BlobStore, digest: string): Promise<Result<T>> {
  const bytes = await blobs.readAll(digest, documentLimit);
  if (!bytes.ok) return bytes;
  try {
    const parsed: T = JSON.parse(Buffer.from(bytes.value).toString("utf8"));
    return ok(parsed);
  } catch (cause) {
    return err(fault("corrupt", `${digest} is no JSON document`, { cause }));
  }
}
