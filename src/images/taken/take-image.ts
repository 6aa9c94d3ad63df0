import { err, fault, ok, type Result } from "../../core/index.ts";
import {
  type BlobStore,
  type Descriptor,
  largestManifest,
  type ManifestDocument,
  type Platform,
  parseManifest,
} from "../../oci/index.ts";
import { draftOfManifest } from "../assemble/base-image.ts";
import { entrypointWarnings } from "../assemble/entrypoint.ts";
import { createLayerReader } from "../layers/read-layer.ts";

/** An image that was made elsewhere, taken over: what `root` refers to is in the blob store. */
export interface TakenImage {
  readonly root: Descriptor;
  readonly platforms: readonly {
    readonly platform: Platform;
    readonly digest: string;
    readonly manifest: Descriptor;
    readonly diffIds: readonly string[];
    readonly entrypoint: readonly string[];
  }[];
  readonly warnings: readonly string[];
}

const deepest = 3;

/**
 * Takes over what a script pushed or left, or an outside builder made: every platform gets the labels that assembled images have, so the documents, never
 * the layers, are written anew. A label that says something else is fault `refused`; what cannot be read as an image
 * `bad-input`. Statements of the script's own tools about the bytes it pushed, entries of platform `unknown`, are left out.
 */
export async function takeImage(
  blobs: BlobStore,
  pushed: Descriptor,
  labels: Readonly<Record<string, string>>,
): Promise<Result<TakenImage>> {
  const platforms: TakenImage["platforms"][number][] = [];
  const warnings: string[] = [];
  const layers = createLayerReader(blobs);

  async function take(descriptor: Descriptor, depth: number): Promise<Result<Descriptor>> {
    const read = await documentOf(blobs, descriptor);
    if (!read.ok) return read;
    const { parsed, json } = read.value;
    if (parsed.kind === "manifest") return await takePlatform(descriptor, parsed, json);
    if (depth >= deepest) return err(fault("bad-input", `indexes are nested more than ${deepest} deep`));
    const manifests: unknown[] = [];
    const listed = Array.isArray(json["manifests"]) ? json["manifests"] : [];
    for (const [at, child] of parsed.document.manifests.entries()) {
      if (child.platform?.os === "unknown") {
        warnings.push(`the statement ${child.digest} about the pushed bytes was left out`);
        continue;
      }
      const taken = await take(child, depth + 1);
      if (!taken.ok) return taken;
      manifests.push({ ...listed[at], digest: taken.value.digest, size: taken.value.size });
    }
    return await write({ ...json, manifests }, parsed.mediaType);
  }

  async function takePlatform(
    descriptor: Descriptor,
    parsed: ManifestDocument & { readonly kind: "manifest" },
    json: Readonly<Record<string, unknown>>,
  ): Promise<Result<Descriptor>> {
    const { config } = parsed.document;
    const bytes = await blobs.readAll(config.digest, largestManifest);
    const image = bytes.ok ? objectIn(bytes.value) : undefined;
    const rootfs = recordOf(image?.["rootfs"]);
    const diffIds = Array.isArray(rootfs["diff_ids"]) ? rootfs["diff_ids"].map(String) : [];
    if (!image || typeof image["os"] !== "string" || typeof image["architecture"] !== "string")
      return err(fault("bad-input", `${descriptor.digest} is no image: its configuration names no platform`));
    if (diffIds.length !== parsed.document.layers.length)
      return err(
        fault(
          "bad-input",
          `${descriptor.digest} has ${parsed.document.layers.length} layers and ${diffIds.length} diff ids`,
        ),
      );
    const inner = recordOf(image["config"]);
    const own = recordOf(inner["Labels"]);
    for (const [label, value] of Object.entries(labels)) {
      const said = own[label];
      if (said !== undefined && said !== value)
        return err(fault("refused", `its label ${label} says ${JSON.stringify(said).slice(0, 200)}, not ${value}`));
    }
    const labelled = { ...image, config: { ...inner, Labels: { ...own, ...labels } } };
    const written = await write(labelled, config.mediaType);
    if (!written.ok) return written;
    const document = { ...json, config: { ...recordOf(json["config"]), ...written.value } };
    const manifest = await write(document, parsed.mediaType);
    if (!manifest.ok) return manifest;
    const text = (name: string) => (typeof image[name] === "string" ? { [name]: image[name] } : {});
    const platform = {
      os: image["os"],
      architecture: image["architecture"],
      ...text("variant"),
      ...text("os.version"),
    };
    const draft = await draftOfManifest({ blobs, layers }, "the image", manifest.value, platform);
    if (!draft.ok) return draft;
    for (const warning of await entrypointWarnings(draft.value, platform)) warnings.push(warning.message);
    const { Entrypoint, Cmd } = draft.value.config;
    const { digest } = manifest.value;
    platforms.push({ platform, digest, manifest: manifest.value, diffIds, entrypoint: Entrypoint ?? Cmd ?? [] });
    return manifest;
  }

  async function write(value: unknown, mediaType: string): Promise<Result<Descriptor>> {
    const written = await blobs.write(Buffer.from(JSON.stringify(value)));
    return written.ok ? ok({ mediaType, ...written.value }) : written;
  }

  const root = await take(pushed, 0);
  if (!root.ok) return root;
  if (platforms.length === 0) return err(fault("bad-input", "it holds no image of any platform"));
  return ok({ root: root.value, platforms, warnings });
}

async function documentOf(
  blobs: BlobStore,
  descriptor: Descriptor,
): Promise<Result<{ readonly parsed: ManifestDocument; readonly json: Readonly<Record<string, unknown>> }>> {
  const bytes = await blobs.readAll(descriptor.digest, largestManifest);
  if (!bytes.ok) return bytes;
  const parsed = parseManifest(bytes.value, descriptor.mediaType);
  return parsed.ok ? ok({ parsed: parsed.value, json: objectIn(bytes.value) ?? {} }) : parsed;
}

function objectIn(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
