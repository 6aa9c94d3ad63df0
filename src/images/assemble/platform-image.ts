import { posix } from "node:path";
import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import {
  type BlobStore,
  type ContainerConfig,
  type Descriptor,
  type Digest,
  type HistoryEntry,
  type ImageConfig,
  largestManifest,
  mediaTypes,
  parseManifest,
} from "../../oci/index.ts";
import type { BuildContext } from "../context/context.ts";
import { type Instruction, jsonForm, parseDockerfile, words } from "../dockerfile/instructions.ts";
import { substitute } from "../dockerfile/substitute.ts";
import type { Compression } from "../layers/compression.ts";
import { writeLayer } from "../layers/layer.ts";
import type { BaseSource, PlatformSpec } from "../model.ts";
import { binaryKind } from "./binaries.ts";
import { copyEntries, type KnownPaths } from "./copy.ts";
import { resolveLastStage } from "./stage.ts";

export interface PlatformImage {
  readonly manifest: Descriptor;
  readonly diffIds: readonly Digest[];
  readonly entrypoint: readonly string[];
  readonly base: { readonly reference: string; readonly digest: Digest } | undefined;
  readonly warnings: readonly Fault[];
  readonly docker: boolean;
}

export interface PlatformBuild {
  readonly blobs: BlobStore;
  readonly bases: BaseSource;
  readonly compression: Compression;
  readonly context: BuildContext;
  readonly spec: PlatformSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number;
  /** Resolved once per build, whichever platform asks first. */
  readonly resolveBase: (reference: string) => Promise<Result<Descriptor>>;
}

interface Draft {
  config: ContainerConfig;
  readonly layers: Descriptor[];
  readonly diffIds: Digest[];
  readonly history: HistoryEntry[];
  readonly known: KnownPaths;
  readonly heads: Map<string, Uint8Array>;
  readonly scope: Map<string, string>;
  readonly declared: Set<string>;
  setCmd: boolean;
}

/** Carries out a Dockerfile for one platform. Bad input is a fault with file and line. */
export async function buildPlatform(build: PlatformBuild): Promise<Result<PlatformImage>> {
  const { spec, blobs } = build;
  const file = spec.dockerfile;
  const text = await build.context.readText(file, 1024 * 1024);
  if (text === undefined)
    return err(
      fault("bad-input", `${file} is not in the repository`, { hint: "name it with `dockerfile:` in .fairlead.yaml" }),
    );
  const instructions = parseDockerfile(file, text);
  if (!instructions.ok) return instructions;
  const stage = resolveLastStage(file, instructions.value);
  if (!stage.ok) return stage;
  const placed = (line: number, error: Fault): Result<never> =>
    err({ ...error, place: error.place ?? { file, line, column: 1 } });

  const globals = new Map<string, string>();
  const predefined = platformArguments(spec);
  const globalLookup = (name: string) => globals.get(name) ?? predefined[name];
  for (const instruction of stage.value.globals) {
    const declared = declareArgument(instruction.rest, spec.args, globalLookup);
    if (!declared.ok) return placed(instruction.line, declared.error);
    for (const [name, value] of declared.value) if (value !== undefined) globals.set(name, value);
  }
  const reference = substitute(stage.value.base, globalLookup);
  if (!reference.ok) return placed(stage.value.baseLine, reference.error);
  if (reference.value === "")
    return placed(
      stage.value.baseLine,
      fault("bad-input", `FROM ${stage.value.base} is empty: an ARG before it has no value`),
    );
  const base = await startFrom(build, reference.value);
  if (!base.ok) return placed(stage.value.baseLine, base.error);

  const { draft, docker } = base.value;
  for (const instruction of stage.value.instructions) {
    const done = await carryOut(build, draft, docker, instruction, globals, predefined);
    if (!done.ok) return placed(instruction.line, done.error);
  }
  const labels = { ...draft.config.Labels, ...build.labels };
  const config = { ...draft.config, Labels: sortedRecord(labels) };
  const created = new Date(build.epoch).toISOString().replace(/\.\d{3}Z$/, "Z");
  const document: ImageConfig = {
    ...base.value.original,
    created,
    architecture: spec.platform.architecture,
    os: spec.platform.os,
    ...(spec.platform.variant === undefined ? {} : { variant: spec.platform.variant }),
    config,
    rootfs: { type: "layers", diff_ids: draft.diffIds },
    history: draft.history,
  };
  const configBytes = Buffer.from(JSON.stringify(document));
  const storedConfig = await blobs.write(configBytes);
  if (!storedConfig.ok) return storedConfig;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest,
      config: { mediaType: docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, ...storedConfig.value },
      layers: draft.layers,
      ...(base.value.digest === undefined
        ? {}
        : docker
          ? {}
          : {
              annotations: {
                "org.opencontainers.image.base.digest": base.value.digest,
                "org.opencontainers.image.base.name": reference.value,
              },
            }),
    }),
  );
  const stored = await blobs.write(manifest);
  if (!stored.ok) return stored;
  const entrypoint = config.Entrypoint ?? config.Cmd ?? [];
  return ok({
    manifest: { mediaType: docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest, ...stored.value },
    diffIds: draft.diffIds,
    entrypoint,
    base: base.value.digest === undefined ? undefined : { reference: reference.value, digest: base.value.digest },
    warnings: entrypointWarnings(build, draft, entrypoint, base.value.digest !== undefined),
    docker,
  });
}

