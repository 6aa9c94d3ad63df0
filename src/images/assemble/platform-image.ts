import { err, type Fault, fault, ok, type Result } from "../../core/index.ts";
import type { Descriptor, Digest, Platform } from "../../oci/index.ts";
import type { BuildContext } from "../context/context.ts";
import type { CopySource } from "../context/copy-source.ts";
import { type Instruction, parseDockerfile, placeOf, unsupportedIn } from "../dockerfile/instructions.ts";
import { type Stage, stageNamed } from "../dockerfile/stages.ts";
import { type Lookup, substitute } from "../dockerfile/substitute.ts";
import type { Compression } from "../layers/compression.ts";
import type { TarEntry } from "../layers/tar.ts";
import type { PlatformSpec } from "../model.ts";
import { type BaseReading, draftFrom } from "./base-image.ts";
import { configure, declareArguments, environmentOf } from "./configure.ts";
import { copyEntries, folderEntries, imagePath } from "./copy.ts";
import { type BaseUsed, continued, type Draft } from "./draft.ts";
import { entrypointWarnings } from "./entrypoint.ts";
import { locate } from "./image-tree.ts";
import { undeclaredWarnings } from "./needed-stages.ts";
import { baseNameOf, type OpenedDockerfile, openDockerfile } from "./open-dockerfile.ts";
import { ownerOf } from "./owner.ts";
import { treeSource } from "./tree-source.ts";
import { timeOf, writeImage } from "./write-image.ts";

export interface PlatformImage {
  /** With the base's full `os.version` where it has one. */
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly diffIds: readonly Digest[];
  readonly entrypoint: readonly string[];
  readonly bases: readonly BaseUsed[];
  readonly warnings: readonly Fault[];
  readonly docker: boolean;
}

export interface PlatformBuild extends BaseReading {
  readonly compression: Compression;
  readonly context: BuildContext;
  readonly spec: PlatformSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly epoch: number;
}

/** What all stages of one Dockerfile share while they are carried out. */
interface Work extends PlatformBuild, OpenedDockerfile {
  readonly source: CopySource;
  readonly drafts: Map<number, Draft>;
  readonly bases: PlatformBuild["bases"];
  readonly used: BaseUsed[];
  readonly warnings: Fault[];
}

/** Carries out a Dockerfile for one platform: the last stage and those it needs. Bad input is a fault with its place. */
export async function buildPlatform(build: PlatformBuild): Promise<Result<PlatformImage>> {
  const { spec } = build;
  const opened = await openDockerfile(build.context, spec);
  if (!opened.ok) return opened;
  const { stages, needed } = opened.value;
  for (const index of needed) {
    const stage = stages.stages[index];
    for (const instruction of stage ? [stage.opening, ...stage.instructions] : []) {
      const supported = unsupportedIn(instruction);
      if (!supported.ok) return supported;
    }
  }
  const work: Work = {
    ...build,
    ...opened.value,
    source: await build.context.ignoringFor(spec.dockerfile),
    drafts: new Map(),
    used: [],
    warnings: [...undeclaredWarnings(opened.value.instructions, spec)],
  };
  const draft = await stageAt(work, stages.stages.length - 1);
  if (!draft.ok) return draft;
  return await finish(work, draft.value);
}

async function finish(work: Work, draft: Draft): Promise<Result<PlatformImage>> {
  const version = draft.original["os.version"] ?? work.spec.platform["os.version"];
  const platform = { ...work.spec.platform, ...(version === undefined ? {} : { "os.version": version }) };
  const written = await writeImage({ ...work, platform }, draft);
  if (!written.ok) return written;
  const { Entrypoint, Cmd } = draft.config;
  return ok({
    ...written.value,
    platform,
    entrypoint: Entrypoint ?? Cmd ?? [],
    bases: work.used,
    warnings: [...work.warnings, ...(await entrypointWarnings(draft, platform))],
    docker: draft.docker,
  });
}

async function stageAt(work: Work, index: number): Promise<Result<Draft>> {
  const known = work.drafts.get(index);
  if (known) return ok(known);
  const stage = work.stages.stages[index];
  if (!stage) throw new Error(`there is no stage ${index}`);
  const begun = await begin(work, stage, index);
  if (!begun.ok) return begun;
  const draft = begun.value;
  const triggers = onBuildOf(draft, stage);
  if (!triggers.ok) return triggers;
  for (const instruction of [...triggers.value, ...stage.instructions]) {
    const done = await carryOut(work, draft, index, instruction);
    if (!done.ok) return err({ ...done.error, place: done.error.place ?? placeOf(instruction) });
  }
  work.drafts.set(index, draft);
  return ok(draft);
}

/** Docker: what the base's ONBUILD asks for is carried out first, and is not handed on. */
function onBuildOf(draft: Draft, stage: Stage): Result<readonly Instruction[]> {
  const { OnBuild, ...config } = draft.config;
  if (!OnBuild || OnBuild.length === 0) return ok([]);
  draft.config = config;
  const read = parseDockerfile(`ONBUILD of ${stage.from}`, ["FROM scratch", ...OnBuild].join("\n"));
  return read.ok ? ok(read.value.slice(1)) : err({ ...read.error, place: placeOf(stage.opening, 0) });
}

