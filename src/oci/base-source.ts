import { err, fault, ok, type Result } from "../core/index.ts";
import { isLoopback } from "./client/hosts.ts";
import type { RemoteManifest } from "./client/manifests.ts";
import type { Descriptor, Platform } from "./documents.ts";
import { parseReference, type Reference } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { BlobStore } from "./store.ts";

export interface BaseSourceOptions {
  readonly client: RegistryClient;
  readonly blobs: BlobStore;
  /** Origin host to `host[:port][/path]`. */
  readonly mirrors: () => Readonly<Record<string, string>>;
  /** A mirror may say what a tag means; else it is asked by digest only. */
  readonly mirrorsMayResolve: () => boolean;
  /** Hosts from which bases are pulled; empty: any. */
  readonly allowedHosts: () => readonly string[];
}

/** Base images of Dockerfiles, pulled anonymously and kept in the blob store. */
export function createBaseSource(options: BaseSourceOptions) {
  const { client, blobs } = options;

  function placesOf(reference: Reference, mirrorFirst: boolean): readonly { host: string; repository: string }[] {
    const origin = { host: reference.registry, repository: reference.repository };
    const mirror = namesOf(reference.registry).flatMap((name) => options.mirrors()[name] ?? [])[0];
    if (mirror === undefined || !mirrorFirst) return [origin];
    const slash = mirror.indexOf("/");
    const host = slash < 0 ? mirror : mirror.slice(0, slash);
    const folder = slash < 0 ? "" : `${mirror.slice(slash + 1)}/`;
    return [{ host, repository: `${folder}${reference.repository}` }, origin];
  }

  function allowed(text: string): Result<Reference> {
    const reference = parseReference(text);
    if (!reference.ok) return reference;
    const hosts = options.allowedHosts();
    // A Dockerfile is a stranger's text: unless it is listed, it does not make this server talk to its own machine.
    if (!hosts.includes(reference.value.registry) && isLoopback(reference.value.registry)) {
      return err(
        fault("refused", `base images are not pulled from ${reference.value.registry}, which is this machine`, {
          hint: "an administrator adds it to registries.baseHosts in the family file",
        }),
      );
    }
    if (hosts.length > 0 && !namesOf(reference.value.registry).some((name) => hosts.includes(name))) {
      return err(
        fault("refused", `base images are not pulled from ${reference.value.registry}`, {
          hint: "an administrator adds it to registries.baseHosts in the family file",
        }),
      );
    }
    return reference;
  }

  async function manifestAt(
    reference: Reference,
    which: string,
    mirrorFirst: boolean,
  ): Promise<Result<RemoteManifest>> {
    let last = fault("not-found", `${reference.registry}/${reference.repository} has no ${which}`);
    for (const { host, repository } of placesOf(reference, mirrorFirst)) {
      const found = await client.manifest(host, repository, which);
      if (found.ok && found.value) return ok(found.value);
      if (!found.ok) last = found.error;
    }
    return err(last);
  }

  async function keep(manifest: RemoteManifest): Promise<Result<void>> {
    const { digest, size } = manifest.descriptor;
    const kept = await blobs.write(manifest.bytes, { digest, size });
    return kept.ok ? ok(undefined) : kept;
  }

  async function keepBlob(reference: Reference, blob: Descriptor): Promise<Result<void>> {
    if ((await blobs.sizeOf(blob.digest)) !== undefined) return ok(undefined);
    let last = fault("not-found", `there is no blob ${blob.digest}`);
    for (const { host, repository } of placesOf(reference, true)) {
      const read = await client.blob(host, repository, blob);
      if (!read.ok) {
        last = read.error;
        continue;
      }
      const kept = await blobs.write(read.value, { digest: blob.digest, size: blob.size });
      if (kept.ok) return ok(undefined);
      last = kept.error;
    }
    return err(last);
  }

  return {
    resolve: async (text: string): Promise<Result<Descriptor>> => {
      const reference = allowed(text);
      if (!reference.ok) return reference;
      const { digest, tag } = reference.value;
      const byDigest = digest !== undefined;
      const found = await manifestAt(
        reference.value,
        digest ?? tag ?? "latest",
        byDigest || options.mirrorsMayResolve(),
      );
      if (!found.ok) return found;
      const kept = await keep(found.value);
      return kept.ok ? ok(found.value.descriptor) : kept;
    },
    fetch: async (
      text: string,
      root: Descriptor,
      platform: Platform,
    ): Promise<Result<{ manifest: Descriptor; bytes: Uint8Array }>> => {
      const reference = allowed(text);
      if (!reference.ok) return reference;
      const top = await manifestAt(reference.value, root.digest, true);
      if (!top.ok) return top;
      const chosen = await choose(reference.value, top.value, platform);
      if (!chosen.ok) return chosen;
      const kept = await keep(chosen.value);
      if (!kept.ok) return kept;
      const { parsed, descriptor, bytes } = chosen.value;
      if (parsed.kind !== "manifest") return err(fault("bad-input", `${text} is an index of indexes`));
      for (const blob of [parsed.document.config, ...parsed.document.layers.filter((layer) => !isElsewhere(layer))]) {
        const there = await keepBlob(reference.value, blob);
        if (!there.ok) return there;
      }
      return ok({ manifest: descriptor, bytes });
    },
  };

  async function choose(
    reference: Reference,
    top: RemoteManifest,
    platform: Platform,
  ): Promise<Result<RemoteManifest>> {
    if (top.parsed.kind === "manifest") return ok(top);
    const match = top.parsed.document.manifests.find((child) => fits(child.platform, platform));
    if (!match) {
      const has = top.parsed.document.manifests.map((child) => nameOf(child.platform)).join(", ");
      return err(
        fault("not-found", `${reference.registry}/${reference.repository} has nothing for ${nameOf(platform)}`, {
          hint: `it has ${has}`,
        }),
      );
    }
    return await manifestAt(reference, match.digest, true);
  }
}

function fits(has: Platform | undefined, wanted: Platform): boolean {
  if (has?.os !== wanted.os || has.architecture !== wanted.architecture) return false;
  if (wanted.variant !== undefined && has.variant !== undefined && has.variant !== wanted.variant) return false;
  const version = wanted["os.version"];
  return version === undefined || `${has["os.version"] ?? ""}.`.startsWith(`${version.replace(/\.$/, "")}.`);
}

/** Docker's hub is served under another host than the one that people write. */
function namesOf(host: string): readonly string[] {
  return host === "registry-1.docker.io" ? ["docker.io", host] : [host];
}

/** Docker: layers that only their own address serves are not asked for. */
function isElsewhere(layer: Descriptor): boolean {
  return /\.foreign\.|\.nondistributable\./.test(layer.mediaType);
}

function nameOf(platform: Platform | undefined): string {
  if (!platform) return "no platform";
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join("/");
}