interface Start {
  readonly draft: Draft;
  readonly docker: boolean;
  readonly digest: Digest | undefined;
  /** The base's configuration: keys that nobody here knows are kept. */
  readonly original: Partial<ImageConfig>;
}

async function startFrom(build: PlatformBuild, reference: string): Promise<Result<Start>> {
  const empty = (config: ContainerConfig): Draft => ({
    config,
    layers: [],
    diffIds: [],
    history: [],
    known: new Map(),
    heads: new Map(),
    scope: new Map(),
    declared: new Set(),
    setCmd: false,
  });
  if (reference === "scratch") return ok({ draft: empty({}), docker: false, digest: undefined, original: {} });
  const root = await build.resolveBase(reference);
  if (!root.ok) return root;
  const fetched = await build.bases.fetch(reference, root.value, build.spec.platform);
  if (!fetched.ok) return fetched;
  const parsed = parseManifest(fetched.value.bytes, fetched.value.manifest.mediaType);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind !== "manifest") return err(fault("bad-input", `${reference} is an index of indexes`));
  const { config: configDescriptor, layers } = parsed.value.document;
  const bytes = await build.blobs.readAll(configDescriptor.digest, largestManifest);
  if (!bytes.ok) return bytes;
  const original = readConfig(bytes.value);
  if (!original.ok) return original;
  const diffIds = original.value.rootfs.diff_ids;
  if (diffIds.length !== layers.length)
    return err(fault("bad-input", `${reference} has ${layers.length} layers, its configuration ${diffIds.length}`));
  const draft = empty(original.value.config ?? {});
  draft.layers.push(...layers);
  draft.diffIds.push(...diffIds);
  draft.history.push(...(original.value.history ?? []));
  const docker = parsed.value.mediaType === mediaTypes.dockerManifest;
  return ok({ draft, docker, digest: root.value.digest, original: original.value });
}

function readConfig(bytes: Uint8Array): Result<ImageConfig> {
  try {
    const value: ImageConfig = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (Array.isArray(value?.rootfs?.diff_ids)) return ok(value);
  } catch {
    // Told below.
  }
  return err(fault("corrupt", "the base image's configuration cannot be read"));
}

async function carryOut(
  build: PlatformBuild,
  draft: Draft,
  docker: boolean,
  instruction: Instruction,
  globals: ReadonlyMap<string, string>,
  predefined: Readonly<Record<string, string>>,
): Promise<Result<void>> {
  const environment = new Map((draft.config.Env ?? []).map((pair) => splitPair(pair)));
  const lookup = (name: string) => environment.get(name) ?? draft.scope.get(name);
  const written = `${instruction.name} ${instruction.rest}`;
  const note = (emptyLayer: boolean) =>
    draft.history.push({
      created: new Date(build.epoch).toISOString().replace(/\.\d{3}Z$/, "Z"),
      created_by: `${written} # fairlead`,
      ...(emptyLayer ? { empty_layer: true } : {}),
    });
  if (instruction.name === "ARG") {
    const declared = declareArgument(instruction.rest, build.spec.args, lookup);
    if (!declared.ok) return declared;
    for (const [name, value] of declared.value) {
      draft.declared.add(name);
      const known = value ?? globals.get(name) ?? predefined[name];
      if (known !== undefined) draft.scope.set(name, known);
    }
    return ok(undefined);
  }
  const keepAsIs = instruction.name === "CMD" || instruction.name === "ENTRYPOINT";
  const substituted = keepAsIs ? ok(instruction.rest) : substitute(instruction.rest, lookup);
  if (!substituted.ok) return substituted;
  const rest = substituted.value;
  const change = (config: Partial<ContainerConfig>) => {
    draft.config = { ...draft.config, ...config };
    note(true);
    return ok(undefined);
  };
  switch (instruction.name) {
    case "LABEL":
      return change({ Labels: { ...draft.config.Labels, ...Object.fromEntries(pairs(rest)) } });
    case "MAINTAINER":
      return change({ Labels: { ...draft.config.Labels, maintainer: rest } });
    case "ENV": {
      for (const [name, value] of pairs(rest)) environment.set(name, value);
      return change({ Env: [...environment].map(([name, value]) => `${name}=${value}`) });
    }
    case "ENTRYPOINT": {
      const entrypoint = jsonForm(rest) ?? ["/bin/sh", "-c", rest];
      return change(draft.setCmd ? { Entrypoint: entrypoint } : { Entrypoint: entrypoint, Cmd: undefined });
    }
    case "CMD":
      draft.setCmd = true;
      return change({ Cmd: jsonForm(rest) ?? ["/bin/sh", "-c", rest] });
    case "USER":
      return change({ User: rest });
    case "WORKDIR": {
      const folder = posix.resolve("/", draft.config.WorkingDir ?? "/", words(rest)[0] ?? "");
      return change({ WorkingDir: folder });
    }
    case "EXPOSE": {
      const ports = Object.fromEntries(words(rest).map((port) => [port.includes("/") ? port : `${port}/tcp`, {}]));
      const wrong = Object.keys(ports).find((port) => !/^\d{1,5}(-\d{1,5})?\/(tcp|udp|sctp)$/.test(port));
      if (wrong !== undefined) return err(fault("bad-input", `EXPOSE ${wrong} is no port`));
      return change({ ExposedPorts: { ...draft.config.ExposedPorts, ...ports } });
    }
    case "VOLUME": {
      const volumes = Object.fromEntries((jsonForm(rest) ?? words(rest)).map((path) => [path, {}]));
      return change({ Volumes: { ...draft.config.Volumes, ...volumes } });
    }
    case "STOPSIGNAL":
      return change({ StopSignal: rest });
    default:
      break;
  }
  const entries = await copyEntries(build.context, instruction, rest, draft.config.WorkingDir ?? "/", draft.known);
  if (!entries.ok) return entries;
  const type = docker ? mediaTypes.dockerLayerGzip : mediaTypes.ociLayerGzip;
  const layer = await writeLayer(build.blobs, build.compression, entries.value, type, Math.floor(build.epoch / 1000));
  if (!layer.ok) return layer;
  for (const entry of entries.value.filter((each) => each.kind === "file" && (each.mode & 0o111) !== 0)) {
    const opened = await entry.open();
    if (opened.ok) draft.heads.set(entry.path, await firstBytes(opened.value));
  }
  draft.layers.push(layer.value.descriptor);
  draft.diffIds.push(layer.value.diffId);
  note(false);
  return ok(undefined);
}

