import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { ok, type Result } from "../../core/index.ts";
import type { Service } from "../../execute/index.ts";
import {
  type BlobStore,
  type Descriptor,
  type Digest,
  type Platform,
  parseManifest,
  parseReference,
  type Reference,
  referredTo,
} from "../../oci/index.ts";
import type { BaseUsed } from "../assemble/draft.ts";
import type { BaseSource } from "../model.ts";

/** The registry of bases as a builder in the cage knows it; the name is answered by the way out and by nobody else. */
const host = "bases.fairlead.local";

export interface BaseDoor {
  readonly services: Readonly<Record<string, Service>>;
  /** containers-registries.conf(5): every registry that a Dockerfile names is this door. */
  readonly registriesConf: string;
  /** What the Dockerfile named, by digest as it was resolved here. */
  readonly used: readonly BaseUsed[];
  /** The last stage's base is of Docker's media types. */
  isDocker(reference: string): boolean;
}

interface Opened {
  readonly reference: Reference;
  readonly root: Descriptor;
  readonly manifest: Descriptor;
  readonly blobs: ReadonlyMap<Digest, string>;
}

/**
 * Brings the named images here, as for the assembler: resolved once, from allowed hosts, without credentials. The builder
 * gets them, and nothing else, from a registry that it can only read.
 */
export async function openBaseDoor(options: {
  readonly blobs: BlobStore;
  readonly bases: BaseSource;
  readonly resolveBase: (reference: string) => Promise<Result<Descriptor>>;
  readonly platform: Platform;
  readonly names: readonly string[];
}): Promise<Result<BaseDoor>> {
  const { blobs, bases, platform } = options;
  const opened = new Map<string, Opened>();
  for (const name of options.names) {
    const reference = parseReference(name);
    if (!reference.ok) return reference;
    const root = await options.resolveBase(name);
    if (!root.ok) return root;
    const fetched = await bases.fetch(name, root.value, platform);
    if (!fetched.ok) return fetched;
    const { manifest, bytes } = fetched.value;
    const parsed = parseManifest(bytes, manifest.mediaType);
    if (!parsed.ok) return parsed;
    const wanted = referredTo(parsed.value).blobs.map((blob) => [blob.digest, blob.mediaType] as const);
    opened.set(name, { reference: reference.value, root: root.value, manifest, blobs: new Map(wanted) });
  }
  const registries = [...new Set([...opened.values()].map(({ reference }) => reference.registry))];
  const folderOf = (registry: string) => `r${registries.indexOf(registry)}`;

  /** Path below `/v2/` to what is answered there. */
  const answers = new Map<string, { readonly digest: Digest; readonly mediaType: string }>();
  for (const { reference, root, manifest, blobs: wanted } of opened.values()) {
    const repository = `${folderOf(reference.registry)}/${reference.repository}`;
    const { digest, tag } = reference;
    // A tag means the one platform: which entry of a list fits is decided here, not by whoever asks.
    if (tag !== undefined) answers.set(`${repository}/manifests/${tag}`, manifest);
    if (digest !== undefined) answers.set(`${repository}/manifests/${digest}`, root);
    for (const each of [root, manifest]) answers.set(`${repository}/manifests/${each.digest}`, each);
    for (const [each, mediaType] of wanted) answers.set(`${repository}/blobs/${each}`, { digest: each, mediaType });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", `http://${host}`);
    const found = answers.get(decodeURIComponent(pathname.replace(/^\/v2\//, "")));
    const size = found && (await blobs.sizeOf(found.digest));
    const reads = request.method === "GET" || request.method === "HEAD";
    if (pathname === "/v2/" && reads) {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    } else if (!found || size === undefined || !reads) {
      const errors = [{ code: "NOT_FOUND", message: "only what the Dockerfile names after FROM and --from is here" }];
      response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify({ errors }));
    } else {
      response.writeHead(200, {
        "content-type": found.mediaType,
        "content-length": size,
        "docker-content-digest": found.digest,
      });
      if (request.method === "HEAD") response.end();
      else await pipeline(createReadStream(blobs.pathOf(found.digest)), response);
    }
  }

  const conf = registries.map((registry) => {
    const names = registry === "registry-1.docker.io" ? ["docker.io"] : [registry];
    return names.map(
      (name) => `[[registry]]\nprefix = "${name}"\nlocation = "${host}/${folderOf(registry)}"\ninsecure = true\n`,
    );
  });
  return ok({
    services: {
      [host]: (request, response) => void answer(request, response).catch(() => response.destroy()),
    },
    registriesConf: [
      'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
      ...conf.flat(),
    ].join("\n"),
    used: [...opened].map(([reference, { root }]) => ({ reference, digest: root.digest })),
    isDocker: (name) => opened.get(name)?.manifest.mediaType.includes("docker") === true,
  });
}