async function begin(work: Work, stage: Stage, index: number): Promise<Result<Draft>> {
  const place = placeOf(stage.opening, 0);
  const reference = baseNameOf(work, stage);
  if (!reference.ok) return reference;
  const wrong = otherPlatform(work, stage);
  if (wrong) return err(wrong);
  const before = stageNamed(work.stages.stages, reference.value, index);
  if (before !== undefined) {
    const earlier = await stageAt(work, before);
    return earlier.ok ? ok(continued(earlier.value)) : earlier;
  }
  return await baseDraft(work, reference.value, place);
}

async function baseDraft(work: Work, reference: string, place: Fault["place"]): Promise<Result<Draft>> {
  const base = await draftFrom(work, reference, work.spec.platform);
  if (!base.ok) return err({ ...base.error, place });
  const { draft, warnings } = base.value;
  work.warnings.push(...warnings.map((warning) => ({ ...warning, place })));
  if (draft.base) work.used.push(draft.base);
  return ok(draft);
}

/** Nothing is run here, so the platform that builds is the one that is built for. */
function otherPlatform(work: Work, stage: Stage): Fault | undefined {
  const flag = stage.opening.flags.find((each) => each.name === "platform");
  if (!flag) return undefined;
  const value = substitute(flag.value, work.globals, stage.opening.escapeMark);
  const wanted = work.predefined("TARGETPLATFORM") ?? "";
  if (value.ok && value.value === wanted) return undefined;
  return fault("bad-input", `FROM --platform=${flag.value} is not the image's platform ${wanted}`, {
    place: placeOf(stage.opening, flag.at - stage.opening.restAt),
    hint: "leave it out, and list the platforms in .fairlead.yaml",
  });
}

async function carryOut(work: Work, draft: Draft, index: number, instruction: Instruction): Promise<Result<void>> {
  const supported = unsupportedIn(instruction);
  if (!supported.ok) return supported;
  const environment = environmentOf(draft.config);
  const lookup: Lookup = (name) => environment.get(name) ?? draft.scope.get(name);
  const windows = work.spec.platform.os === "windows";
  const { name } = instruction;
  if (name === "ARG")
    return declareArguments(
      instruction,
      work.spec.args,
      draft.scope,
      lookup,
      (argument) => work.globals(argument) ?? work.predefined(argument),
    );
  const own = (entries: Parameters<typeof layer>[1]) => layer(draft, entries, instruction);
  const note = (made: boolean) => {
    draft.history.push({
      created: timeOf(work.epoch),
      created_by: `${instruction.logical.text.trim().replace(/^\S+/, name)} # fairlead`,
      ...(made ? {} : { empty_layer: true }),
    });
    return ok(undefined);
  };
  if (name === "COPY" || name === "ADD") {
    const source = await sourceOf(work, index, instruction);
    if (!source.ok) return source;
    const { tree, config } = draft;
    const workingDir = config.WorkingDir ?? "/";
    const entries = await copyEntries({ instruction, source: source.value, workingDir, tree, lookup, windows });
    if (!entries.ok) return entries;
    return note(own(entries.value));
  }
  const changed = configure({ instruction, config: draft.config, lookup, setCmd: draft.setCmd, windows });
  if (!changed.ok) return changed;
  draft.config = { ...draft.config, ...changed.value };
  if (name === "CMD") draft.setCmd = true;
  // Docker: MAINTAINER is the author, a member of the image and not of its configuration.
  if (name === "MAINTAINER") draft.original = { ...draft.original, author: instruction.rest };
  if (name !== "WORKDIR") return note(false);
  const made = await workingFolder(draft, windows);
  return note(made.length > 0 && draft.tree.complete && own(made));
}

/** Docker and buildah: the folders that WORKDIR makes are those of USER. */
async function workingFolder({ config, tree }: Draft, windows: boolean): Promise<readonly TarEntry[]> {
  const path = imagePath("/", config.WorkingDir ?? "/", windows);
  const there = locate(tree, path)?.node !== undefined;
  const user = config.User ?? "";
  if (there || windows || !tree.complete || user === "") return folderEntries(tree, path, { uid: 0, gid: 0 });
  // A user that the image does not know is told by whoever starts it; buildah makes the folder root's.
  const owner = await ownerOf(user, tree);
  return folderEntries(tree, path, owner.ok ? owner.value : { uid: 0, gid: 0 });
}

function layer(draft: Draft, entries: Extract<Draft["layers"][number], { kind: "own" }>["entries"], from: Instruction) {
  draft.layers.push({ kind: "own", entries, place: placeOf(from) });
  return true;
}

/** COPY: the context, an earlier stage by name or number, or any image. */
async function sourceOf(work: Work, index: number, instruction: Instruction): Promise<Result<CopySource>> {
  const flag = instruction.flags.find((each) => each.name === "from");
  if (!flag) return ok(work.source);
  const place = placeOf(instruction, flag.at - instruction.restAt);
  const numbered = /^\d{1,4}$/.test(flag.value) ? Number(flag.value) : undefined;
  if (flag.value === "" || (numbered !== undefined && numbered >= index))
    return err(fault("bad-input", `COPY --from=${flag.value} names no earlier stage`, { place }));
  const stage = numbered ?? stageNamed(work.stages.stages, flag.value, index);
  const draft = stage === undefined ? await baseDraft(work, flag.value, place) : await stageAt(work, stage);
  return draft.ok ? ok(treeSource(draft.value.tree, flag.value)) : draft;
}