async function firstBytes(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const chunk of source) return Uint8Array.from(chunk.subarray(0, 4096));
  return new Uint8Array(0);
}

/** Docker: `ARG name[=default] …`; a build argument given from outside wins. */
function declareArgument(
  rest: string,
  given: Readonly<Record<string, string>>,
  lookup: (name: string) => string | undefined,
): Result<readonly (readonly [string, string | undefined])[]> {
  const all: (readonly [string, string | undefined])[] = [];
  for (const word of words(rest)) {
    const [name, value] = splitPair(word);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return err(fault("bad-input", `ARG ${word.slice(0, 60)} is no name`));
    const otherwise = word.includes("=") ? substitute(value, lookup) : undefined;
    if (otherwise && !otherwise.ok) return otherwise;
    all.push([name, given[name] ?? otherwise?.value]);
  }
  return ok(all);
}

function platformArguments(spec: PlatformSpec): Readonly<Record<string, string>> {
  const { os, architecture, variant } = spec.platform;
  const platform = [os, architecture, variant].filter((part) => part !== undefined).join("/");
  return {
    TARGETPLATFORM: platform,
    TARGETOS: os,
    TARGETARCH: architecture,
    TARGETVARIANT: variant ?? "",
    BUILDPLATFORM: platform,
    BUILDOS: os,
    BUILDARCH: architecture,
    BUILDVARIANT: variant ?? "",
  };
}

/** `a=b "c d"=e`, or the old form `name value with spaces`. */
function pairs(rest: string): readonly (readonly [string, string])[] {
  const all = words(rest);
  if (all.length > 0 && !(all[0] ?? "").includes("=")) {
    const [name = "", ...value] = rest.split(/\s+/);
    return [[name, value.join(" ").replace(/^"(.*)"$/, "$1")]];
  }
  return all.map((word) => splitPair(word));
}

function splitPair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function sortedRecord(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** An image whose entrypoint is missing or cannot run is built all the same; that it will not start is said. */
function entrypointWarnings(
  build: PlatformBuild,
  draft: Draft,
  entrypoint: readonly string[],
  hasBase: boolean,
): readonly Fault[] {
  const program = entrypoint[0];
  if (program === undefined) return [fault("bad-input", "the image has neither ENTRYPOINT nor CMD")];
  if (!program.startsWith("/")) return [];
  const path = posix.resolve("/", program).slice(1);
  if (!draft.known.has(path))
    return hasBase ? [] : [fault("bad-input", `the entrypoint ${program} is not in the image`)];
  const head = draft.heads.get(path);
  if (!head) return [fault("bad-input", `the entrypoint ${program} is not an executable file`)];
  const kind = binaryKind(head);
  const { architecture } = build.spec.platform;
  return kind && kind.architecture !== architecture
    ? [fault("bad-input", `the entrypoint ${program} is for ${kind.architecture}, the image for ${architecture}`)]
    : [];
}
